// The buckets of the cluster: their definitions live in the catalog, the partition that every node holds (ring.h), one key
// each, and never change.
//
// A definition is an object of policy siblings, so that nothing decides silently between two that were created at the same
// time: whoever creates one writes it at QUORUM, reads at QUORUM, and takes its own back when another is there. Of two
// creations at least one sees the other.
//
// Each function calls back exactly once, on any thread, at the latest at its deadline. Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "kv/v1/admin.pb.h"
#include "kv/v1/kv.pb.h"
#include "node/adapters/asio/shards.h"
#include "node/ring/ring.h"
#include "node/storage/keys.h"

namespace kv {

// A failure with code 0 means that the rest is there.
using BucketDone = std::function<void(const storage::Bucket&, const v1::Failure&)>;
using BucketsDone = std::function<void(const std::vector<storage::Bucket>&, const v1::Failure&)>;

class Buckets {
 public:
  // Both outlive it.
  Buckets(const Shards& shards, const Ring& ring) : shards_(shards), ring_(ring) {}

  // "" means the default one. NOT_FOUND, or why a quorum could not be asked.
  void find(const std::string& name, Instant deadline, BucketDone done) const;

  // Succeeds as well when the same bucket exists; ALREADY_EXISTS for another one of that name.
  void create(const v1::Bucket& bucket, Instant deadline, BucketDone done) const;

  // Ascending by name.
  void list(Instant deadline, BucketsDone done) const;

 private:
  using ReadDone = std::function<void(const ClientReadReply&)>;
  using WriteDone = std::function<void(const ClientWriteReply&)>;

  std::optional<storage::Bucket> known(const std::string& name) const;
  void remember(const storage::Bucket& bucket) const;
  void read(const std::string& name, Level level, Instant deadline, ReadDone done) const;
  void write(const std::string& name, std::optional<std::string> value, std::optional<Token> token,
             Instant deadline, WriteDone done) const;
  void define(const storage::Bucket& bucket, Instant deadline, BucketDone done) const;
  void confirm(const storage::Bucket& bucket, Dot own, Instant deadline, BucketDone done) const;
  void list_from(std::string from, std::vector<storage::Bucket> found, Instant deadline,
                 BucketsDone done) const;

  const Shards& shards_;
  const Ring& ring_;
  mutable std::shared_mutex mutex_;
  mutable std::map<std::string, storage::Bucket> known_;  // those that a quorum has confirmed
};

v1::Bucket to_proto(const storage::Bucket& bucket);

}  // namespace kv
