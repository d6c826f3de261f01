#include "node/replica/neighbours.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace kv {

std::vector<NodeIndex> Neighbours::reachable(Partition partition) const {
  std::vector<NodeIndex> nodes;
  if (ring.is_replica(partition, self)) nodes.push_back(self);
  for (const NodeIndex node : ring.replicas(partition))
    if (node != self && is_up(node)) nodes.push_back(node);
  return nodes;
}

std::string Neighbours::too_few(Partition partition, Level level) const {
  const auto& replicas = ring.replicas(partition);
  std::string missing;
  std::size_t alive = 0;
  for (const NodeIndex node : replicas) {
    if (is_up(node))
      ++alive;
    else
      absl::StrAppend(&missing, missing.empty() ? "" : ", ", ring.node_id(node));
  }
  return absl::StrCat(to_string(level), " needs ", needed(level, replicas.size()), " of the key's ",
                      replicas.size(), " replicas and ", alive, alive == 1 ? " is" : " are",
                      " reachable from ", ring.node_id(self), " (not: ", missing, ")");
}

std::string Neighbours::clock_off(Now now) const {
  const std::int64_t skew_ms = clocks.skew_ms(now);
  return absl::StrCat(ring.node_id(self), "'s wall clock is ", std::abs(skew_ms), " ms ",
                      skew_ms > 0 ? "ahead of" : "behind",
                      " most of those that it hears; the limit is ", clocks.limit_ms(), " ms");
}

}  // namespace kv
