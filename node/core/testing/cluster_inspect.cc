// What is there: a cluster as one who sees every disk finds it.
#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/base/limits.h"
#include "node/core/testing/cluster.h"
#include "node/storage/collections.h"
#include "node/storage/keys.h"

namespace kv::sim {
namespace {

constexpr std::string_view kCatalog = "catalog";
constexpr std::string_view kFew = "few";
constexpr std::string_view kMany = "many";

using Objects = std::map<std::string, std::vector<Version>>;

// Left out is what replicas drop at different times: markers, and what expires.
std::string describe(const Objects& objects, const std::string& key) {
  const auto it = objects.find(key);
  std::string out;
  if (it != objects.end())
    for (const Version& version : it->second)
      if (version.value.has_value() && version.expires.ms == 0)
        absl::StrAppend(&out, " ", to_string(version.dot));
  return out.empty() ? " nothing" : out;
}

std::string differing(const Objects& a, const Objects& b) {
  Objects all = a;
  all.insert(b.begin(), b.end());
  std::string out;
  for (const auto& [key, unused] : all)
    if (const auto here = describe(a, key), there = describe(b, key); here != there)
      absl::StrAppend(&out, std::string(storage::user_key_of(key)), " is", here, " and", there,
                      "; ");
  return out;
}

}  // namespace

std::string stored(const std::string& name) {
  const std::size_t colon = name.find(':');
  const std::string policy = colon == std::string::npos ? "" : name.substr(0, colon);
  const auto kind = policy.empty() ? std::nullopt : find_policy(policy);
  if (policy == kFew || policy == kMany)
    return storage::storage_key({PolicyKind::kLww, policy}, name);
  if (!kind.has_value() && policy != kCatalog)
    return storage::storage_key(storage::default_bucket(), name);
  const storage::Bucket bucket{kind.value_or(PolicyKind::kSiblings), policy};
  if (bucket.policy == PolicyKind::kSet)
    return storage::leaf_key(bucket, "all", {{}, PolicyKind::kSet, name});
  if (bucket.policy == PolicyKind::kMap)
    return storage::leaf_key(bucket, "all", {{"field", name}, PolicyKind::kRegister, ""});
  return storage::storage_key(bucket, name);
}

Place Cluster::place(const std::string& key) const {
  std::string storage_key = stored(key);
  const Partition partition = home_of(storage_key);
  return {std::move(storage_key), partition};
}

Partition Cluster::home_of(const std::string& storage_key) const {
  const std::string_view bucket = storage::bucket_of(storage_key);
  if (bucket == kCatalog) return ring_.catalog();
  const std::uint32_t n = bucket == kFew    ? *ring_.offered().begin()
                          : bucket == kMany ? *ring_.offered().rbegin()
                                            : 0;
  return ring_.partition_of(storage::placement_of(storage_key), n);
}

bool Cluster::is_replica(std::size_t node, Partition partition) const {
  return ring_.is_replica(partition, index_of(node));
}

CoreStatus Cluster::status(std::size_t node) const {
  CoreStatus sum;
  sum.peers.resize(nodes_.size());
  for (const Shard& shard : nodes_[node].shards) {
    const CoreStatus one = shard.core->status(now_at(node));
    sum.partitions += one.partitions;
    sum.live_keys += one.live_keys;
    sum.markers += one.markers;
    sum.log_entries += one.log_entries;
    sum.max_log_entries += one.max_log_entries;
    sum.unfit += one.unfit;
    sum.discarded += one.discarded;
    sum.pending += one.pending;
    sum.skewed |= one.skewed;
    sum.clock_skew_ms = one.clock_skew_ms;
    sum.anti_entropy.pages_received += one.anti_entropy.pages_received;
    sum.anti_entropy.objects_received += one.anti_entropy.objects_received;
    sum.anti_entropy.full_transfers += one.anti_entropy.full_transfers;
    sum.scrub.bytes += one.scrub.bytes;
    sum.scrub.skipped += one.scrub.skipped;
    sum.scrub.different += one.scrub.different;
    sum.scrub.mended += one.scrub.mended;
    sum.scrub.passes += one.scrub.passes;
    for (std::size_t peer = 0; peer < nodes_.size(); ++peer) {
      sum.peers[peer].up = one.peers[peer].up;
      sum.peers[peer].debt_dots += one.peers[peer].debt_dots;
      sum.peers[peer].transfers_owed += one.peers[peer].transfers_owed;
    }
  }
  return sum;
}

bool Cluster::is_fit(std::size_t node, Partition partition) const {
  const auto& shards = nodes_[node].shards;
  return shards[partition.value % shards.size()].core->is_fit(partition);
}

bool Cluster::is_catching_up(std::size_t node, Partition partition) const {
  const auto& shards = nodes_[node].shards;
  return shards[partition.value % shards.size()].core->is_catching_up(partition);
}

Held Cluster::held(std::size_t node) const {
  Held most;
  for (const Shard& shard : nodes_[node].shards) {
    const Held held = shard.core->held();
    most.writes = std::max(most.writes, held.writes);
    most.reads = std::max(most.reads, held.reads);
    most.remembered = std::max(most.remembered, held.remembered);
    most.window_bytes = std::max(most.window_bytes, held.window_bytes);
    most.exchanges = std::max(most.exchanges, held.exchanges);
  }
  return most;
}

ReadCounters Cluster::reads(std::size_t node) const {
  ReadCounters sum;
  for (const Shard& shard : nodes_[node].shards) {
    const ReadCounters one = shard.core->reads();
    sum.asked += one.asked;
    sum.hedges += one.hedges;
    sum.repairs += one.repairs;
  }
  return sum;
}

bool Cluster::has_owner(std::size_t node) const {
  const auto record = nodes_[node].engine->get(storage::Family::kMeta, storage::node_key());
  return record.ok() && record->has_value();
}

storage::ReplicaState Cluster::replica(std::size_t node, Partition partition) const {
  storage::ReplicaState found;
  const std::string key = storage::replica_key(partition);
  nodes_[node].engine->inspect(storage::Family::kMeta, key, storage::next_key(key),
                               [&](std::string_view, std::string_view bytes) {
                                 auto state = storage::decode_replica(bytes);
                                 KV_CHECK(state.ok(), "what a core writes can be read");
                                 found = *std::move(state);
                                 return true;
                               });
  return found;
}

std::map<std::string, Object> Cluster::whole_objects(std::size_t node, Partition partition) const {
  std::map<std::string, Object> found;
  const std::size_t prefix = storage::partition_prefix(partition).size();
  nodes_[node].engine->inspect(storage::Family::kObjects, storage::partition_prefix(partition),
                               storage::partition_end(partition),
                               [&](std::string_view key, std::string_view bytes) {
                                 auto object = storage::decode_object(bytes);
                                 KV_CHECK(object.ok(), "what a core writes can be read");
                                 found[std::string(key.substr(prefix))] = *std::move(object);
                                 return true;
                               });
  return found;
}

std::size_t Cluster::contexts(std::size_t node) const {
  std::size_t found = 0;
  for (std::uint32_t p = 0; p < ring_.all_partitions(); ++p) {
    const Partition partition{static_cast<std::uint16_t>(p)};
    const Clock clock = replica(node, partition).clock;
    for (const auto& [key, object] : whole_objects(node, partition))
      found += object.context.intersect(clock).empty() ? 0U : 1U;
  }
  return found;
}

std::map<std::string, std::vector<Version>> Cluster::objects(std::size_t node,
                                                             Partition partition) const {
  std::map<std::string, std::vector<Version>> found;
  for (auto& [key, object] : whole_objects(node, partition))
    if (!object.versions.empty()) found[key] = std::move(object.versions);
  return found;
}

std::optional<std::string> Cluster::value(std::size_t node, const std::string& key) const {
  const Place there = place(key);
  const auto all = objects(node, there.partition);
  const auto it = all.find(there.key);
  return it == all.end() ? std::nullopt : it->second.front().value;
}

std::string Cluster::difference() const {
  for (std::uint32_t p = 0; p < ring_.all_partitions(); ++p) {
    const Partition partition{static_cast<std::uint16_t>(p)};
    const auto& replicas = ring_.replicas(partition);
    if (replicas.empty()) continue;
    const std::size_t first = replicas.front().value;
    for (const NodeIndex other : replicas) {
      const std::string where =
          absl::StrCat("partition ", p, ", nodes ", first, " and ", other.value, ": ");
      const Clock here = replica(first, partition).clock;
      const Clock there = replica(other.value, partition).clock;
      if (here != there)
        return absl::StrCat(where, "clocks ", to_string(here), " and ", to_string(there));
      const std::string keys =
          differing(objects(first, partition), objects(other.value, partition));
      if (!keys.empty()) return absl::StrCat(where, keys);
    }
  }
  return "";
}

bool Cluster::clocks_are_equal() const {
  for (std::uint32_t p = 0; p < ring_.all_partitions(); ++p) {
    const Partition partition{static_cast<std::uint16_t>(p)};
    const auto& replicas = ring_.replicas(partition);
    for (const NodeIndex other : replicas)
      if (replica(other.value, partition).clock != replica(replicas.front().value, partition).clock)
        return false;
  }
  return true;
}

std::size_t Cluster::expired(std::size_t node) const {
  std::size_t found = 0;
  for (std::uint32_t p = 0; p < ring_.all_partitions(); ++p)
    for (const auto& [key, versions] : objects(node, Partition{static_cast<std::uint16_t>(p)}))
      found += versions.size() - without_expired(versions, wall(node)).size();
  return found;
}

bool Cluster::has_log(std::size_t node) const {
  bool found = false;
  nodes_[node].engine->inspect(storage::Family::kLog, "", "", [&](auto, auto) {
    found = true;
    return false;
  });
  for (std::uint32_t p = 0; p < ring_.all_partitions(); ++p)
    found |= !replica(node, Partition{static_cast<std::uint16_t>(p)}).cut.empty();
  return found;
}

std::size_t Cluster::forgettable(std::size_t node) const {
  std::size_t found = 0;
  for (std::uint32_t p = 0; p < ring_.all_partitions(); ++p) {
    const std::string prefix =
        storage::request_age_prefix(Partition{static_cast<std::uint16_t>(p)});
    const absl::Status status = nodes_[node].engine->scan(
        storage::Family::kMeta, prefix, storage::prefix_end(prefix), [&](auto key, auto) {
          const std::int64_t age_ms = wall(node).ms - storage::request_age_of_key(key).at.ms;
          found += age_ms > 2 * options_.core.requests.window_ms ? 1U : 0U;
          return true;
        });
    KV_CHECK(status.ok(), "looked at when disks are well");
  }
  return found;
}

std::vector<NotedConflict> Cluster::conflicts(std::size_t node) const {
  const storage::WriteBatch none;
  std::vector<NotedConflict> all;
  for (std::uint32_t p = 0; p < ring_.all_partitions(); ++p) {
    auto found = read_conflicts(storage::View(*nodes_[node].engine, none),
                                Partition{static_cast<std::uint16_t>(p)});
    KV_CHECK(found.ok(), "inspected while the disk works");
    std::move(found->begin(), found->end(), std::back_inserter(all));
  }
  return all;
}

// By age: a run writes less than their number is bounded by.
std::size_t Cluster::overdue_conflicts(std::size_t node) const {
  const auto noted = conflicts(node);
  const std::int64_t too_old_ms = wall(node).ms - kMaxConflictAgeMs;
  const auto old = std::count_if(noted.begin(), noted.end(), [&](const NotedConflict& each) {
    return each.at.ms <= too_old_ms;
  });
  return static_cast<std::size_t>(old);
}

bool Cluster::is_quiet() const {
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    if (!nodes_[node].up) return false;
    for (const Shard& shard : nodes_[node].shards)
      if (!shard.inbox.empty()) return false;
    const CoreStatus now = status(node);
    if (now.pending > 0 || now.log_entries > 0 || now.unfit > 0) return false;
    if (now.markers > 0 || has_log(node) || contexts(node) > 0 || expired(node) > 0) return false;
    if (forgettable(node) > 0) return false;
    const Held still = held(node);
    if (still.window_bytes > 0 || still.exchanges > 0) return false;
    if (overdue_conflicts(node) > 0) return false;
    for (const PeerStatus& peer : now.peers)
      if (peer.debt_dots > 0) return false;
  }
  return difference().empty();
}

}  // namespace kv::sim
