#include "node/adapters/grpc/inspection.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node/adapters/asio/clock.h"
#include "node/adapters/grpc/convert.h"
#include "node/base/limits.h"
#include "node/coordinator/validate.h"
#include "node/storage/collections.h"

namespace kv {
namespace {

// One response that all shards fill, one after the other.
template <typename Response>
struct Gather {
  Gather(std::size_t shards, InspectionDone<Response> when_all)
      : left(shards), done(std::move(when_all)) {}

  // Called on the shard's thread with what it has to add.
  template <typename Add>
  void add(const Add& adds) {
    {
      const std::lock_guard lock(mutex);
      adds(response);
      if (--left > 0) return;
    }
    done(std::move(response), failure);
  }

  std::mutex mutex;
  Response response;
  v1::Failure failure;  // of any of them
  std::size_t left;
  const InspectionDone<Response> done;
};

void fill(const Version& version, v1::ExplainResponse::Version* out) {
  *out->mutable_dot() = to_proto(version.dot);
  out->set_hlc(version.hlc.bits);
  out->set_marker(!version.value.has_value());
  out->set_expires_ms(version.expires.ms);
  if (version.value.has_value()) out->set_value(*version.value);
}

bool is_asked_for(const v1::ConflictsRequest& request, const v1::ConflictsResponse::Conflict& one) {
  if (request.has_dot())
    return request.dot().actor() == one.dot().actor() &&
           request.dot().counter() == one.dot().counter();
  if (request.bucket().empty()) return true;
  return request.bucket() == one.bucket() && (request.key().empty() || request.key() == one.key());
}

v1::ConflictsResponse::Conflict told(const NotedConflict& noted, bool with_value) {
  const storage::Conflict& conflict = noted.conflict;
  const Version& lost = conflict.lost;
  v1::ConflictsResponse::Conflict out;
  *out.mutable_dot() = to_proto(lost.dot);
  out.set_bucket(std::string(storage::bucket_of(conflict.key)));
  if (storage::is_collection(PolicyKind{conflict.key.front()})) {
    out.set_key(storage::collection_of(conflict.key));
    for (std::string& field : storage::leaf_of(conflict.key).value_or(storage::Leaf{}).path)
      out.add_path(std::move(field));
  } else {
    out.set_key(std::string(storage::user_key_of(conflict.key)));
  }
  out.set_hlc(lost.hlc.bits);
  out.set_marker(!lost.value.has_value() && conflict.left_out == 0);
  if (with_value && lost.value.has_value()) out.set_value(*lost.value);
  out.set_value_bytes(lost.value.has_value() ? lost.value->size() : conflict.left_out);
  out.set_value_kept(lost.value.has_value());
  out.set_expires_ms(lost.expires.ms);
  *out.mutable_winner() = to_proto(conflict.winner);
  out.set_winner_hlc(conflict.winner_hlc.bits);
  out.set_noted_ms(noted.at.ms);
  return out;
}

// The latest first, as many as are to be told.
v1::ConflictsResponse latest_of(v1::ConflictsResponse all, std::size_t limit) {
  constexpr std::size_t kMaxBytes = 2 * 1024 * 1024;
  std::stable_sort(all.mutable_conflicts()->begin(), all.mutable_conflicts()->end(),
                   [](const auto& a, const auto& b) { return a.noted_ms() > b.noted_ms(); });
  int told = 0;
  for (std::size_t bytes = 0; told < all.conflicts_size(); ++told) {
    bytes += all.conflicts(told).ByteSizeLong();
    if (static_cast<std::size_t>(told) >= limit || (told > 0 && bytes > kMaxBytes)) break;
  }
  all.set_more(told < all.conflicts_size());
  all.mutable_conflicts()->DeleteSubrange(told, all.conflicts_size() - told);
  return all;
}

}  // namespace

void Inspection::add_replicas(Partition partition,
                              google::protobuf::RepeatedPtrField<std::string>* out) const {
  for (const NodeIndex node : ring_.replicas(partition)) *out->Add() = ring_.node_id(node);
}

void Inspection::clocks(InspectionDone<v1::ClocksResponse> done) const {
  const auto sorted = [done = std::move(done)](v1::ClocksResponse response,
                                               const v1::Failure& failure) {
    std::sort(response.mutable_replicas()->begin(), response.mutable_replicas()->end(),
              [](const auto& a, const auto& b) { return a.partition() < b.partition(); });
    done(std::move(response), failure);
  };
  const auto gather = std::make_shared<Gather<v1::ClocksResponse>>(shards_.all().size(), sorted);
  gather->response.set_id(ring_.node_id(self_));
  for (const auto& shard : shards_.all())
    shard->look([this, gather](const Core& core) {
      gather->add([&](v1::ClocksResponse& response) {
        for (const ReplicaClocks& clocks : core.clocks()) {
          auto* replica = response.add_replicas();
          replica->set_partition(clocks.partition.value);
          replica->set_applied(clocks.applied);
          replica->set_durable(clocks.durable);
          add_replicas(clocks.partition, replica->mutable_replicas());
        }
      });
    });
}

void Inspection::holds(const v1::HoldsRequest& request,
                       InspectionDone<v1::HoldsResponse> done) const {
  if (static_cast<std::size_t>(request.dots_size()) > kMaxBatchOperations)
    return done({}, not_applied(absl::InvalidArgumentError(absl::StrCat(
                        request.dots_size(), " dots; the limit is ", kMaxBatchOperations))));
  const auto gather =
      std::make_shared<Gather<v1::HoldsResponse>>(shards_.all().size(), std::move(done));
  gather->response.set_id(ring_.node_id(self_));
  std::vector<Dot> dots;
  for (const v1::Dot& dot : request.dots()) {
    dots.push_back({Actor{dot.actor()}, dot.counter()});
    gather->response.add_held();
  }
  for (const auto& shard : shards_.all())
    shard->look([this, gather, dots](const Core& core) {
      gather->add([&](v1::HoldsResponse& response) {
        for (std::size_t i = 0; i < dots.size(); ++i) {
          const auto found = core.find(dots[i]);
          if (!found.has_value()) continue;
          auto* held = response.mutable_held(static_cast<int>(i));
          held->set_applied(true);
          held->set_durable(found->durable);
          held->set_partition(found->partition.value);
          add_replicas(found->partition, held->mutable_replicas());
        }
      });
    });
}

void Inspection::explain(const v1::ExplainRequest& request, Instant deadline,
                         InspectionDone<v1::ExplainResponse> done) const {
  buckets_.find(request.bucket(), deadline,
                [=, this, &request](const storage::Bucket& bucket, const v1::Failure& unknown) {
                  if (unknown.code() != 0) return done({}, unknown);
                  auto key = checked_key(bucket, request.key());
                  if (!key.ok()) return done({}, not_applied(key.status()));
                  const Partition partition = ring_.partition_of(*key, bucket.n);
                  v1::ExplainResponse response;
                  response.set_id(ring_.node_id(self_));
                  response.set_policy(std::string(policy(bucket.policy).name()));
                  response.set_partition(partition.value);
                  add_replicas(partition, response.mutable_replicas());
                  if (!ring_.is_replica(partition, self_)) return done(std::move(response), {});
                  shards_.of(partition).look([=, key = *std::move(key)](const Core& core) mutable {
                    const auto object = core.object(partition, key);
                    if (!object.ok()) return done({}, not_applied(object.status()));
                    response.set_is_replica(true);
                    response.set_context_dots(object->context.count());
                    for (const Version& version : object->versions)
                      fill(version, response.add_versions());
                    const auto left = without_expired(object->versions, now().wall);
                    for (const Version& version : policy(bucket.policy).shown(left))
                      fill(version, response.add_shown());
                    done(std::move(response), {});
                  });
                });
}

void Inspection::conflicts(const v1::ConflictsRequest& request,
                           InspectionDone<v1::ConflictsResponse> done) const {
  if (request.limit() > kMaxConflicts)
    return done({}, not_applied(absl::InvalidArgumentError(absl::StrCat(
                        "limit: ", request.limit(), "; at most ", kMaxConflicts, " are told"))));
  const std::size_t limit = request.limit() == 0 ? kMaxConflicts : request.limit();
  const auto latest = [limit, done = std::move(done)](v1::ConflictsResponse response,
                                                      const v1::Failure& failure) {
    if (failure.code() != 0) return done({}, failure);
    done(latest_of(std::move(response), limit), {});
  };
  const auto gather = std::make_shared<Gather<v1::ConflictsResponse>>(shards_.all().size(), latest);
  gather->response.set_id(ring_.node_id(self_));
  for (const auto& shard : shards_.all())
    shard->look([gather, request](const Core& core) {
      const auto noted = core.conflicts();
      gather->add([&](v1::ConflictsResponse& response) {
        if (!noted.ok()) {
          gather->failure = not_applied(noted.status());
          return;
        }
        for (const NotedConflict& each : *noted)
          if (auto conflict = told(each, request.has_dot()); is_asked_for(request, conflict))
            *response.add_conflicts() = std::move(conflict);
      });
    });
}

}  // namespace kv
