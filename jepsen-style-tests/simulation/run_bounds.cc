// That no node holds more than its limits allow, looked at before every action and at every page that arrives; and that a replica
// which is not fit answers nobody.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "jepsen-style-tests/simulation/run.h"

namespace kv::sim {
namespace {

constexpr std::size_t kLargestDeltaBytes = 300;  // of this workload: one may exceed the window
constexpr std::int64_t kLeastRepairBytes = 64;
constexpr std::int64_t kLogWithinMs = 5'000;

}  // namespace

void Run::check_bound(std::size_t node, std::string_view what, std::uint64_t held,
                      std::uint64_t limit) {
  if (held > limit)
    violate(Check::kBounded, absl::StrCat("n", node + 1, ": ", held, " ", std::string(what),
                                          "; the limit is ", limit));
}

void Run::check_bounds() {
  const CoreOptions& core = plan_.cluster.core;
  for (std::size_t node = 0; node < cluster_.size(); ++node) {
    if (!cluster_.is_up(node)) continue;
    const Held held = cluster_.held(node);
    check_bound(node, "writes under way", held.writes, core.max_pending);
    check_bound(node, "reads under way", held.reads, core.max_pending);
    check_bound(node, "forwarded requests remembered", held.remembered, core.max_remembered);
    check_bound(node, "bytes of deltas under way to a peer", held.window_bytes,
                std::max(core.replication.max_in_flight_bytes, kLargestDeltaBytes));
    check_bound(node, "exchanges with a peer", held.exchanges,
                core.replication.max_sessions_per_peer);
    const std::uint64_t shards = plan_.cluster.shards[node];
    const ReadCounters reads = cluster_.reads(node);
    check_bound(node, "hedges, of one read in twenty", reads.hedges, reads.asked / 20 + shards);
    const std::int64_t budget_bytes =
        core.repair_bytes_per_s * (1'000'000 + cluster_.now().us) / 1'000'000;
    check_bound(node, "versions sent by read repair", reads.repairs,
                shards * static_cast<std::uint64_t>(budget_bytes / kLeastRepairBytes + 1));
  }
}

// Of its bytes only what a reader can see is counted, and not the last item: one may exceed the limit.
void Run::check_page(std::size_t node, const SyncPage& page) {
  const PageLimits& limits = plan_.cluster.core.replication.page;
  std::uint64_t dots = 0;
  std::uint64_t bytes = 0;
  std::uint64_t last_bytes = 0;
  for (const Item& item : page.items) {
    dots += item.dots.count();
    last_bytes = item.key.size();
    for (const Version& version : item.object.versions)
      last_bytes += version.value.has_value() ? version.value->size() : 0;
    bytes += last_bytes;
  }
  check_bound(node, "dots in a page", dots, limits.dots);
  check_bound(node, "bytes in a page", bytes - last_bytes, limits.bytes);
}

// Nothing has been written for a while, and the members are up and well. What is silent counts as connected.
void Run::check_logs(std::uint32_t members) {
  const std::uint64_t limit = 2 * plan_.cluster.core.max_log_entries;
  std::string beyond;
  const auto within = [&] {
    beyond.clear();
    for (std::size_t node = 0; node < cluster_.size(); ++node) {
      for (std::uint32_t p = 0; p < cluster_.ring().all_partitions(); ++p) {
        const Partition partition{static_cast<std::uint16_t>(p)};
        if ((members >> node & 1U) == 0 || !cluster_.is_replica(node, partition)) continue;
        const storage::ReplicaState state = cluster_.replica(node, partition);
        const std::uint64_t entries = state.clock.minus(state.pruned).count();
        if (entries > limit)
          beyond = absl::StrCat("the log of partition ", p, " of n", node + 1, " has ", entries,
                                " entries; the limit is ", limit);
      }
    }
    return beyond.empty();
  };
  if (!cluster_.run_until(within, kLogWithinMs)) violate(Check::kBounded, beyond);
}

Run::Unfit Run::unfit(Partition partition) const {
  Unfit replicas;
  for (const NodeIndex node : cluster_.ring().replicas(partition)) {
    if (!cluster_.is_up(node.value) || cluster_.is_fit(node.value, partition)) continue;
    const storage::ReplicaState state = cluster_.replica(node.value, partition);
    replicas.insert({node.value, cluster_.incarnation(node.value), state.actor, state.rebuilding});
  }
  return replicas;
}

// Who is damaged or being rebuilt, and has been since the read began, has not answered it.
void Run::check_silent(const Operation& operation, const ClientReadReply& reply) {
  for (const UnfitReplica& replica : unfit(operation.partition))
    if (operation.unfit.contains(replica) &&
        std::find(reply.replicas.begin(), reply.replicas.end(),
                  NodeIndex{static_cast<std::uint16_t>(replica.node)}) != reply.replicas.end())
      violate(Check::kUnfitSilent, absl::StrCat(to_string(operation.action), " was answered by n",
                                                replica.node + 1, ", whose replica is not fit"));
}

}  // namespace kv::sim
