// Scrub (2-protocol, section 5): finds what clocks cannot see. A clock says what a replica has processed, not that its disk
// still holds it.
//
// A slow pass reads all objects of all partitions here, range by range: what the disk has damaged is thereby found (Replica,
// damage.cc). Of each range a digest goes to the partition's other replicas. One whose clock is the same must hold the same;
// if it does not, it answers with what it holds, and key by key the majority of all replicas decides: this one takes what
// they agree in, or waits for the other to find out by its own pass. Without a majority, as of two replicas, what one of them
// holds is taken by all, for nothing else tells a loss from what should be gone; and if they hold two values under one dot, or in
// a causal bucket each a version that the other lacks, there is nothing that could be known, which is said and left.
//
// Markers and what expires are left out, for one replica may drop them before another; so is a key whose context is ahead of
// its replica's clock, for until the dot is known replicas may differ in it.
// While a partition is written its replicas' clocks are seldom equal; a range is tried a few times, and then left to the next
// pass.
// Not thread-safe: one shard owns it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "node/replica/neighbours.h"
#include "node/replica/step.h"

namespace kv {

struct ScrubOptions {
  std::int64_t bytes_per_s = 0;         // read here, on average; 0: no scrub
  std::size_t range_bytes = 64 * 1024;  // compared at once; one object may exceed it
  std::int64_t pause_ms = 250;          // between two ranges, at least
  std::int64_t reply_timeout_ms = 5000;
};

// Totals since the start of the process.
struct ScrubCounters {
  std::uint64_t bytes = 0;      // compared with at least one other replica
  std::uint64_t skipped = 0;    // ranges that no other replica was ready to compare
  std::uint64_t different = 0;  // keys in which replicas with equal clocks differed
  std::uint64_t mended = 0;     // those of them that were changed here
  std::uint64_t passes = 0;     // through all partitions here
};

class Scrub {
 public:
  // `first_request`: where the numbering of requests starts; random, so that no late reply is taken for another.
  Scrub(const ScrubOptions& options, const Neighbours& neighbours, Replicas& replicas,
        std::uint64_t first_request)
      : options_(options),
        neighbours_(neighbours),
        replicas_(replicas),
        last_request_(first_request) {}

  void tick(Step& step);  // begins the next range, gives up replies that are overdue
  Instant next_wake() const;

  // From `from`, for a partition that both hold a replica of. Another status than OK: this node could not read its disk.
  absl::Status on_request(Step& step, NodeIndex from, const Replica& replica,
                          const ScrubRequest& request) const;
  absl::Status on_reply(Step& step, NodeIndex from, Replica& replica, ScrubReply reply);

  const ScrubCounters& counters() const { return counters_; }

 private:
  // One that has been read here and sent to others.
  struct Range {
    std::uint64_t request = 0;
    Partition partition;
    LastingRange mine;
    std::uint64_t clock = 0;  // digest
    std::vector<NodeIndex> awaited;
    std::vector<std::optional<std::vector<Item>>> answers;  // none: what is held here
    Instant deadline;
  };

  absl::Status begin(Step& step);
  absl::Status conclude(Step& step);
  absl::Status compare(Step& step, Replica& replica, const Range& range);
  absl::Status settle(Step& step, Replica& replica, const std::string& key,
                      const std::vector<Object>& held);
  void advance(const Range& range);
  void retry_or_advance(const Range& range);
  void next_partition();

  const ScrubOptions options_;
  const Neighbours& neighbours_;
  Replicas& replicas_;
  std::uint64_t last_request_;
  Partition partition_{0};  // where the pass is
  std::string after_;       // the last key that has been covered there
  std::uint32_t tries_ = 0;
  std::optional<Range> range_;
  Instant next_;  // when the next range may begin
  ScrubCounters counters_;
};

}  // namespace kv
