// How long nodes take to answer a read, measured by whoever asks: whom to ask first, and how long to wait before a spare one
// is asked (a *hedge*: Dean, Barroso, "The Tail at Scale", 2013).
//
// A node's figure is that of its latest answers, and is forgotten when there was none for a while: a node that was slow is so
// tried again. Hedges have a budget, a share of the reads, so that a cluster which is slow because it is overloaded is not
// asked for twice as much; without budget a read waits as long as it is told to at most.
// Not thread-safe: one shard owns it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "node/base/time.h"
#include "node/base/types.h"

namespace kv {

class Latencies {
 public:
  // It took so long to answer; or it has not answered for so long.
  void note(NodeIndex node, std::int64_t us, Instant now);

  // Sorts by what is typical of each, the fastest first; those of whom nothing is known lately come before all others, for
  // only who is asked can be known. Otherwise the order stays.
  void sort(std::vector<NodeIndex>& nodes, Instant now) const;

  // The time that 95 % of the node's latest answers took; 0 while too few are known.
  std::int64_t p95_us(NodeIndex node, Instant now) const;

 private:
  static constexpr std::size_t kSamples = 64;
  struct Recent {
    std::array<std::int64_t, kSamples> us{};  // a ring
    std::size_t count = 0;                    // ever, since it was forgotten last
    Instant latest;
    std::int64_t median_us = 0;
    std::int64_t p95_us = 0;
  };
  const Recent* fresh(NodeIndex node, Instant now) const;

  std::map<NodeIndex, Recent> nodes_;
};

// How many hedges may be sent: a few per hundred reads.
class HedgeBudget {
 public:
  void earn();   // a read asks other nodes
  bool spend();  // false: none is left

 private:
  std::int64_t hundredths_ = 100;
};

}  // namespace kv
