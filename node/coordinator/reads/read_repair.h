// Read repair: what a read that found replicas differing does for those that are behind. It is never in the way of the answer,
// and nothing depends on it: anti-entropy would bring the same, a moment later.
//
// In a bucket of an ordered policy the version that won is sent to each replica asked that has not processed it, and taken
// like the delta of its write. That is right without knowing what the write superseded, for all of that is earlier in the
// policy's order; and only the dot that names the version is marked as processed, whatever else the replicas knew.
//
// In all other buckets what has gone from an object cannot be told without the dots of the writes that removed it, which
// nothing in the object names: if those were lost, two replicas with equal clocks would differ for good. There the exchange of
// the partition is started at once instead (where this node holds a replica of it), which brings both.
//
// A read sends at most one version to each replica asked. A scan repairs nothing. What is sent has a budget of bytes a second,
// since a key that is written all the time is nowhere up to date for long, and its deltas are under way.
// Not thread-safe: one shard owns it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "node/coordinator/join_answers.h"
#include "node/replica/step.h"

namespace kv {

class ReadRepair {
 public:
  // `bytes_per_s`: the budget; whatever is left of a second's is kept for the next. At least 1.
  ReadRepair(NodeIndex self, std::int64_t bytes_per_s)
      : self_(self), bytes_per_s_(bytes_per_s), left_bytes_(bytes_per_s) {}

  // `nodes`: who gave the answers, in the same order.
  void repair(Step& step, Partition partition, const std::string& key, const Policy& policy,
              const std::vector<NodeIndex>& nodes, const std::vector<ReplicaObject>& answers,
              const Joined& joined);

  // For the caller to carry out, each once: versions that the replica here lacks, and partitions to be exchanged with a node.
  std::vector<std::pair<Partition, Repair>> take_repairs_here() { return std::exchange(here_, {}); }
  std::vector<std::pair<Partition, NodeIndex>> take_exchanges() {
    return std::exchange(exchanges_, {});
  }
  bool has_news() const { return !here_.empty() || !exchanges_.empty(); }  // for these two

  std::uint64_t sent() const { return sent_; }
  std::uint64_t skipped() const { return skipped_; }  // for want of budget

 private:
  bool afford(std::size_t bytes, Instant now);

  const NodeIndex self_;
  const std::int64_t bytes_per_s_;
  std::vector<std::pair<Partition, Repair>> here_;
  std::vector<std::pair<Partition, NodeIndex>> exchanges_;
  std::int64_t left_bytes_;  // negative after a version that was larger
  Instant filled_at_;
  std::uint64_t sent_ = 0;
  std::uint64_t skipped_ = 0;
};

}  // namespace kv
