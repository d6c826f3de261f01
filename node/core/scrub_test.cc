// Replicas whose clocks are equal and whose disks are not: what scrub finds, and what it leaves alone.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "node/core/testing/cluster.h"
#include "node/storage/keys.h"

namespace kv {
namespace {

using sim::Cluster;
using sim::ClusterOptions;
using storage::Family;

constexpr std::int64_t kAtRestWithinMs = 60'000;
constexpr int kKeys = 20;

ClusterOptions with_scrub(std::size_t nodes) {
  ClusterOptions options;
  options.shards.assign(nodes, 1);
  options.n = static_cast<std::uint32_t>(nodes);
  options.partitions = 4;
  options.core.scrub = {.bytes_per_s = 1'000'000, .range_bytes = 100, .pause_ms = 20};
  return options;
}

class Scrubbed : public testing::TestWithParam<std::size_t> {
 protected:
  Scrubbed() : cluster_(with_scrub(GetParam())) {
    cluster_.run_for(100);
    for (int i = 0; i < kKeys; ++i)
      cluster_.write_now(0, key(i), absl::StrCat("v", i), {Level::kAll, Durability::kOs, 1000, {}});
    EXPECT_TRUE(cluster_.run_until([&] { return cluster_.is_quiet(); }, kAtRestWithinMs));
  }

  static std::string key(int i) { return absl::StrCat("k", i); }
  std::string at(const std::string& name) const {
    return storage::object_key(cluster_.partition_of(name), sim::stored(name));
  }

  // Below the checksums, and behind the back of the node.
  void change(std::size_t node, const std::string& name, std::optional<std::string> value) {
    storage::WriteBatch batch;
    if (value.has_value()) {
      Object object =
          cluster_.whole_objects(node, cluster_.partition_of(name)).at(sim::stored(name));
      object.versions.at(0).value = std::move(value);
      batch.put(Family::kObjects, at(name), storage::encode_object(object));
    } else {
      batch.erase(Family::kObjects, at(name));
    }
    ASSERT_TRUE(cluster_.engine(node).commit(batch).ok());
  }

  ScrubCounters scrub(std::size_t node) { return cluster_.status(node).scrub; }

  // So that whatever was there to be found has been.
  void pass_twice() {
    std::vector<std::uint64_t> before;
    for (std::size_t node = 0; node < cluster_.size(); ++node) before.push_back(scrub(node).passes);
    ASSERT_TRUE(cluster_.run_until(
        [&] {
          for (std::size_t node = 0; node < cluster_.size(); ++node)
            if (scrub(node).passes < before[node] + 2) return false;
          return true;
        },
        kAtRestWithinMs));
  }

