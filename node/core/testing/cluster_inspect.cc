// What is there: a cluster as one who sees every disk finds it.
#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/core/testing/cluster.h"
#include "node/storage/collections.h"

namespace kv::sim {
namespace {

constexpr std::string_view kCatalog = "catalog";

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
  const std::string policy = name.substr(0, name.find(':'));
  const auto kind = find_policy(policy);
  if (policy.size() == name.size() || (!kind.has_value() && policy != kCatalog))
    return storage::storage_key(storage::default_bucket(), name);
  const storage::Bucket bucket{kind.value_or(PolicyKind::kSiblings), policy};
  if (bucket.policy == PolicyKind::kSet)
    return storage::leaf_key(bucket, "all", {{}, PolicyKind::kSet, name});
  if (bucket.policy == PolicyKind::kMap)
    return storage::leaf_key(bucket, "all", {{"field", name}, PolicyKind::kRegister, ""});
  return storage::storage_key(bucket, name);
}

Partition Cluster::partition_of(const std::string& key) const { return home_of(stored(key)); }

Partition Cluster::home_of(const std::string& storage_key) const {
  return storage::bucket_of(storage_key) == kCatalog
             ? ring_.catalog()
             : ring_.partition_of(storage::placement_of(storage_key));
}

bool Cluster::is_replica(std::size_t node, const std::string& key) const {
  return is_replica(node, partition_of(key));
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
    sum.pending += one.pending;
    sum.skewed |= one.skewed;
    sum.clock_skew_ms = one.clock_skew_ms;
    sum.anti_entropy.pages_received += one.anti_entropy.pages_received;
    sum.anti_entropy.objects_received += one.anti_entropy.objects_received;
    sum.anti_entropy.full_transfers += one.anti_entropy.full_transfers;
    for (std::size_t peer = 0; peer < nodes_.size(); ++peer) {
      sum.peers[peer].up = one.peers[peer].up;
      sum.peers[peer].debt_dots += one.peers[peer].debt_dots;
    }
  }
  return sum;
}

std::uint64_t Cluster::pending(std::size_t node) const {
  std::uint64_t sum = 0;
  for (const Shard& shard : nodes_[node].shards) sum += shard.core->pending();
  return sum;
}

ReadCounters Cluster::reads(std::size_t node) const {
  ReadCounters sum;
  for (const Shard& shard : nodes_[node].shards) {
    sum.asked += shard.core->reads().asked;
    sum.hedges += shard.core->reads().hedges;
  }
  return sum;
}

bool Cluster::has_owner(std::size_t node) const {
  const auto record = nodes_[node].engine->get(storage::Family::kMeta, storage::node_key());
  return record.ok() && record->has_value();
}

storage::ReplicaState Cluster::replica(std::size_t node, Partition partition) const {
  const auto bytes =
      nodes_[node].engine->get(storage::Family::kMeta, storage::replica_key(partition));
  KV_CHECK(bytes.ok(), "inspected while the disk works");
  if (!bytes->has_value()) return {};
  const auto state = storage::decode_replica(**bytes);
  KV_CHECK(state.ok(), "what a core writes can be read");
  return *state;
}

std::map<std::string, Object> Cluster::whole_objects(std::size_t node, Partition partition) const {
  std::map<std::string, Object> found;
  const std::size_t prefix = storage::partition_prefix(partition).size();
  const absl::Status status = nodes_[node].engine->scan(
      storage::Family::kObjects, storage::partition_prefix(partition),
      storage::partition_end(partition), [&](std::string_view key, std::string_view bytes) {
        auto object = storage::decode_object(bytes);
        KV_CHECK(object.ok(), "what a core writes can be read");
        found[std::string(key.substr(prefix))] = *std::move(object);
        return true;
      });
  KV_CHECK(status.ok(), "inspected while the disk works");
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
  const auto all = objects(node, partition_of(key));
  const auto it = all.find(stored(key));
  return it == all.end() ? std::nullopt : it->second.front().value;
}

std::string Cluster::difference() const {
  for (std::uint32_t p = 0; p < ring_.all_partitions(); ++p) {
    const Partition partition{static_cast<std::uint16_t>(p)};
    const auto& replicas = ring_.replicas(partition);
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

bool Cluster::is_quiet() const {
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    if (!nodes_[node].up) return false;
    for (const Shard& shard : nodes_[node].shards)
      if (!shard.inbox.empty()) return false;
    const CoreStatus now = status(node);
    if (now.pending > 0 || now.log_entries > 0) return false;
    if (now.markers > 0 || contexts(node) > 0 || expired(node) > 0) return false;
    for (const PeerStatus& peer : now.peers)
      if (peer.debt_dots > 0) return false;
  }
  return difference().empty();
}

}  // namespace kv::sim
