// Whole clusters without faults: what clients are promised at each level, wherever they ask.
#include "node/core/core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "node/core/testing/cluster.h"
#include "node/storage/keys.h"

namespace kv {
namespace {

using sim::Cluster;
using sim::ClusterOptions;
using sim::Disk;
using sim::WriteOptions;

std::string value_of(const ClientReadReply& reply) {
  if (reply.code != absl::StatusCode::kOk) return absl::StrCat("error: ", reply.message);
  if (reply.items.size() != 1) return absl::StrCat(reply.items.size(), " items");
  const auto& versions = reply.items.front().versions;
  if (versions.empty()) return "absent";
  if (versions.size() > 1) return "several";
  return versions.front().value.value_or("absent");  // a marker
}

struct Shape {
  const char* name;
  std::vector<std::uint32_t> shards;
  std::uint32_t n;
};

void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.name; }

class Shapes : public testing::TestWithParam<Shape> {
 protected:
  Cluster cluster_ = [] {
    ClusterOptions options;
    options.shards = GetParam().shards;
    options.n = GetParam().n;
    return Cluster(options);
  }();

  void SetUp() override { cluster_.run_for(100); }
};

INSTANTIATE_TEST_SUITE_P(Core, Shapes,
                         testing::Values(Shape{"OneNode", {1}, 3}, Shape{"TwoNodes", {1, 1}, 3},
                                         Shape{"ThreeNodes", {1, 1, 1}, 3},
                                         Shape{"FiveNodes", {1, 1, 1, 1, 1}, 3},
                                         Shape{"FiveNodesEachWithAll", {1, 1, 1, 1, 1}, 5},
                                         Shape{"OneCopyOnThreeNodes", {1, 1, 1}, 1},
                                         Shape{"TwoShards", {2, 2, 2}, 3},
                                         Shape{"UnequalShards", {1, 2, 4, 3}, 2}),
                         [](const auto& shape) { return shape.param.name; });

TEST_P(Shapes, WhatIsWrittenAtAnyLevelIsReadEverywhere) {
  const std::size_t size = cluster_.size();
  for (const Level level : {Level::kOne, Level::kQuorum, Level::kAll}) {
    for (const Durability durability : {Durability::kOs, Durability::kDisk}) {
      for (int i = 0; i < 12; ++i) {
        const std::string key =
            absl::StrCat(to_string(level), static_cast<int>(durability), "-", i);
        const std::size_t writer = static_cast<std::size_t>(i) % size;
        const std::size_t reader = static_cast<std::size_t>(i + 1) % size;
        const WriteOptions options{level, durability, 1000, {}};
        // A read meets the write if the two sets of replicas overlap.
        const Level read_level = level == Level::kOne   ? Level::kAll
                                 : level == Level::kAll ? Level::kOne
                                                        : level;

        ASSERT_EQ(value_of(cluster_.read_now(reader, key, read_level)), "absent");
        const WriteResult put = cluster_.write_now(writer, key, "first", options);
        ASSERT_EQ(put.outcome, Outcome::kApplied) << put.message;
        EXPECT_GE(put.acks, needed(level, cluster_.ring().n()));
        EXPECT_GT(put.dot.counter, 0U);
        ASSERT_EQ(value_of(cluster_.read_now(reader, key, read_level)), "first");
        ASSERT_EQ(cluster_.write_now(reader, key, "second", options).outcome, Outcome::kApplied);
        ASSERT_EQ(value_of(cluster_.read_now(writer, key, read_level)), "second");
        ASSERT_EQ(cluster_.write_now(writer, key, std::nullopt, options).outcome,
                  Outcome::kApplied);
        ASSERT_EQ(value_of(cluster_.read_now(reader, key, read_level)), "absent");
      }
    }
  }
  EXPECT_TRUE(cluster_.run_until([&] { return cluster_.is_quiet(); }, 5000))
      << cluster_.difference();
  EXPECT_THAT(cluster_.warnings(), testing::IsEmpty());
}

TEST_P(Shapes, ComesToRestWithEmptyLogsAndNoExchanges) {
  for (int i = 0; i < 50; ++i)
    cluster_.write(static_cast<std::size_t>(i) % cluster_.size(), absl::StrCat("k", i), "v", {});
  ASSERT_TRUE(cluster_.run_until([&] { return cluster_.is_quiet(); }, 5000))
      << cluster_.difference();

  std::uint64_t live_keys = 0;
  for (std::size_t node = 0; node < cluster_.size(); ++node) {
    live_keys += cluster_.status(node).live_keys;
    const absl::Status log =
        cluster_.engine(node).scan(storage::Family::kLog, "", "", [](auto, auto) {
          ADD_FAILURE() << "an entry in a log that is empty by count";
          return false;
        });
    EXPECT_TRUE(log.ok());
  }
  EXPECT_EQ(live_keys, 50 * cluster_.ring().n());

  // At rest: probes only, one per partition, peer and second or so; no session, no commit, no sync.
  cluster_.run_for(2000);
  std::vector<std::size_t> unsynced;
  std::uint64_t pages = 0;
  for (std::size_t node = 0; node < cluster_.size(); ++node) {
    EXPECT_EQ(cluster_.engine(node).unsynced(), 0U);
    pages += cluster_.status(node).anti_entropy.pages_received;
  }
  cluster_.run_for(10'000);
  std::uint64_t pages_later = 0;
  for (std::size_t node = 0; node < cluster_.size(); ++node) {
    EXPECT_EQ(cluster_.engine(node).unsynced(), 0U);
    pages_later += cluster_.status(node).anti_entropy.pages_received;
  }
  EXPECT_EQ(pages_later, pages) << "anti-entropy goes on though there is nothing to say";
}

TEST(Core, TokenSupersedesWhatWasReadOnly) {
  Cluster cluster(ClusterOptions{});
  cluster.run_for(100);
  ASSERT_EQ(cluster.write_now(0, "k", "one").outcome, Outcome::kApplied);
  const ClientReadReply read = cluster.read_now(1, "k");
  ASSERT_EQ(value_of(read), "one");
  const Token token = read.items.front().token;
  EXPECT_EQ(token.hlc, read.items.front().versions.front().hlc);
  EXPECT_TRUE(token.context.contains(read.items.front().versions.front().dot));

  // A node whose wall clock is far behind still orders its write after the one that the token names.
  cluster.set_wall_offset(2, -60'000);
  WriteOptions options;
  options.token = token;
  ASSERT_EQ(cluster.write_now(2, "k", "two", options).outcome, Outcome::kApplied);
  EXPECT_EQ(value_of(cluster.read_now(0, "k", Level::kAll)), "two");
  EXPECT_TRUE(cluster.run_until([&] { return cluster.is_quiet(); }, 5000)) << cluster.difference();
}

TEST(Core, ReplicasThatDifferAnswerTogetherWithTheNewest) {
  Cluster cluster(ClusterOptions{});
  cluster.run_for(100);
  ASSERT_EQ(cluster.write_now(0, "k", "old", {Level::kAll, Durability::kOs, 1000, {}}).outcome,
            Outcome::kApplied);
  cluster.isolate(0);
  cluster.run_for(50);
  ASSERT_EQ(cluster.write_now(0, "k", "new", {Level::kOne, Durability::kOs, 1000, {}}).outcome,
            Outcome::kApplied);
  EXPECT_EQ(value_of(cluster.read_now(1, "k")), "old");
  // Healed, but before anti-entropy: two of three hold the old value, and one the new one.
  cluster.heal_all();
  cluster.run_until([&] { return cluster.status(0).peers[1].up && cluster.status(0).peers[2].up; },
                    100);
  const ClientReadReply reply = cluster.read_now(0, "k", Level::kAll);
  EXPECT_EQ(value_of(reply), "new");
  EXPECT_THAT(reply.replicas, testing::ElementsAre(NodeIndex{0}, NodeIndex{1}, NodeIndex{2}));
  EXPECT_TRUE(cluster.run_until([&] { return cluster.is_quiet(); }, 5000)) << cluster.difference();
}

TEST(Core, TooFewReplicasIsSaidAtOnceAndNothingIsWritten) {
  Cluster cluster(ClusterOptions{});
  cluster.run_for(100);
  cluster.isolate(0);
  cluster.run_for(50);
  const WriteResult refused = cluster.write_now(0, "k", "v");
  EXPECT_EQ(refused.outcome, Outcome::kNotApplied);
  EXPECT_EQ(refused.code, absl::StatusCode::kUnavailable);
  EXPECT_EQ(refused.message,
            "QUORUM needs 2 of the key's 3 replicas and 1 is reachable from n1 (not: n3, n2); not "
            "applied");
  EXPECT_EQ(refused.dot, Dot{});
  EXPECT_EQ(cluster.value(0, "k"), std::nullopt);
  EXPECT_EQ(cluster.read_now(0, "k").code, absl::StatusCode::kUnavailable);
  EXPECT_EQ(value_of(cluster.read_now(0, "k", Level::kOne)), "absent");
  EXPECT_EQ(cluster.write_now(0, "k", "v", {Level::kOne, Durability::kOs, 1000, {}}).outcome,
            Outcome::kApplied);
  EXPECT_EQ(cluster.write_now(1, "k", "w").outcome, Outcome::kApplied)
      << "the other side has a quorum";
}

TEST(Core, DiskWritesAreOnTheDisksOfAQuorumWhenAnswered) {
  ClusterOptions options;
  Cluster cluster(options);
  cluster.run_for(100);
  for (int i = 0; i < 20; ++i) {
    const std::string key = absl::StrCat("k", i);
    ASSERT_EQ(cluster.write_now(0, key, "v", {Level::kQuorum, Durability::kDisk, 1000, {}}).outcome,
              Outcome::kApplied);
    // Power fails everywhere at once.
    std::size_t holders = 0;
    for (std::size_t node = 0; node < 3; ++node) cluster.crash(node, Disk::kUnsyncedLost);
    for (std::size_t node = 0; node < 3; ++node)
      holders += cluster.value(node, key).has_value() ? 1U : 0U;
    EXPECT_GE(holders, 2U) << key;
    for (std::size_t node = 0; node < 3; ++node) cluster.restart(node, false);
    cluster.run_for(100);
  }
}

TEST(Core, SyncsByItselfWithinTheInterval) {
  Cluster cluster(ClusterOptions{});
  cluster.run_for(1000);
  ASSERT_EQ(cluster.write_now(0, "k", "v").outcome, Outcome::kApplied);
  EXPECT_GT(cluster.engine(0).unsynced(), 0U);
  cluster.run_for(120);
  for (std::size_t node = 0; node < 3; ++node)
    EXPECT_EQ(cluster.engine(node).unsynced(), 0U) << node;
}

TEST(Core, SameSeedSameTrace) {
  const auto run = [](std::uint64_t seed) {
    ClusterOptions options;
    options.shards = {1, 2, 1};
    options.seed = seed;
    Cluster cluster(options);
    cluster.run_for(100);
    for (int i = 0; i < 50; ++i) {
      cluster.write(static_cast<std::size_t>(i) % 3, absl::StrCat("k", i % 7),
                    absl::StrCat("v", i));
      if (i == 20) cluster.crash(1, Disk::kUnsyncedLost);
      if (i == 40) cluster.restart(1, false);
      cluster.run_for(3);
    }
    cluster.run_for(3000);
    return cluster.trace();
  };
  EXPECT_EQ(run(7), run(7));
  EXPECT_NE(run(7), run(8));
}

}  // namespace
}  // namespace kv
