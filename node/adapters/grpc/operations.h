// The operations of the KeyValue service, apart from gRPC's calls: check, hand to the shard, convert the answer.
//
// Each calls back exactly once, on any thread, at the latest at its deadline; until then the request stays where it is.
// Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "kv/v1/kv.pb.h"
#include "node/adapters/asio/shards.h"
#include "node/adapters/grpc/buckets.h"
#include "node/adapters/lua/merging.h"
#include "node/causality/session_codec.h"
#include "node/coordinator/scan.h"
#include "node/ring/ring.h"

namespace kv {

// A failure with code 0 means that the response is there.
using GetDone = std::function<void(v1::GetResponse, v1::Failure)>;
using WriteDone = std::function<void(v1::WriteResponse, v1::Failure)>;
using BatchDone = std::function<void(v1::BatchResponse, v1::Failure)>;
using RangeDone = std::function<void(const storage::Bucket&, const ScanRange&, const v1::Failure&)>;
using LeavesDone = std::function<void(v1::LeavesResponse, v1::Failure)>;
using PageDone = std::function<void(v1::ScanResponse, std::string next, v1::Failure)>;

class Operations {
 public:
  // Both outlive it.
  Operations(const Shards& shards, const Ring& ring)
      : shards_(shards), ring_(ring), buckets_(shards, ring, merging_) {}

  void get(const v1::GetRequest& request, Instant deadline, GetDone done) const;
  void put(const v1::PutRequest& request, Instant deadline, WriteDone done) const;
  void del(const v1::DeleteRequest& request, Instant deadline, WriteDone done) const;
  void update(const v1::UpdateRequest& request, Instant deadline, WriteDone done) const;
  void leaves(const v1::LeavesRequest& request, Instant deadline, LeavesDone done) const;
  void batch(const v1::BatchRequest& request, Instant deadline, BatchDone done) const;

  // The storage keys that a scan covers.
  void scan_range(const v1::ScanRequest& request, Instant deadline, RangeDone done) const;

  // The first page of a range, at most `max_items`. `next`: where the page after it starts; empty at the end.
  void scan_page(const storage::Bucket& bucket, const ScanRange& range, v1::Level level,
                 std::uint64_t max_items, Instant deadline, PageDone done) const;

  const Buckets& buckets() const { return buckets_; }
  MergeCounters merge_counters() const { return merging_.counters(); }

 private:
  // What a write stores in a bucket, or why it is refused there.
  struct Stored {
    std::optional<std::string> value{};  // none: a delete
    std::int64_t ttl_ms = 0;
  };
  using StoredFor = std::function<absl::StatusOr<Stored>(const storage::Bucket&)>;
  static absl::StatusOr<Stored> stored_by(const v1::PutRequest& request,
                                          const storage::Bucket& bucket);
  static absl::StatusOr<Stored> stored_by(const v1::UpdateRequest& request,
                                          const storage::Bucket& bucket);
  template <typename Request>
  void change(const Request& request, const std::string& token, Condition condition,
              Instant deadline, WriteDone done, StoredFor stored_for) const;
  void read(ClientGet get, std::optional<Session> session, GetDone done) const;
  void write(ClientWrite write, std::optional<Session> session, WriteDone done) const;

  // In buckets of policy custom (operations_merged.cc); of all others the same callback.
  GetDone merged(const storage::Bucket& bucket, GetDone done) const;
  PageDone merged(const storage::Bucket& bucket, PageDone done) const;
  void put_merged(const storage::Bucket& bucket, ClientWrite write, std::optional<Session> session,
                  WriteDone done) const;
  void write_merged(const storage::Bucket& bucket, const std::optional<ReadItem>& present,
                    ClientWrite write, std::optional<Session> session, const WriteDone& done) const;

  const Shards& shards_;
  const Ring& ring_;
  const Buckets buckets_;
  const Merging merging_;  // goes first: its threads use all the others
};

}  // namespace kv
