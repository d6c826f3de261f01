#include "node/adapters/grpc/convert.h"

#include "absl/strings/str_cat.h"
#include "kv/v1/status.pb.h"
#include "node/base/check.h"
#include "node/coordinator/validate.h"
#include "node/storage/keys.h"

namespace kv {

grpc::Status to_grpc(const v1::Failure& failure) {
  v1::RpcStatus status;
  status.set_code(failure.code());
  status.set_message(failure.message());
  auto* any = status.add_details();
  any->set_type_url("type.googleapis.com/kv.v1.Failure");
  any->set_value(failure.SerializeAsString());
  return grpc::Status(static_cast<grpc::StatusCode>(failure.code()), failure.message(),
                      status.SerializeAsString());
}

absl::Status queue_full() {
  return absl::ResourceExhaustedError(
      "the node's request queue is full; not applied, try again later");
}

v1::Failure not_applied(const absl::Status& status) {
  v1::Failure failure;
  failure.set_code(static_cast<int>(status.code()));
  failure.set_message(std::string(status.message()));
  failure.set_outcome(v1::Failure::NOT_APPLIED);
  return failure;
}

v1::Failure to_failure(const WriteResult& result, const std::string& token,
                       const std::string& session) {
  v1::Failure failure;
  failure.set_code(static_cast<int>(result.code));
  failure.set_message(result.message);
  failure.set_outcome(result.outcome == Outcome::kNotApplied ? v1::Failure::NOT_APPLIED
                                                             : v1::Failure::UNKNOWN);
  if (result.dot.counter > 0) {
    *failure.mutable_dot() = to_proto(result.dot);
    failure.set_token(token);
    failure.set_session(session);
  }
  return failure;
}

v1::Failure to_failure(const ClientReadReply& reply) {
  return not_applied(absl::Status(reply.code, reply.message));
}

Level to_level(v1::Level level) {
  switch (level) {
    case v1::LEVEL_ONE:
      return Level::kOne;
    case v1::LEVEL_ALL:
      return Level::kAll;
    default:
      return Level::kQuorum;
  }
}

Durability to_durability(v1::Durability durability) {
  return durability == v1::DURABILITY_DISK ? Durability::kDisk : Durability::kOs;
}

Condition to_condition(v1::Condition condition) {
  return condition == v1::IF_ABSENT    ? Condition::kAbsent
         : condition == v1::IF_CURRENT ? Condition::kCurrent
                                       : Condition::kAlways;
}

absl::StatusOr<storage::Leaf> to_leaf(const v1::Leaf& leaf) {
  const auto policy = leaf.policy().empty() ? PolicyKind::kSet : find_policy(leaf.policy());
  if (!policy.has_value())
    return absl::InvalidArgumentError(absl::StrCat("there is no leaf of policy \"", leaf.policy(),
                                                   "\"; it is register, counter, flag or set"));
  return storage::Leaf{{leaf.path().begin(), leaf.path().end()}, *policy, leaf.element()};
}

void to_proto(const storage::Leaf& leaf, v1::Leaf* out) {
  for (const std::string& field : leaf.path) out->add_path(field);
  if (!leaf.path.empty()) out->set_policy(std::string(policy(leaf.policy).name()));
  out->set_element(leaf.element);
}

void to_proto(const ReadItem& item, v1::LeavesResponse::Entry* out) {
  const auto leaf = storage::leaf_of(item.key);
  KV_CHECK(leaf.has_value(), "what is stored was checked");
  to_proto(*leaf, out->mutable_leaf());
  for (const Version& version : item.versions)
    if (version.value.has_value()) out->set_value(*version.value);
}

v1::Dot to_proto(Dot dot) {
  v1::Dot out;
  out.set_actor(dot.actor.id);
  out.set_counter(dot.counter);
  return out;
}

void to_proto(const ClientReadReply& reply, const Ring& ring, v1::GetResponse* out) {
  const ReadItem& item = reply.items.front();
  for (const Version& version : item.versions) {
    if (version.value.has_value()) out->add_values(*version.value);
    *out->add_dots() = to_proto(version.dot);
  }
  out->set_token(make_token(item.token, item.key));
  for (const NodeIndex node : reply.replicas) out->add_replicas(ring.node_id(node));
  out->set_agreed(reply.agreed);
}

void to_proto(const ReadItem& item, v1::ScanResponse::Entry* out) {
  out->set_key(std::string(storage::user_key_of(item.key)));
  for (const Version& version : item.versions)
    if (version.value.has_value()) out->add_values(*version.value);
  out->set_token(make_token(item.token, item.key));
}

}  // namespace kv
