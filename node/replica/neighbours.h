// What a shard must know of the cluster around it.
#pragma once

#include <string>
#include <vector>

#include "node/base/types.h"
#include "node/membership/skew_guard.h"
#include "node/replica/replica.h"
#include "node/ring/ring.h"

namespace kv {

using Replicas = FlatMap<Partition, Replica>;

// This node's place in the cluster. The references outlive it. Not thread-safe: one shard owns it.
struct Neighbours {
  const Ring& ring;
  const NodeIndex self;
  std::vector<bool> up;  // by NodeIndex: connected now; own entry true
  SkewGuard clocks;      // of those that are connected

  Neighbours(const Ring& the_ring, NodeIndex me, std::int64_t max_clock_skew_ms)
      : ring(the_ring), self(me), up(the_ring.nodes().size(), false), clocks(max_clock_skew_ms) {
    up[me.value] = true;
  }

  bool is_up(NodeIndex node) const { return up[node.value]; }

  // The partition's replicas that can be reached, this node first if it is one, else in order of preference.
  std::vector<NodeIndex> reachable(Partition partition) const;
  std::size_t count_reachable(Partition partition) const;  // how many those are

  std::size_t needed_at(Level level, Partition partition) const {
    return needed(level, ring.replicas(partition).size());
  }

  // "QUORUM needs 2 of the key's 3 replicas and 1 is reachable (not: n2, n3)"
  std::string too_few(Partition partition, Level level) const;

  // "n1's wall clock is 5003 ms ahead of most of those that it hears; the limit is 500 ms"
  std::string clock_off(Now now) const;
};

}  // namespace kv
