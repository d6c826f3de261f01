// The operations of the KeyValue service, apart from gRPC's calls: check, hand to the shard, convert the answer.
//
// Each calls back exactly once, on any thread, at the latest at its deadline. Thread-safe.
#pragma once

#include <functional>
#include <memory>

#include "kv/v1/kv.pb.h"
#include "node/adapters/asio/shards.h"
#include "node/ring/ring.h"

namespace kv {

// A failure with code 0 means that the response is there.
using GetDone = std::function<void(v1::GetResponse, v1::Failure)>;
using WriteDone = std::function<void(v1::WriteResponse, v1::Failure)>;
using BatchDone = std::function<void(v1::BatchResponse, v1::Failure)>;
using PageDone = std::function<void(v1::ScanResponse, std::string next, v1::Failure)>;

class Operations {
 public:
  // Both outlive it.
  Operations(const Shards& shards, const Ring& ring) : shards_(shards), ring_(ring) {}

  void get(const v1::GetRequest& request, Instant deadline, GetDone done) const;
  void put(const v1::PutRequest& request, Instant deadline, WriteDone done) const;
  void del(const v1::DeleteRequest& request, Instant deadline, WriteDone done) const;
  void batch(const v1::BatchRequest& request, Instant deadline, BatchDone done) const;

  // One page of keys from the storage key `from` on, at most `max_items`. `next`: where the page after it starts; empty at
  // the end.
  void scan_page(const v1::ScanRequest& request, const std::string& from, std::uint64_t max_items,
                 Instant deadline, PageDone done) const;

  // The storage key at which a scan starts, or why it is refused.
  absl::StatusOr<std::string> scan_start(const v1::ScanRequest& request) const;

 private:
  void write(ClientWrite write, WriteDone done) const;

  const Shards& shards_;
  const Ring& ring_;
};

}  // namespace kv
