// The ring: which nodes hold which part of the key space.
//
// Every node computes it from the same list of nodes and gets the same answer, so nobody has to be
// asked where a key lives. The key space is cut into a fixed number of partitions; each has a
// *preference list*, all nodes in the order in which they are preferred for it, and the first N of
// that list are its replicas (see preference.h for how it is made and what it promises). Equal
// digests mean equal rings: peers compare them at the handshake.
//
// Immutable once made, hence safe to read from any thread. A value type; moving it is cheap,
// copying is not (up to 1 MiB). References that it hands out live as long as it does. Passing a
// NodeIndex or Partition out of range is a bug and aborts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "node/base/types.h"

namespace kv {

struct RingNode {
  std::string id;
  std::string zone;  // what fails together: a rack, a data centre. Empty: a zone of its own
  bool operator==(const RingNode&) const = default;
};

class Ring {
 public:
  // `nodes`: 1 to kMaxNodes, in any order, with unique ids that are not empty. `partitions`: a
  // power of two up to kMaxPartitions. `n`: replicas wished for, 1 to kMaxReplicas; with fewer
  // nodes than that, every node holds everything. `bucket_n`: other numbers of replicas, which buckets may ask for.
  // INVALID_ARGUMENT names the value that was refused and its limits.
  static absl::StatusOr<Ring> make(std::vector<RingNode> nodes, std::uint32_t partitions,
                                   std::uint32_t n, const std::set<std::uint32_t>& bucket_n = {});

  // Sorted by id; a NodeIndex is a place in this list.
  const std::vector<RingNode>& nodes() const { return nodes_; }
  const std::string& node_id(NodeIndex node) const;
  std::optional<NodeIndex> find(std::string_view id) const;

  // Of the key space.
  std::uint32_t partitions() const { return partitions_; }

  // One more partition, behind those of the key space, is replicated on every node: it holds what all of them must know, the
  // definitions of buckets.
  Partition catalog() const { return Partition{static_cast<std::uint16_t>(partitions_)}; }

  // Behind it lies a key space of as many partitions for each number of replicas from 1 on, for buckets that ask for it. Only
  // those of `bucket_n` have replicas: to list one more moves no key.
  std::uint32_t all_partitions() const { return static_cast<std::uint32_t>(replicas_.size()); }

  // Of the key space of buckets with so many replicas. 0: n().
  Partition first_partition(std::uint32_t bucket_n = 0) const;

  // Whether a bucket may have so many; all numbers that it may have.
  bool offers(std::uint32_t bucket_n) const;
  const std::set<std::uint32_t>& offered() const { return offered_; }

  // That some node holds.
  std::uint32_t held_partitions() const;

  // Replicas per partition of the key space: the number wished for, or all nodes if they are fewer.
  std::size_t n() const { return n_; }

  // `storage_key`: the whole key as stored, bucket included; `bucket_n`: of its bucket, as above.
  Partition partition_of(std::string_view storage_key, std::uint32_t bucket_n = 0) const;

  // All nodes in order of preference; the first of them are the replicas. Of a partition that nobody holds: none.
  const std::vector<NodeIndex>& preference_list(Partition partition) const;
  const std::vector<NodeIndex>& replicas(Partition partition) const;
  bool is_replica(Partition partition, NodeIndex node) const;

  // Membership is static: there is one ring version.
  std::uint64_t version() const { return 1; }

  // Of everything that nodes must agree on: ids, zones, partitions, n().
  std::uint64_t digest() const { return digest_; }

 private:
  Ring(std::vector<RingNode> nodes, std::uint32_t partitions, std::size_t n,
       std::set<std::uint32_t> offered);
  void add_key_space(std::uint32_t n);

  std::vector<RingNode> nodes_;
  std::uint32_t partitions_;
  std::size_t n_;
  std::set<std::uint32_t> offered_;                 // n_ among them
  std::vector<std::vector<NodeIndex>> preference_;  // by partition
  std::vector<std::vector<NodeIndex>> replicas_;    // by partition: the first of the above
  std::uint64_t digest_;
};

}  // namespace kv
