// Damage that no checksum sees, when all else is done: scrub must find it, and must have found nothing before.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "jepsen-style-tests/simulation/run.h"
#include "node/base/check.h"
#include "node/base/simulation.h"
#include "node/storage/keys.h"

namespace kv::sim {
namespace {

constexpr std::size_t kSpoiltKeys = 3;
constexpr std::int64_t kMendedWithinMs = 600'000;

// Scrub compares the key: no version is to be dropped one day, and nothing is ahead of a clock.
bool is_compared(const Cluster& cluster, Partition partition, const std::string& key) {
  const auto& replicas = cluster.ring().replicas(partition);
  return std::all_of(replicas.begin(), replicas.end(), [&](NodeIndex node) {
    const Object object = cluster.whole_objects(node.value, partition)[key];
    return object.context.empty() && perishables_of(object).empty();
  });
}

}  // namespace

// Takes some objects out of the node's replica, or changes their values where there are enough others to say so.
std::vector<std::string> Run::spoil(std::size_t node, Partition partition) {
  std::vector<std::string> keys;
  storage::WriteBatch batch;
  const bool are_two = cluster_.ring().replicas(partition).size() == 2;
  for (const auto& [key, object] : cluster_.whole_objects(node, partition)) {
    if (keys.size() == kSpoiltKeys) break;
    if (!is_compared(cluster_, partition, key)) continue;
    const std::string at = storage::object_key(partition, key);
    keys.push_back(key);
    if (are_two || rng_.below(2) == 0) {
      batch.erase(storage::Family::kObjects, at);
      continue;
    }
    Object changed = object;
    changed.versions.front().value = absl::StrCat(*changed.versions.front().value, "?");
    batch.put(storage::Family::kObjects, at, storage::encode_object(changed));
  }
  KV_CHECK(cluster_.engine(node).commit(batch).ok(), "disks are well by now");
  return keys;
}

void Run::check_scrub() {
  if (plan_.cluster.core.scrub.bytes_per_s == 0) return;
  if (reached(simulation::Mark::kScrubFound) > found_before_)
    violate(Check::kSameDotsSameObjects,
            "scrub found a difference between replicas with equal clocks");
  const Partition partition{
      static_cast<std::uint16_t>(rng_.below(cluster_.ring().all_partitions()))};
  const auto& replicas = cluster_.ring().replicas(partition);
  // A replica that is found damaged only now would be rebuilt from the one that is spoilt.
  if (replicas.size() < 2 || truth_.is_rotten(partition)) return;
  const std::size_t node = replicas[rng_.below(replicas.size())].value;
  auto before = cluster_.objects(node, partition);
  const std::vector<std::string> keys = spoil(node, partition);
  if (keys.empty()) return;
  const auto is_mended = [&] {
    auto now = cluster_.objects(node, partition);
    return std::all_of(keys.begin(), keys.end(),
                       [&](const std::string& key) { return now[key] == before[key]; });
  };
  if (!cluster_.run_until(is_mended, kMendedWithinMs) || !cluster_.difference().empty())
    violate(Check::kScrubMends,
            absl::StrCat(keys.size(), " objects of partition ", partition.value,
                         " were spoilt at n", node + 1, "; ", cluster_.difference()));
}

}  // namespace kv::sim
