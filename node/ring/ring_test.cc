#include "node/ring/ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "node/base/limits.h"

namespace kv {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<RingNode> five_nodes_three_zones() {
  return {{"n1", "a"}, {"n2", "a"}, {"n3", "b"}, {"n4", "b"}, {"n5", "c"}};
}

std::vector<RingNode> numbered_nodes(std::size_t count) {
  std::vector<RingNode> nodes;
  for (std::size_t i = 0; i < count; ++i) nodes.push_back({"n" + std::to_string(i), ""});
  return nodes;
}

Ring make(std::vector<RingNode> nodes, std::uint32_t partitions = 64, std::uint32_t n = 3) {
  auto ring = Ring::make(std::move(nodes), partitions, n);
  EXPECT_TRUE(ring.ok()) << ring.status();
  return *std::move(ring);
}

std::string refusal(std::vector<RingNode> nodes, std::uint32_t partitions, std::uint32_t n) {
  const auto ring = Ring::make(std::move(nodes), partitions, n);
  EXPECT_EQ(ring.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(ring.status().message());
}

TEST(Ring, NodesAreSortedByIdAndFoundByIt) {
  const Ring ring = make({{"charlie", "z"}, {"alice", ""}, {"bob", ""}});
  ASSERT_EQ(ring.nodes().size(), 3u);
  EXPECT_EQ(ring.node_id(NodeIndex{0}), "alice");
  EXPECT_EQ(ring.node_id(NodeIndex{1}), "bob");
  EXPECT_EQ(ring.nodes()[2], (RingNode{"charlie", "z"}));
  EXPECT_EQ(ring.find("alice"), NodeIndex{0});
  EXPECT_EQ(ring.find("charlie"), NodeIndex{2});
  EXPECT_EQ(ring.find("aaa"), std::nullopt);
  EXPECT_EQ(ring.find("bobby"), std::nullopt);
  EXPECT_EQ(ring.find("zoe"), std::nullopt);
}

TEST(Ring, TheOrderOfTheInputDoesNotMatter) {
  std::vector<RingNode> nodes = five_nodes_three_zones();
  const Ring expected = make(nodes);
  std::reverse(nodes.begin(), nodes.end());
  const Ring reversed = make(nodes);
  EXPECT_EQ(reversed.digest(), expected.digest());
  for (std::uint16_t p = 0; p < 64; ++p) {
    EXPECT_EQ(reversed.preference_list(Partition{p}), expected.preference_list(Partition{p}));
  }
}

TEST(Ring, ReplicasAreTheFirstOfThePreferenceList) {
  const Ring ring = make(five_nodes_three_zones());
  EXPECT_EQ(ring.n(), 3u);
  for (std::uint16_t p = 0; p < 64; ++p) {
    const auto& list = ring.preference_list(Partition{p});
    const auto& replicas = ring.replicas(Partition{p});
    ASSERT_EQ(list.size(), 5u);
    ASSERT_EQ(replicas.size(), 3u);
    for (std::size_t i = 0; i < list.size(); ++i) {
      EXPECT_EQ(ring.is_replica(Partition{p}, list[i]), i < 3);
      if (i < 3) {
        EXPECT_EQ(replicas[i], list[i]);
      }
    }
  }
}

TEST(Ring, BucketsMayHaveOtherNumbersOfReplicas) {
  const auto nodes = five_nodes_three_zones();
  const Ring ring = Ring::make(nodes, 64, 3, {1, 5}).value();
  EXPECT_THAT(ring.offered(), ElementsAre(1, 3, 5));
  EXPECT_FALSE(ring.offers(2));
  EXPECT_EQ(ring.held_partitions(), 3 * 64u);
  EXPECT_EQ(ring.all_partitions(), 64 + 1 + 5 * 64u);
  EXPECT_EQ(ring.first_partition(0), Partition{0});
  EXPECT_EQ(ring.first_partition(3), Partition{0});
  EXPECT_EQ(ring.first_partition(5), Partition{64 + 1 + 4 * 64});
  std::map<std::size_t, std::size_t> partitions_of;
  for (std::uint32_t p = 0; p < ring.all_partitions(); ++p)
    ++partitions_of[ring.replicas(Partition{static_cast<std::uint16_t>(p)}).size()];
  EXPECT_EQ(partitions_of,
            (std::map<std::size_t, std::size_t>{{0, 2 * 64 + 64}, {1, 64}, {3, 64}, {5, 65}}));
  const Ring plain = make(nodes);
  for (std::uint16_t p = 0; p <= 64; ++p)
    EXPECT_EQ(ring.replicas(Partition{p}), plain.replicas(Partition{p})) << "nothing moves";
  EXPECT_NE(ring.digest(), plain.digest());
  EXPECT_EQ(Ring::make(nodes, 64, 3, {3}).value().digest(), plain.digest());
  const Ring more = Ring::make(nodes, 64, 3, {1, 2, 5}).value();
  EXPECT_EQ(more.first_partition(5), ring.first_partition(5)) << "one more moves no key";
  EXPECT_EQ(more.replicas(more.partition_of("k", 5)), ring.replicas(ring.partition_of("k", 5)));
  EXPECT_THAT(std::string(Ring::make(nodes, 64, 3, {6}).status().message()),
              HasSubstr("it takes 1 to 5"));
}

TEST(Ring, WithFewerNodesThanReplicasEveryNodeHoldsEverything) {
  EXPECT_EQ(make({{"only", ""}}).n(), 1u);
  EXPECT_THAT(make({{"only", ""}}).replicas(Partition{63}), ElementsAre(NodeIndex{0}));
  const Ring two = make({{"a", ""}, {"b", ""}});
  EXPECT_EQ(two.n(), 2u);
  for (std::uint16_t p = 0; p < 64; ++p) {
    EXPECT_TRUE(two.is_replica(Partition{p}, NodeIndex{0}));
    EXPECT_TRUE(two.is_replica(Partition{p}, NodeIndex{1}));
  }
}

TEST(Ring, OnePartitionHoldsEveryKey) {
  const Ring ring = make(five_nodes_three_zones(), 1);
  EXPECT_EQ(ring.partitions(), 1u);
  for (const char* key : {"", "a", "some longer key"})
    EXPECT_EQ(ring.partition_of(key), Partition{0});
}

// Data on disk and the other nodes rely on these values: if this test fails, the change cuts every
// cluster from its data.
TEST(Ring, ThePlacementNeverChanges) {
  const Ring ring = make(five_nodes_three_zones());
  EXPECT_EQ(ring.partition_of("").value, 2);
  EXPECT_EQ(ring.partition_of(std::string_view("default\0user:1", 14)).value, 17);
  EXPECT_EQ(ring.partition_of("user:1").value, 1);
  const auto list = [&](std::uint16_t p) {
    std::vector<int> nodes;
    for (const NodeIndex node : ring.preference_list(Partition{p})) nodes.push_back(node.value);
    return nodes;
  };
  EXPECT_THAT(list(0), ElementsAre(4, 0, 3, 1, 2));
  EXPECT_THAT(list(1), ElementsAre(1, 3, 4, 2, 0));
  EXPECT_THAT(list(63), ElementsAre(2, 4, 1, 3, 0));
  EXPECT_EQ(ring.digest(), 9419010731490125378u);
}

TEST(Ring, KeysSpreadOverAllPartitions) {
  const Ring ring = make(five_nodes_three_zones());
  std::map<std::uint16_t, int> keys;
  for (int i = 0; i < 64'000; ++i) ++keys[ring.partition_of("user:" + std::to_string(i)).value];
  ASSERT_EQ(keys.size(), 64u);
  for (const auto& [partition, count] : keys) {
    EXPECT_GT(count, 800) << partition;  // 1000 expected, with a standard deviation of 31
    EXPECT_LT(count, 1200) << partition;
  }
}

TEST(Ring, TheDigestCoversEverythingThatNodesMustAgreeOn) {
  const std::vector<std::uint64_t> digests = {
      make({{"a", "x"}, {"b", "y"}, {"c", ""}}, 64, 2).digest(),
      make({{"a", "x"}, {"b", "y"}, {"d", ""}}, 64, 2).digest(),
      make({{"a", "x"}, {"b", "z"}, {"c", ""}}, 64, 2).digest(),
      make({{"a", "x"}, {"b", "y"}, {"c", "c"}}, 64, 2).digest(),
      make({{"a", "x"}, {"b", "y"}, {"c", ""}}, 128, 2).digest(),
      make({{"a", "x"}, {"b", "y"}, {"c", ""}}, 64, 3).digest(),
      make({{"a", "x"}, {"b", "y"}}, 64, 2).digest(),
      make({{"ax", ""}, {"b", "y"}, {"c", ""}}, 64, 2).digest(),
  };
  EXPECT_EQ(std::set<std::uint64_t>(digests.begin(), digests.end()).size(), digests.size());
  // Three replicas on three nodes or seven wished for: the same placement, hence the same ring.
  EXPECT_EQ(make(numbered_nodes(3), 64, 3).digest(), make(numbered_nodes(3), 64, 7).digest());
}

TEST(Ring, RefusesBadInputByValueAndLimit) {
  EXPECT_THAT(refusal({}, 64, 3), HasSubstr("0 nodes; it takes 1 to 128"));
  EXPECT_THAT(refusal(numbered_nodes(kMaxNodes + 1), 64, 3),
              HasSubstr("129 nodes; it takes 1 to 128"));
  EXPECT_THAT(refusal(numbered_nodes(3), 0, 3),
              HasSubstr("0 partitions; it takes a power of two from 1 to 4096"));
  EXPECT_THAT(refusal(numbered_nodes(3), 63, 3), HasSubstr("63 partitions"));
  EXPECT_THAT(refusal(numbered_nodes(3), 8192, 3), HasSubstr("8192 partitions"));
  EXPECT_THAT(refusal(numbered_nodes(3), 64, 0),
              HasSubstr("0 replicas per partition; it takes 1 to 7"));
  EXPECT_THAT(refusal(numbered_nodes(3), 64, 8),
              HasSubstr("8 replicas per partition; it takes 1 to 7"));
  EXPECT_THAT(refusal({{"a", ""}, {"b", ""}, {"a", "z"}}, 64, 3),
              HasSubstr("two nodes with the id \"a\""));
  EXPECT_THAT(refusal({{"a", ""}, {"", ""}}, 64, 3), HasSubstr("id is empty"));
}

TEST(Ring, TheLimitsThemselvesAreAccepted) {
  const Ring ring = make(numbered_nodes(kMaxNodes), 256, kMaxReplicas);
  EXPECT_EQ(ring.nodes().size(), kMaxNodes);
  EXPECT_EQ(ring.replicas(Partition{255}).size(), kMaxReplicas);
  EXPECT_EQ(make(numbered_nodes(2), kMaxPartitions).partitions(), kMaxPartitions);
}

TEST(Ring, OnePartitionBehindThoseOfTheKeySpaceIsReplicatedOnEveryNode) {
  const Ring ring = make(numbered_nodes(9));
  EXPECT_EQ(ring.catalog(), Partition{64});
  EXPECT_EQ(ring.all_partitions(), 65U);
  EXPECT_EQ(ring.replicas(ring.catalog()).size(), 9U);
  for (std::uint16_t node = 0; node < 9; ++node)
    EXPECT_TRUE(ring.is_replica(ring.catalog(), NodeIndex{node}));
  for (int i = 0; i < 1000; ++i)
    EXPECT_NE(ring.partition_of("user:" + std::to_string(i)), ring.catalog());
}

TEST(RingDeathTest, OutOfRangeIsABug) {
  const Ring ring = make(numbered_nodes(3));
  EXPECT_DEATH(ring.node_id(NodeIndex{3}), "node that is in this ring");
  EXPECT_DEATH(ring.replicas(Partition{65}), "partition that is in this ring");
  EXPECT_DEATH(ring.preference_list(Partition{65}), "partition that is in this ring");
}

}  // namespace
}  // namespace kv
