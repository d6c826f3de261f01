#include "node/ring/ring.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/base/hash.h"
#include "node/base/limits.h"
#include "node/ring/preference.h"

namespace kv {
namespace {

// Lengths go before the strings, so that no two rings have the same bytes.
std::uint64_t digest_of(const std::vector<RingNode>& nodes, std::uint32_t partitions, std::size_t n,
                        const std::set<std::uint32_t>& offered) {
  std::string bytes = absl::StrCat("ring 1 ", partitions, " ", n, " ", nodes.size(), ";");
  for (const RingNode& node : nodes) {
    absl::StrAppend(&bytes, node.id.size(), ":", node.id, node.zone.size(), ":", node.zone);
  }
  if (offered.size() > 1)
    for (const std::uint32_t each : offered) absl::StrAppend(&bytes, " ", each);
  return stable_hash(bytes);
}

}  // namespace

absl::StatusOr<Ring> Ring::make(std::vector<RingNode> nodes, std::uint32_t partitions,
                                std::uint32_t n, const std::set<std::uint32_t>& bucket_n) {
  if (nodes.empty() || nodes.size() > kMaxNodes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the ring was given ", nodes.size(), " nodes; it takes 1 to ", kMaxNodes));
  }
  if (!std::has_single_bit(partitions) || partitions > kMaxPartitions) {
    return absl::InvalidArgumentError(
        absl::StrCat("the ring was given ", partitions,
                     " partitions; it takes a power of two from 1 to ", kMaxPartitions));
  }
  if (n < 1 || n > kMaxReplicas) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the ring was given ", n, " replicas per partition; it takes 1 to ", kMaxReplicas));
  }
  std::sort(nodes.begin(), nodes.end(),
            [](const RingNode& a, const RingNode& b) { return a.id < b.id; });
  if (nodes.front().id.empty())
    return absl::InvalidArgumentError("the ring was given a node whose id is empty");
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    if (nodes[i].id == nodes[i - 1].id) {
      return absl::InvalidArgumentError(absl::StrCat("the ring was given two nodes with the id \"",
                                                     nodes[i].id, "\"; ids must be unique"));
    }
  }
  const std::uint32_t most =
      std::min<std::uint32_t>(kMaxReplicas, static_cast<std::uint32_t>(nodes.size()));
  for (const std::uint32_t each : bucket_n)
    if (each < 1 || each > most)
      return absl::InvalidArgumentError(absl::StrCat("the ring was given buckets of ", each,
                                                     " replicas; it takes 1 to ", most,
                                                     ", and at most as many as there are nodes"));
  const std::size_t replicas = std::min<std::size_t>(n, nodes.size());
  std::set<std::uint32_t> offered = bucket_n;
  offered.insert(static_cast<std::uint32_t>(replicas));
  return Ring(std::move(nodes), partitions, replicas, std::move(offered));
}

Ring::Ring(std::vector<RingNode> nodes, std::uint32_t partitions, std::size_t n,
           std::set<std::uint32_t> offered)
    : nodes_(std::move(nodes)),
      partitions_(partitions),
      n_(n),
      offered_(std::move(offered)),
      preference_(make_preference_lists(nodes_, partitions, n)),
      digest_(digest_of(nodes_, partitions, n, offered_)) {
  std::vector<NodeIndex> everybody;
  for (std::size_t node = 0; node < nodes_.size(); ++node)
    everybody.push_back(NodeIndex{static_cast<std::uint16_t>(node)});
  replicas_.reserve(preference_.size() + 1);
  for (const std::vector<NodeIndex>& list : preference_) {
    KV_CHECK(list.size() == nodes_.size(), "a preference list holds every node");
    replicas_.emplace_back(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(n_));
  }
  preference_.push_back(everybody);
  replicas_.push_back(std::move(everybody));
  if (offered_.size() == 1) return;
  for (std::uint32_t each = 1; each <= *offered_.rbegin(); ++each) add_key_space(each);
}

void Ring::add_key_space(std::uint32_t n) {
  if (n == n_ || !offers(n)) {
    preference_.resize(preference_.size() + partitions_);
    replicas_.resize(replicas_.size() + partitions_);
    return;
  }
  for (std::vector<NodeIndex>& list : make_preference_lists(nodes_, partitions_, n)) {
    replicas_.emplace_back(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(n));
    preference_.push_back(std::move(list));
  }
}

bool Ring::offers(std::uint32_t bucket_n) const { return offered_.contains(bucket_n); }

std::uint32_t Ring::held_partitions() const {
  return partitions_ * static_cast<std::uint32_t>(offered_.size());
}

Partition Ring::first_partition(std::uint32_t bucket_n) const {
  if (bucket_n == 0 || bucket_n == n_) return Partition{0};
  KV_CHECK(offers(bucket_n), "a bucket has a number of replicas that there is");
  return Partition{static_cast<std::uint16_t>(partitions_ + 1 + (bucket_n - 1) * partitions_)};
}

const std::string& Ring::node_id(NodeIndex node) const {
  KV_CHECK(node.value < nodes_.size(), "a node that is in this ring");
  return nodes_[node.value].id;
}

std::optional<NodeIndex> Ring::find(std::string_view id) const {
  const auto at = std::lower_bound(
      nodes_.begin(), nodes_.end(), id,
      [](const RingNode& node, std::string_view wanted) { return node.id < wanted; });
  if (at == nodes_.end() || at->id != id) return std::nullopt;
  return NodeIndex{static_cast<std::uint16_t>(at - nodes_.begin())};
}

Partition Ring::partition_of(std::string_view storage_key, std::uint32_t bucket_n) const {
  const std::uint64_t place = stable_hash(storage_key) & (partitions_ - 1);
  return Partition{static_cast<std::uint16_t>(first_partition(bucket_n).value + place)};
}

const std::vector<NodeIndex>& Ring::replicas(Partition partition) const {
  KV_CHECK(partition.value < replicas_.size(), "a partition that is in this ring");
  return replicas_[partition.value];
}

const std::vector<NodeIndex>& Ring::preference_list(Partition partition) const {
  KV_CHECK(partition.value < preference_.size(), "a partition that is in this ring");
  return preference_[partition.value];
}

bool Ring::is_replica(Partition partition, NodeIndex node) const {
  const std::vector<NodeIndex>& list = replicas(partition);
  return std::find(list.begin(), list.end(), node) != list.end();
}

}  // namespace kv
