#include "client/src/messages.h"

#include <iterator>
#include <utility>

#include "client/src/failure.h"
#include "kv/limits.h"

namespace kv::client {
namespace {

v1::Level to_message(Level level) {
  switch (level) {
    case Level::kOne:
      return v1::LEVEL_ONE;
    case Level::kQuorum:
      return v1::LEVEL_QUORUM;
    case Level::kAll:
      return v1::LEVEL_ALL;
  }
  return v1::LEVEL_UNSPECIFIED;
}

v1::Durability to_message(Durability durability) {
  return durability == Durability::kDisk ? v1::DURABILITY_DISK : v1::DURABILITY_OS;
}

v1::Condition to_message(Condition condition) {
  return condition == Condition::kIfAbsent    ? v1::IF_ABSENT
         : condition == Condition::kIfCurrent ? v1::IF_CURRENT
                                              : v1::CONDITION_UNSPECIFIED;
}

Dot to_dot(const v1::Dot& dot) { return Dot{.actor = dot.actor(), .counter = dot.counter()}; }

template <typename Repeated>
std::vector<std::string> take_strings(Repeated* strings) {
  return {std::make_move_iterator(strings->begin()), std::make_move_iterator(strings->end())};
}

std::string text(absl::string_view view) { return std::string(view); }

// What every write says.
template <typename Request>
Request write_request(absl::string_view key, const WriteOptions& options) {
  Request request;
  request.set_bucket(options.bucket);
  request.set_key(text(key));
  request.set_level(to_message(options.level));
  request.set_durability(to_message(options.durability));
  if (!options.request_id.empty()) request.set_request_id(options.request_id);
  if (options.session != nullptr) request.set_session(options.session->bytes);
  return request;
}

}  // namespace

Failure to_failure(const absl::Status& refusal) {
  return Failure{.code = refusal.code(), .message = text(refusal.message())};
}

v1::GetRequest get_request(absl::string_view key, const ReadOptions& options) {
  v1::GetRequest request;
  request.set_bucket(options.bucket);
  request.set_key(text(key));
  request.set_level(to_message(options.level));
  if (options.session != nullptr) request.set_session(options.session->bytes);
  return request;
}

v1::PutRequest put_request(absl::string_view key, absl::string_view value,
                           const WriteOptions& options) {
  auto request = write_request<v1::PutRequest>(key, options);
  request.set_value(text(value));
  request.set_ttl_ms(static_cast<std::uint64_t>(options.ttl.count()));
  request.set_token(options.token);
  request.set_condition(to_message(options.condition));
  return request;
}

v1::UpdateRequest add_request(absl::string_view key, std::int64_t amount,
                              const WriteOptions& options) {
  auto request = write_request<v1::UpdateRequest>(key, options);
  request.set_add(amount);
  return request;
}

v1::UpdateRequest update_request(absl::string_view key, const Leaf& leaf, const LeafChange& change,
                                 const WriteOptions& options) {
  auto request = write_request<v1::UpdateRequest>(key, options);
  for (const std::string& field : leaf.path) request.mutable_leaf()->add_path(field);
  if (!leaf.policy.empty()) request.mutable_leaf()->set_policy(leaf.policy);
  if (!leaf.element.empty()) request.mutable_leaf()->set_element(leaf.element);
  request.set_ttl_ms(static_cast<std::uint64_t>(options.ttl.count()));
  switch (change.kind) {
    case LeafChange::Kind::kAdd:
      request.set_add(change.amount);
      break;
    case LeafChange::Kind::kPut:
      request.set_put(change.value);
      break;
    case LeafChange::Kind::kPresent:
    case LeafChange::Kind::kAbsent:
      request.set_present(change.kind == LeafChange::Kind::kPresent);
      break;
    case LeafChange::Kind::kRemove:
      request.set_remove(true);
      break;
  }
  return request;
}

v1::LeavesRequest leaves_request(absl::string_view key, const std::vector<std::string>& path,
                                 const ReadOptions& options) {
  v1::LeavesRequest request;
  request.set_bucket(options.bucket);
  request.set_key(text(key));
  request.set_level(to_message(options.level));
  for (const std::string& field : path) request.add_path(field);
  return request;
}

v1::DeleteRequest delete_request(absl::string_view key, const WriteOptions& options) {
  auto request = write_request<v1::DeleteRequest>(key, options);
  request.set_token(options.token);
  request.set_condition(to_message(options.condition));
  return request;
}

v1::BatchRequest batch_request(const std::vector<Operation>& operations,
                               const BatchOptions& options) {
  const ReadOptions read{.bucket = options.bucket, .level = options.level};
  WriteOptions write{
      .bucket = options.bucket, .level = options.level, .durability = options.durability};
  v1::BatchRequest request;
  for (const Operation& operation : operations) {
    v1::BatchRequest::Operation* added = request.add_operations();
    write.token = operation.token;
    write.ttl = operation.ttl;
    write.request_id = operation.request_id;
    switch (operation.kind) {
      case Operation::Kind::kGet:
        *added->mutable_get() = get_request(operation.key, read);
        break;
      case Operation::Kind::kPut:
        *added->mutable_put() = put_request(operation.key, operation.value, write);
        break;
      case Operation::Kind::kDelete:
        *added->mutable_delete_() = delete_request(operation.key, write);
        break;
      case Operation::Kind::kUpdate:
        *added->mutable_update() =
            update_request(operation.key, operation.leaf, operation.change, write);
        break;
    }
  }
  return request;
}

v1::ScanRequest scan_request(const ScanOptions& options, const std::string& last,
                             std::uint64_t visited) {
  v1::ScanRequest request;
  request.set_bucket(options.bucket);
  request.set_start(last.empty() ? options.start : successor(last));
  request.set_end(options.end);
  request.set_prefix(options.prefix);
  request.set_limit(options.limit == 0 ? 0 : options.limit - visited);
  request.set_level(to_message(options.level));
  return request;
}

std::string successor(std::string key) {
  if (key.size() < kMaxKeyBytes) {
    key.push_back('\0');
    return key;
  }
  while (!key.empty() && key.back() == '\xff') key.pop_back();
  if (!key.empty()) key.back() = static_cast<char>(static_cast<unsigned char>(key.back()) + 1);
  return key;
}

GetResult to_result(v1::GetResponse&& response) {
  GetResult result;
  result.values = take_strings(response.mutable_values());
  result.token = std::move(*response.mutable_token());
  result.replicas = take_strings(response.mutable_replicas());
  result.agreed = response.agreed();
  for (const v1::Dot& dot : response.dots()) result.dots.push_back(to_dot(dot));
  return result;
}

WriteResult to_result(v1::WriteResponse&& response) {
  return WriteResult{.dot = to_dot(response.dot()),
                     .token = std::move(*response.mutable_token()),
                     .acks = response.acks(),
                     .coordinator = std::move(*response.mutable_coordinator())};
}

OperationResult to_result(v1::BatchResponse::Result&& result, Operation::Kind kind) {
  const RequestKind request =
      kind == Operation::Kind::kGet ? RequestKind::kRead : RequestKind::kWrite;
  if (result.has_failure()) return to_failure(result.failure(), request);
  if (request == RequestKind::kRead && result.has_get())
    return OperationAnswer(to_result(std::move(*result.mutable_get())));
  if (request == RequestKind::kWrite && result.has_write()) {
    return OperationAnswer(to_result(std::move(*result.mutable_write())));
  }
  return Failure{
      .code = absl::StatusCode::kInternal,
      .message = "the node's answer does not fit the operation",
      .outcome = request == RequestKind::kRead ? Outcome::kNotApplied : Outcome::kUnknown};
}

ScanEntry to_entry(v1::ScanResponse::Entry&& entry) {
  return ScanEntry{.key = std::move(*entry.mutable_key()),
                   .values = take_strings(entry.mutable_values()),
                   .token = std::move(*entry.mutable_token())};
}

LeafEntry to_entry(v1::LeavesResponse::Entry&& entry) {
  v1::Leaf& leaf = *entry.mutable_leaf();
  return LeafEntry{.leaf = {.path = take_strings(leaf.mutable_path()),
                            .policy = std::move(*leaf.mutable_policy()),
                            .element = std::move(*leaf.mutable_element())},
                   .value = std::move(*entry.mutable_value())};
}

v1::WatchRequest watch_request(const WatchOptions& options) {
  v1::WatchRequest request;
  request.set_bucket(options.bucket);
  if (options.key.has_value())
    request.set_key(*options.key);
  else
    request.set_prefix(options.prefix);
  request.set_token(options.token);
  return request;
}

WatchEvent to_event(v1::WatchResponse::Event&& event) {
  WatchEvent out;
  out.key = std::move(*event.mutable_key());
  if (event.has_leaf()) {
    v1::Leaf& leaf = *event.mutable_leaf();
    out.leaf = Leaf{.path = take_strings(leaf.mutable_path()),
                    .policy = std::move(*leaf.mutable_policy()),
                    .element = std::move(*leaf.mutable_element())};
  }
  for (const v1::Dot& dot : event.dots()) out.dots.push_back({dot.actor(), dot.counter()});
  for (v1::WatchResponse::Version& version : *event.mutable_shown())
    out.shown.push_back({.value = std::move(*version.mutable_value()),
                         .dot = {version.dot().actor(), version.dot().counter()},
                         .expires_ms = version.expires_ms()});
  return out;
}

NodeReport to_report(const v1::StatusResponse& response) {
  NodeReport report;
  report.cluster = response.cluster();
  report.id = response.id();
  report.incarnation = response.incarnation();
  report.uptime_ms = response.uptime_ms();
  report.keys = response.keys();
  report.partitions = response.partitions();
  report.partitions_total = response.partitions_total();
  report.n = response.n();
  report.clock_skew_ms = response.clock_skew_ms();
  report.skewed = response.skewed();
  report.disk_bytes = response.disk_bytes();
  report.memory_bytes = response.memory_bytes();
  report.dot_log_entries = response.dot_log_entries();
  report.max_dot_log_entries = response.max_dot_log_entries();
  report.markers = response.markers();
  report.replicas_unfit = response.replicas_unfit();
  report.replicas_discarded = response.replicas_discarded();
  for (const auto& peer : response.peers()) {
    report.peers.push_back({.id = peer.id(),
                            .alive = peer.alive(),
                            .debt_dots = peer.debt_dots(),
                            .debt_age_ms = peer.debt_age_ms(),
                            .transfers_owed = peer.transfers_owed(),
                            .clock_skew_ms = peer.clock_skew_ms()});
  }
  for (const auto& member : response.members()) {
    report.members.push_back(
        {.id = member.id(), .client_address = member.client_address(), .zone = member.zone()});
  }
  const auto& totals = response.anti_entropy();
  report.anti_entropy = {.pages_sent = totals.pages_sent(),
                         .pages_received = totals.pages_received(),
                         .bytes_sent = totals.bytes_sent(),
                         .bytes_received = totals.bytes_received(),
                         .objects_sent = totals.objects_sent(),
                         .full_transfers = totals.full_transfers()};
  const auto& reads = response.reads();
  report.reads = {.asked = reads.asked(),
                  .hedges = reads.hedges(),
                  .spares = reads.spares(),
                  .repairs = reads.repairs(),
                  .repairs_skipped = reads.repairs_skipped()};
  const auto& scrub = response.scrub();
  report.scrub = {.bytes = scrub.bytes(),
                  .skipped = scrub.skipped(),
                  .different = scrub.different(),
                  .mended = scrub.mended(),
                  .passes = scrub.passes()};
  const auto& merges = response.merges();
  report.merges = {
      .merged = merges.merged(), .refused = merges.refused(), .broken = merges.broken()};
  return report;
}

}  // namespace kv::client
