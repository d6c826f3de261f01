// What Truth knows of damage: which replicas have some, and what may become of them.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "jepsen-style-tests/simulation/truth.h"
#include "node/storage/keys.h"

namespace kv::sim {

void Truth::rots(std::size_t node, storage::Family family, const std::string& key) {
  Rotten& here = rotten_[{partition_at_start(key), node}];
  if (family == storage::Family::kLog)
    here.log.add(storage::dot_of_log_key(key));
  else
    here.keys.insert(key.substr(storage::partition_prefix(Partition{}).size()));
}

// What a damaged replica held and no other ever did is lost: only what was damaged may be.
void Truth::discarded(std::size_t node, Partition partition) {
  Mirror& here = mirror(node, partition);
  const auto rotten = rotten_.extract({partition, node});
  if (rotten.empty())
    violate(Check::kOnlyCopyKept, absl::StrCat("n", node + 1, " discarded partition ",
                                               partition.value, ", which was not damaged"));
  Clock lost = std::exchange(here.clock, {});
  Clock alone = lost;
  for (const NodeIndex other : cluster_->ring().replicas(partition)) {
    if (other.value == node) continue;
    alone = alone.minus(mirror(other.value, partition).ever);
    lost = lost.minus(mirror(other.value, partition).clock);
  }
  forgotten_[partition].join(lost);
  for_each_dot(alone, [&](Dot dot) {
    const auto written = writes_.find(dot);
    if (rotten.empty() || written == writes_.end() || rotten.mapped().log.contains(dot) ||
        rotten.mapped().keys.contains(written->second.key))
      return;
    violate(Check::kOnlyCopyKept,
            absl::StrCat("n", node + 1, " discarded ", to_string(dot),
                         ", which no other replica ever had and which was not damaged"));
  });
  lost_something_ = lost_a_disk_ = true;
  here.synced = {};
  unsynced_[node].insert(partition);
  here.digest = 0;
  here.objects.clear();
  here.contexts.clear();
  drop_holders(node);
  conflicts_.dropped_with(node,
                          [&](const std::string& key) { return partition_of(key) == partition; });
}

bool Truth::is_rotten_beside(std::size_t node, Partition partition) const {
  return std::any_of(rotten_.begin(), rotten_.end(), [&](const auto& where) {
    return where.first.first == partition && where.first.second != node;
  });
}

bool Truth::is_rotten(Partition partition) const {
  return std::any_of(rotten_.begin(), rotten_.end(),
                     [&](const auto& where) { return where.first.first == partition; });
}

bool Truth::is_rotten_on(std::size_t node) const {
  return std::any_of(rotten_.begin(), rotten_.end(),
                     [&](const auto& where) { return where.first.second == node; });
}

bool Truth::is_rotten_beside(std::size_t node) const {
  for (std::uint32_t p = 0; p < cluster_->ring().all_partitions(); ++p) {
    const Partition partition{static_cast<std::uint16_t>(p)};
    if (cluster_->is_replica(node, partition) && is_rotten_beside(node, partition)) return true;
  }
  return false;
}

}  // namespace kv::sim
