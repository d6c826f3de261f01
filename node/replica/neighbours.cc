#include "node/replica/neighbours.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace kv {

std::vector<NodeIndex> Neighbours::reachable(Partition partition) const {
  std::vector<NodeIndex> nodes;
  nodes.reserve(ring.replicas(partition).size());
  if (ring.is_replica(partition, self)) nodes.push_back(self);
  for (const NodeIndex node : ring.replicas(partition))
    if (node != self && is_up(node)) nodes.push_back(node);
  return nodes;
}

std::size_t Neighbours::count_reachable(Partition partition) const {
  const auto& replicas = ring.replicas(partition);
  return static_cast<std::size_t>(std::count_if(replicas.begin(), replicas.end(),
                                                [this](NodeIndex node) { return is_up(node); }));
}

std::string Neighbours::too_few(Partition partition, Level level) const {
  const auto& replicas = ring.replicas(partition);
  const std::size_t alive = count_reachable(partition);
  std::string missing;
  for (const NodeIndex node : replicas)
    if (!is_up(node)) absl::StrAppend(&missing, missing.empty() ? "" : ", ", ring.node_id(node));
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
