#include "node/adapters/grpc/operations.h"

#include <atomic>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "node/adapters/grpc/convert.h"
#include "node/base/limits.h"
#include "node/coordinator/reads/session.h"
#include "node/coordinator/request_id.h"
#include "node/coordinator/scan.h"
#include "node/coordinator/validate.h"
#include "node/storage/keys.h"

namespace kv {
namespace {

std::size_t size_of(const v1::UpdateRequest& update) {
  std::size_t bytes = update.key().size() + update.leaf().element().size();
  for (const std::string& field : update.leaf().path()) bytes += field.size();
  return bytes + (update.has_put() ? update.put().size() : 0);
}

std::size_t size_of(const v1::BatchRequest::Operation& operation) {
  switch (operation.kind_case()) {
    case v1::BatchRequest::Operation::kGet:
      return operation.get().key().size();
    case v1::BatchRequest::Operation::kPut:
      return operation.put().key().size() + operation.put().value().size();
    case v1::BatchRequest::Operation::kDelete:
      return operation.delete_().key().size();
    case v1::BatchRequest::Operation::kUpdate:
      return size_of(operation.update());
    case v1::BatchRequest::Operation::KIND_NOT_SET:
      return 0;
  }
  return 0;
}

absl::Status check_batch(const v1::BatchRequest& request) {
  const auto count = static_cast<std::size_t>(request.operations_size());
  if (count > kMaxBatchOperations)
    return absl::InvalidArgumentError(
        absl::StrCat("batch of ", count, " operations; the limit is ", kMaxBatchOperations));
  std::size_t bytes = 0;
  for (const auto& operation : request.operations()) bytes += size_of(operation);
  if (count > 1 && bytes > kMaxBatchBytes)  // one operation alone has its own limits
    return absl::InvalidArgumentError(absl::StrCat(
        "batch of ", bytes, " bytes of keys and values; the limit is ", kMaxBatchBytes));
  return absl::OkStatus();
}

// The storage key that a write means.
template <typename Request>
absl::StatusOr<std::string> key_in(const storage::Bucket& bucket, const Request& request) {
  return checked_key(bucket, request.key());
}
absl::StatusOr<std::string> key_in(const storage::Bucket& bucket,
                                   const v1::UpdateRequest& request) {
  if (!request.has_leaf()) return checked_key(bucket, request.key());
  const auto leaf = to_leaf(request.leaf());
  if (!leaf.ok()) return leaf.status();
  return checked_leaf(bucket, request.key(), *leaf);
}

}  // namespace

void Operations::get(const v1::GetRequest& request, Instant deadline, GetDone done) const {
  buckets_.find(request.bucket(), deadline,
                [=, this, &request](const storage::Bucket& bucket, const v1::Failure& unknown) {
                  if (unknown.code() != 0) return done({}, unknown);
                  auto key = checked_key(bucket, request.key());
                  if (!key.ok()) return done({}, not_applied(key.status()));
                  auto session = checked_session(request.has_session(), request.session(),
                                                 ring_.all_partitions());
                  if (!session.ok()) return done({}, not_applied(session.status()));
                  const Partition partition = ring_.partition_of(*key, bucket.n);
                  ClientGet get{0, partition, *std::move(key), to_level(request.level()), deadline};
                  read(std::move(get), *std::move(session), merged(bucket, done));
                });
}

void Operations::read(ClientGet get, std::optional<Session> session, GetDone done) const {
  const Partition partition = get.partition;
  if (session.has_value()) {
    const auto needs = session->needs.find(partition);
    get.session = needs == session->needs.end() ? Clock{} : needs->second;
  }
  const auto answer = [done, this, partition, session](const ClientReadReply& reply) {
    if (reply.code != absl::StatusCode::kOk) return done({}, to_failure(reply));
    v1::GetResponse response;
    to_proto(reply, ring_, &response);
    if (session.has_value()) {
      auto bytes = session_after_read(*session, partition, reply);
      if (!bytes.ok()) return done({}, not_applied(bytes.status()));
      response.set_session(*std::move(bytes));
    }
    done(std::move(response), {});
  };
  if (!shards_.of(partition).submit(std::move(get), answer)) done({}, not_applied(queue_full()));
}

void Operations::put(const v1::PutRequest& request, Instant deadline, WriteDone done) const {
  const absl::Status value = check_value(request.value());
  if (!value.ok()) return done({}, not_applied(value));
  change(request, request.token(), to_condition(request.condition()), deadline, std::move(done),
         [&request](const storage::Bucket& bucket) { return stored_by(request, bucket); });
}

absl::StatusOr<Operations::Stored> Operations::stored_by(const v1::PutRequest& request,
                                                         const storage::Bucket& bucket) {
  if (bucket.policy == PolicyKind::kCounter)
    return absl::InvalidArgumentError(
        absl::StrCat("bucket \"", bucket.name, "\" holds counters: they are added to, not put"));
  if (bucket.policy == PolicyKind::kFlag && request.value() == "false") return Stored{};
  if (bucket.policy == PolicyKind::kFlag && request.value() != "true")
    return absl::InvalidArgumentError(absl::StrCat(
        "bucket \"", bucket.name, "\" holds flags: they are put to \"true\" or \"false\""));
  const absl::Status ttl = check_ttl(request.ttl_ms(), bucket.policy);
  if (!ttl.ok()) return ttl;
  const auto ttl_ms = static_cast<std::int64_t>(request.ttl_ms());
  return Stored{request.value(), ttl_ms > 0 ? ttl_ms : bucket.ttl_ms};
}

void Operations::del(const v1::DeleteRequest& request, Instant deadline, WriteDone done) const {
  change(request, request.token(), to_condition(request.condition()), deadline, std::move(done),
         [](const storage::Bucket&) -> absl::StatusOr<Stored> { return Stored{}; });
}

void Operations::update(const v1::UpdateRequest& request, Instant deadline, WriteDone done) const {
  change(request, "", Condition::kAlways, deadline, std::move(done),
         [&request](const storage::Bucket& bucket) { return stored_by(request, bucket); });
}

absl::StatusOr<Operations::Stored> Operations::stored_by(const v1::UpdateRequest& request,
                                                         const storage::Bucket& bucket) {
  const auto leaf = to_leaf(request.leaf());
  if (!leaf.ok()) return leaf.status();
  const PolicyKind kind = storage::is_collection(bucket.policy) ? leaf->policy : bucket.policy;
  const auto refused = [&](const char* only) {
    return absl::InvalidArgumentError(
        absl::StrCat("bucket \"", bucket.name, "\": this is of policy ",
                     std::string(policy(kind).name()), "; only ", only));
  };
  const absl::Status ttl = check_ttl(request.ttl_ms(), kind);
  if (!ttl.ok()) return ttl;
  const auto ttl_ms = static_cast<std::int64_t>(request.ttl_ms());
  const bool is_mark = kind == PolicyKind::kSet || kind == PolicyKind::kFlag;
  switch (request.operation_case()) {
    case v1::UpdateRequest::kAdd:
      if (kind != PolicyKind::kCounter) return refused("a counter can be added to");
      return Stored{absl::StrCat(request.add())};
    case v1::UpdateRequest::kPut: {
      if (kind != PolicyKind::kRegister) return refused("a register in a map is put by an update");
      const absl::Status value = check_value(request.put());
      if (!value.ok()) return value;
      return Stored{request.put(), ttl_ms > 0 ? ttl_ms : bucket.ttl_ms};
    }
    case v1::UpdateRequest::kPresent:
      if (!is_mark) return refused("an element of a set, or a flag in a map, is present or not");
      if (!request.present()) return Stored{};
      return Stored{kind == PolicyKind::kFlag ? "true" : "", ttl_ms > 0 ? ttl_ms : bucket.ttl_ms};
    case v1::UpdateRequest::kRemove:
      if (!storage::is_collection(bucket.policy))
        return refused("what sets and maps hold is removed by an update; delete the key");
      return Stored{};
    default:
      return absl::InvalidArgumentError("the update names no operation that is known here");
  }
}

void Operations::leaves(const v1::LeavesRequest& request, Instant deadline, LeavesDone done) const {
  buckets_.find(
      request.bucket(), deadline,
      [=, this, &request](const storage::Bucket& bucket, const v1::Failure& unknown) {
        if (unknown.code() != 0) return done({}, unknown);
        auto range =
            checked_leaves(bucket, request.key(), {request.path().begin(), request.path().end()});
        if (!range.ok()) return done({}, not_applied(range.status()));
        const Partition partition =
            ring_.partition_of(storage::placement_of(range->from), bucket.n);
        const std::string from = std::max(range->from, storage::next_key(request.after()));
        const std::uint64_t limit = request.limit() == 0 ? kMaxScanPageItems : request.limit();
        ClientScan scan{0,
                        partition,
                        std::min(from, range->end),
                        range->end,
                        static_cast<std::uint32_t>(std::min(limit, kMaxScanPageItems)),
                        static_cast<std::uint32_t>(kMaxScanPageBytes),
                        to_level(request.level()),
                        deadline};
        const auto answer = [done](const ClientReadReply& reply) {
          if (reply.code != absl::StatusCode::kOk) return done({}, to_failure(reply));
          v1::LeavesResponse response;
          for (const ReadItem& item : reply.items) to_proto(item, response.add_entries());
          if (reply.more) response.set_next(reply.last);
          done(std::move(response), {});
        };
        if (!shards_.of(partition).submit(std::move(scan), answer))
          done({}, not_applied(queue_full()));
      });
}

template <typename Request>
void Operations::change(const Request& request, const std::string& token, Condition condition,
                        Instant deadline, WriteDone done, StoredFor stored_for) const {
  if (condition == Condition::kCurrent && token.empty())
    return done({}, not_applied(absl::InvalidArgumentError(
                        "the condition that the key has not changed needs a token")));
  buckets_.find(request.bucket(), deadline,
                [=, this, &request](const storage::Bucket& bucket, const v1::Failure& unknown) {
                  if (unknown.code() != 0) return done({}, unknown);
                  auto key = key_in(bucket, request);
                  if (!key.ok()) return done({}, not_applied(key.status()));
                  auto sent = checked_token(token, *key);
                  if (!sent.ok()) return done({}, not_applied(sent.status()));
                  auto session = checked_session(request.has_session(), request.session(),
                                                 ring_.all_partitions());
                  if (!session.ok()) return done({}, not_applied(session.status()));
                  const absl::Status room = check_room_for_write(request.session());
                  if (!room.ok()) return done({}, not_applied(room));
                  auto stored = stored_for(bucket);
                  if (!stored.ok()) return done({}, not_applied(stored.status()));
                  const Partition partition =
                      ring_.partition_of(storage::placement_of(*key), bucket.n);
                  ClientWrite one{0,
                                  partition,
                                  *std::move(key),
                                  std::move(stored->value),
                                  *std::move(sent),
                                  to_level(request.level()),
                                  to_durability(request.durability()),
                                  deadline,
                                  condition,
                                  stored->ttl_ms,
                                  session->has_value() ? (*session)->hlc : Hlc{}};
                  // Of what was asked for: a merge may change what is stored.
                  const auto id = checked_request_id(request.request_id(), one);
                  if (!id.ok()) return done({}, not_applied(id.status()));
                  one.request = *id;
                  if (bucket.policy == PolicyKind::kCustom && one.value.has_value())
                    return put_merged(bucket, std::move(one), *std::move(session), done);
                  write(std::move(one), *std::move(session), done);
                });
}

void Operations::write(ClientWrite write, std::optional<Session> session, WriteDone done) const {
  Shard& shard = shards_.of(write.partition);
  const auto answer = [done, this, key = write.key, partition = write.partition,
                       token = write.token, session](const ClientWriteReply& reply) {
    const std::string token_after =
        reply.result.dot.counter > 0
            ? token_after_write(token, reply.result.dot, reply.result.hlc, key)
            : "";
    const std::string session_after =
        session.has_value() ? session_after_write(*session, partition, reply.result) : "";
    if (reply.result.outcome != Outcome::kApplied)
      return done({}, to_failure(reply.result, token_after, session_after));
    v1::WriteResponse response;
    response.set_session(session_after);
    *response.mutable_dot() = to_proto(reply.result.dot);
    response.set_token(token_after);
    response.set_acks(reply.result.acks);
    response.set_coordinator(ring_.node_id(reply.coordinator));
    done(std::move(response), {});
  };
  if (!shard.submit(std::move(write), answer)) done({}, not_applied(queue_full()));
}

void Operations::batch(const v1::BatchRequest& request, Instant deadline, BatchDone done) const {
  const absl::Status status = check_batch(request);
  if (!status.ok()) return done({}, not_applied(status));
  if (request.operations().empty()) return done({}, {});
  struct Gather {
    v1::BatchResponse response;
    std::atomic<int> left;
    BatchDone done;
    void one_more() {
      if (left.fetch_sub(1) == 1) done(std::move(response), {});
    }
  };
  const auto gather = std::make_shared<Gather>();
  gather->left = request.operations_size();
  gather->done = std::move(done);
  for (int i = 0; i < request.operations_size(); ++i) gather->response.add_results();
  for (int i = 0; i < request.operations_size(); ++i) {
    v1::BatchResponse::Result* result = gather->response.mutable_results(i);
    const auto written = [gather, result](v1::WriteResponse response, v1::Failure failure) {
      if (failure.code() == 0)
        *result->mutable_write() = std::move(response);
      else
        *result->mutable_failure() = std::move(failure);
      gather->one_more();
    };
    const auto& operation = request.operations(i);
    if (operation.has_put()) {
      put(operation.put(), deadline, written);
    } else if (operation.has_delete_()) {
      del(operation.delete_(), deadline, written);
    } else if (operation.has_update()) {
      update(operation.update(), deadline, written);
    } else if (operation.has_get()) {
      get(operation.get(), deadline,
          [gather, result](v1::GetResponse response, v1::Failure failure) {
            if (failure.code() == 0)
              *result->mutable_get() = std::move(response);
            else
              *result->mutable_failure() = std::move(failure);
            gather->one_more();
          });
    } else {
      written({}, not_applied(absl::InvalidArgumentError(
                      absl::StrCat("operation ", i, " is of no known kind"))));
    }
  }
}

void Operations::scan_range(const v1::ScanRequest& request, Instant deadline,
                            RangeDone done) const {
  for (const auto& [name, key] : {std::pair{"start", &request.start()},
                                  {"end", &request.end()},
                                  {"prefix", &request.prefix()}})
    if (key->size() > kMaxKeyBytes)
      return done({}, {},
                  not_applied(absl::InvalidArgumentError(absl::StrCat(
                      name, " of ", key->size(), " bytes; the limit is ", kMaxKeyBytes))));
  buckets_.find(
      request.bucket(), deadline,
      [=, &request](const storage::Bucket& bucket, const v1::Failure& unknown) {
        if (unknown.code() != 0) return done({}, {}, unknown);
        done(bucket, kv::scan_range(bucket, request.start(), request.end(), request.prefix()), {});
      });
}

void Operations::scan_page(const storage::Bucket& bucket, const ScanRange& range, v1::Level level,
                           std::uint64_t max_items, Instant deadline, PageDone page_done) const {
  const PageDone done = merged(bucket, std::move(page_done));
  struct Gather {
    std::mutex mutex;
    std::vector<ClientReadReply> chunks;
    v1::Failure failure;
    std::size_t left = 0;
  };
  const auto gather = std::make_shared<Gather>();
  gather->left = ring_.partitions();
  const std::uint64_t items = std::min<std::uint64_t>(max_items, kMaxScanPageItems);
  const auto chunk_done = [gather, done, items](ClientReadReply reply) {
    {
      const std::lock_guard lock(gather->mutex);
      if (reply.code != absl::StatusCode::kOk) gather->failure = to_failure(reply);
      gather->chunks.push_back(std::move(reply));
      if (--gather->left > 0) return;
    }
    if (gather->failure.code() != 0) return done({}, "", gather->failure);
    ScanPage page = merge_chunks(std::move(gather->chunks), items, kMaxScanPageBytes);
    v1::ScanResponse response;
    for (const ReadItem& item : page.items) to_proto(item, response.add_entries());
    done(std::move(response), page.more ? storage::next_key(page.last) : "", {});
  };
  for (std::uint32_t p = 0; p < ring_.partitions(); ++p) {
    const Partition partition{
        static_cast<std::uint16_t>(ring_.first_partition(bucket.n).value + p)};
    ClientScan scan{0,
                    partition,
                    range.from,
                    range.end,
                    static_cast<std::uint32_t>(items),
                    chunk_bytes(kMaxScanPageBytes, ring_.partitions()),
                    to_level(level),
                    deadline};
    if (!shards_.of(partition).submit(std::move(scan), chunk_done)) {
      ClientReadReply refused;
      refused.code = absl::StatusCode::kResourceExhausted;
      refused.message = std::string(queue_full().message());
      chunk_done(std::move(refused));
    }
  }
}

}  // namespace kv