  Cluster cluster_;
};
INSTANTIATE_TEST_SUITE_P(Replicas, Scrubbed, testing::Values(2, 3, 4));

TEST_P(Scrubbed, WhatOneReplicaHasLostComesBack) {
  for (const int i : {0, 7, kKeys - 1}) change(1, key(i), std::nullopt);
  pass_twice();
  for (int i = 0; i < kKeys; ++i) EXPECT_EQ(cluster_.value(1, key(i)), absl::StrCat("v", i));
  EXPECT_EQ(cluster_.difference(), "");
  EXPECT_EQ(scrub(1).mended, 3U);
  EXPECT_GE(scrub(1).different, 3U);
  EXPECT_EQ(scrub(0).mended, 0U) << "that one had lost nothing";
  EXPECT_EQ(cluster_.status(1).live_keys, static_cast<std::uint64_t>(kKeys))
      << "they were counted when they were written";
  EXPECT_TRUE(cluster_.is_quiet()) << "no dot was issued";
}

TEST_P(Scrubbed, AChangedValueIsPutRightByTheMajority) {
  change(0, key(3), "something else");
  pass_twice();
  if (GetParam() == 2) {
    EXPECT_EQ(cluster_.value(0, key(3)), "something else") << "nobody can know which is right";
    EXPECT_EQ(cluster_.value(1, key(3)), "v3");
    EXPECT_GE(scrub(0).different, 1U) << "but it is told";
    EXPECT_EQ(scrub(0).mended + scrub(1).mended, 0U);
    return;
  }
  EXPECT_EQ(cluster_.value(0, key(3)), "v3");
  EXPECT_EQ(scrub(0).mended, 1U);
  EXPECT_EQ(cluster_.difference(), "");
}

// As if its disk held what was there before the last write.
TEST_P(Scrubbed, AnOlderVersionIsPutRightByTheMajorityOrByTheOrder) {
  const auto older_at_1 = [&](const std::string& name) {
    const Partition partition = cluster_.partition_of(name);
    const Object before = cluster_.whole_objects(1, partition)[sim::stored(name)];
    cluster_.write_now(0, name, "7", {Level::kAll, Durability::kOs, 1000, {}});
    ASSERT_TRUE(cluster_.run_until([&] { return cluster_.is_quiet(); }, kAtRestWithinMs));
    storage::WriteBatch batch;
    batch.put(Family::kObjects, at(name), storage::encode_object(before));
    ASSERT_TRUE(cluster_.engine(1).commit(batch).ok());
  };
  cluster_.write_now(0, "counter:c", "3", {Level::kAll, Durability::kOs, 1000, {}});
  older_at_1(key(2));
  older_at_1("counter:c");
  pass_twice();
  EXPECT_EQ(cluster_.value(1, key(2)), "7");
  if (GetParam() > 2) {
    EXPECT_EQ(cluster_.difference(), "");
    return;
  }
  const Partition partition = cluster_.partition_of("counter:c");
  for (const std::size_t node : {0U, 1U})
    EXPECT_EQ(cluster_.objects(node, partition).at(sim::stored("counter:c")).size(), 1U)
        << "the two together would be a sum that nobody made";
}

// Deletes and what has expired are dropped here and there at different times.
TEST_P(Scrubbed, WhatIsOnItsWayOutIsNoDifference) {
  for (int i = 0; i < kKeys; ++i) {
    if (i % 2 == 0)
      cluster_.write_now(1, key(i), {}, {Level::kOne, Durability::kOs, 1000, {}});
    else
      cluster_.write_now(1, key(i), "w",
                         {Level::kOne, Durability::kOs, 1000, {}, Condition::kAlways, 50 + i});
  }
  pass_twice();
  ASSERT_TRUE(cluster_.run_until([&] { return cluster_.is_quiet(); }, kAtRestWithinMs));
  pass_twice();
  for (std::size_t node = 0; node < cluster_.size(); ++node) {
    EXPECT_EQ(scrub(node).different, 0U) << node;
    EXPECT_GT(scrub(node).bytes, 0U) << node;
  }
}

TEST_P(Scrubbed, DamageThatNobodyReadsIsFound) {
  cluster_.engine(1).damage(Family::kObjects, at(key(5)));
  pass_twice();
  ASSERT_TRUE(cluster_.run_until([&] { return cluster_.is_quiet(); }, kAtRestWithinMs));
  EXPECT_EQ(cluster_.status(1).discarded, 1U) << "and rebuilt from the others";
  EXPECT_EQ(cluster_.value(1, key(5)), "v5");
}

// Half of the data is gone, far more than a range holds.
TEST_P(Scrubbed, AReplicaThatHasLostEverythingOfAPartitionGetsItBackInPieces) {
  const Partition partition = cluster_.partition_of(key(0));
  const auto before = cluster_.objects(1, partition);
  ASSERT_GT(before.size(), 2U);
  storage::WriteBatch batch;
  for (const auto& [stored, versions] : before)
    batch.erase(Family::kObjects, storage::object_key(partition, stored));
  ASSERT_TRUE(cluster_.engine(1).commit(batch).ok());
  pass_twice();
  EXPECT_EQ(cluster_.objects(1, partition), before);
}

TEST_P(Scrubbed, WithoutOthersToCompareWithItIsSkipped) {
  for (std::size_t node = 1; node < cluster_.size(); ++node) cluster_.cut(0, node);
  change(0, key(1), "something else");
  const std::uint64_t passes = scrub(0).passes;
  ASSERT_TRUE(cluster_.run_until([&] { return scrub(0).passes > passes + 1; }, kAtRestWithinMs));
  EXPECT_GT(scrub(0).skipped, 0U);
  EXPECT_EQ(scrub(0).different, 0U);
}

}  // namespace
}  // namespace kv
