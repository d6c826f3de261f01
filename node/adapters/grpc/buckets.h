// The buckets of the cluster: their definitions live in the catalog, the partition that every node holds (ring.h), one key
// each, and never change.
//
// A definition is an object of policy siblings, so that nothing decides silently between two that are made at the same time:
// whoever makes one *proposes* it at QUORUM and reads at QUORUM. Of two at least one sees the other's. Who sees another takes its
// own back and is refused, even if that makes two; who sees none writes the definition, at QUORUM, in place of the proposal. So of
// any name at most one definition is ever made, and only those count: nobody uses a proposal. What a maker that died has proposed
// stays, and stands in the way of other definitions of that name, since it might have been made somewhere; who makes the same one
// finishes it.
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
#include "node/adapters/lua/merging.h"
#include "node/ring/ring.h"
#include "node/storage/keys.h"

namespace kv {

// A failure with code 0 means that the rest is there.
using BucketDone = std::function<void(const storage::Bucket&, const v1::Failure&)>;
using BucketsDone = std::function<void(const std::vector<storage::Bucket>&, const v1::Failure&)>;

class Buckets {
 public:
  // All outlive it.
  Buckets(const Shards& shards, const Ring& ring, const Merging& merging)
      : shards_(shards), ring_(ring), merging_(merging) {}

  // "" means the default one. NOT_FOUND, or why a quorum could not be asked.
  void find(const std::string& name, Instant deadline, BucketDone done) const;

  // Succeeds as well when the same bucket exists; ALREADY_EXISTS for another one of that name, ABORTED while another one is
  // proposed. A merge function is tried first (node/adapters/lua/laws.h).
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
  void propose(const storage::Bucket& bucket, Instant deadline, BucketDone done) const;
  void confirm(const storage::Bucket& bucket, Dot own, Instant deadline, BucketDone done) const;
  void define(const storage::Bucket& bucket, Token seen, Instant deadline, BucketDone done) const;
  void list_from(std::string from, std::vector<storage::Bucket> found, Instant deadline,
                 BucketsDone done) const;

  const Shards& shards_;
  const Ring& ring_;
  const Merging& merging_;
  mutable std::shared_mutex mutex_;
  mutable std::map<std::string, storage::Bucket> known_;  // those that a quorum has confirmed
};

v1::Bucket to_proto(const storage::Bucket& bucket);

}  // namespace kv
