// Clusters in which something breaks: afterwards every replica holds the same, and it is the right thing.
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

constexpr std::int64_t kPatienceMs = 30'000;

WriteOptions at(Level level) { return {level, Durability::kOs, 1000, {}}; }

class Convergence : public testing::Test {
 protected:
  explicit Convergence(ClusterOptions options = {}) : cluster_(std::move(options)) {
    cluster_.run_for(100);
  }

  void put_many(std::size_t node, const std::string& prefix, int count, const std::string& value,
                Level level = Level::kOne) {
    for (int i = 0; i < count; ++i) {
      const WriteResult result =
          cluster_.write_now(node, absl::StrCat(prefix, i), absl::StrCat(value, i), at(level));
      ASSERT_EQ(result.outcome, Outcome::kApplied) << result.message;
    }
  }

  void expect_everywhere(const std::string& prefix, int count, const std::string& value) {
    for (std::size_t node = 0; node < cluster_.size(); ++node)
      for (int i = 0; i < count; ++i)
        EXPECT_EQ(cluster_.value(node, absl::StrCat(prefix, i)), absl::StrCat(value, i))
            << prefix << i << " at " << node;
  }

  void expect_quiet() {
    ASSERT_TRUE(cluster_.run_until([&] { return cluster_.is_quiet(); }, kPatienceMs))
        << cluster_.difference() << "; log entries " << cluster_.status(0).log_entries;
  }

  std::uint64_t full_transfers() const {
    std::uint64_t sum = 0;
    for (std::size_t node = 0; node < cluster_.size(); ++node)
      sum += cluster_.status(node).anti_entropy.full_transfers;
    return sum;
  }

  Cluster cluster_;
};

TEST_F(Convergence, ConflictingWritesInAPartitionHaveOneWinnerEverywhere) {
  put_many(0, "k", 40, "before", Level::kAll);
  cluster_.isolate(2);
  cluster_.run_for(50);
  std::vector<std::tuple<Hlc, Dot, std::string>> last(40);
  for (int i = 0; i < 40; ++i) {
    for (const std::size_t node : {i % 2 == 0 ? 0U : 2U, i % 2 == 0 ? 2U : 0U}) {
      const std::string value = absl::StrCat("by", node);
      const WriteResult put =
          cluster_.write_now(node, absl::StrCat("k", i), value, at(Level::kOne));
      last[static_cast<std::size_t>(i)] =
          std::max(last[static_cast<std::size_t>(i)], std::tuple{put.hlc, put.dot, value});
    }
  }
  EXPECT_NE(cluster_.difference(), "");
  cluster_.heal_all();
  expect_quiet();
  for (std::size_t node = 0; node < 3; ++node)
    for (int i = 0; i < 40; ++i)
      EXPECT_EQ(cluster_.value(node, absl::StrCat("k", i)),
                std::get<2>(last[static_cast<std::size_t>(i)]));
  EXPECT_EQ(full_transfers(), 0U);
}

TEST_F(Convergence, TiesAreBrokenTheSameWayWhateverTheOrderOfArrival) {
  // Wall clocks that stand still make every time collide: the dots decide.
  for (int round = 0; round < 20; ++round) {
    const std::string key = absl::StrCat("k", round);
    for (std::size_t node = 0; node < 3; ++node)
      cluster_.write(node, key, absl::StrCat("by", node), at(Level::kAll));
    cluster_.run_for(20);
  }
  expect_quiet();
}

TEST_F(Convergence, LossyRepeatingReorderingLinks) {
  cluster_.set_faults({300, 300, true, 50, 20'000});
  for (int i = 0; i < 300; ++i) {
    cluster_.write(static_cast<std::size_t>(i) % 3, absl::StrCat("k", i % 50), absl::StrCat("v", i),
                   at(Level::kOne));
    if (i % 10 == 0)
      cluster_.write(static_cast<std::size_t>(i / 10) % 3, absl::StrCat("k", i % 50), {},
                     at(Level::kOne));
    cluster_.run_for(2);
  }
  // It converges though the links stay as they are.
  EXPECT_TRUE(cluster_.run_until([&] { return cluster_.difference().empty(); }, 120'000))
      << cluster_.difference();
  cluster_.set_faults({});
  expect_quiet();
  EXPECT_EQ(full_transfers(), 0U);
}

TEST_F(Convergence, ANodeThatWasDownIsCaughtUpFromTheLog) {
  put_many(0, "k", 100, "old", Level::kAll);
  cluster_.crash(2, Disk::kKept);
  cluster_.run_for(50);
  put_many(0, "k", 60, "new");
  put_many(1, "k", 60, "newer");
  cluster_.run_for(5000);
  EXPECT_GT(cluster_.status(0).log_entries, 0U) << "node 2 lacks these";
  EXPECT_EQ(cluster_.status(0).peers[2].debt_dots, 120U);
  cluster_.restart(2, true);
  expect_quiet();
  expect_everywhere("k", 60, "newer");
  EXPECT_EQ(full_transfers(), 0U);
  // Overwritten writes are never sent: from each of the two peers at most one object per key.
  EXPECT_LE(cluster_.status(2).anti_entropy.objects_received, 120U);
}

TEST_F(Convergence, AWipedNodeIsRebuiltByFullTransfer) {
  put_many(0, "k", 300, std::string(4000, 'x'), Level::kAll);  // several pages per partition
  for (int i = 0; i < 300; i += 3)
    cluster_.write_now(1, absl::StrCat("k", i), std::nullopt, at(Level::kAll));
  expect_quiet();
  const std::uint64_t live_keys = cluster_.status(0).live_keys;
  cluster_.crash(2, Disk::kWiped);
  cluster_.run_for(50);
  put_many(0, "later", 20, "v", Level::kQuorum);
  cluster_.restart(2, false);
  // Writes go on while it is rebuilt, there as well.
  for (int i = 0; i < 60; ++i) {
    cluster_.write(static_cast<std::size_t>(i) % 3, absl::StrCat("k", i * 5), "during",
                   at(Level::kOne));
    cluster_.run_for(1);
  }
  expect_quiet();
  EXPECT_GT(full_transfers(), 0U);
  EXPECT_EQ(cluster_.status(2).live_keys, cluster_.status(0).live_keys);
  EXPECT_GE(cluster_.status(2).live_keys, live_keys);
  EXPECT_EQ(cluster_.value(2, "k295"), "during");
  expect_everywhere("later", 20, "v");
}

TEST_F(Convergence, PowerLossOfWhatWasNotSynced) {
  put_many(0, "k", 50, "old", Level::kAll);
  cluster_.run_for(500);
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 30; ++i)
      cluster_.write(static_cast<std::size_t>(i) % 3, absl::StrCat("k", i),
                     absl::StrCat("r", round, "-"), at(Level::kOne));
    cluster_.run_for(2);
    const Actor before = cluster_.replica(1, Partition{0}).actor;
    cluster_.crash(1, Disk::kUnsyncedLost);
    cluster_.run_for(30);
    put_many(0, "m", 5, absl::StrCat("r", round, "-"));
    cluster_.restart(1, false);
    put_many(1, "n", 5, absl::StrCat("r", round, "-"));
    expect_quiet();
    EXPECT_NE(cluster_.replica(1, Partition{0}).actor, before);
  }
  expect_everywhere("n", 5, "r9-");
}

TEST_F(Convergence, ACommitThatFailsEndsTheProcessBeforeAnybodyHears) {
  put_many(0, "k", 10, "v", Level::kAll);
  storage::MemoryEngine::Faults faults;
  faults.commit = absl::ResourceExhaustedError("disk full");
  cluster_.engine(0).set_faults(faults);
  const std::uint64_t id = cluster_.write(0, "k1", "lost", at(Level::kOne));
  cluster_.run_for(1000);
  EXPECT_EQ(cluster_.write_result(id), nullptr);
  EXPECT_FALSE(cluster_.is_up(0));
  cluster_.engine(0).set_faults({});
  cluster_.restart(0, true);
  expect_quiet();
  expect_everywhere("k", 10, "v");
}

class SmallWindow : public Convergence {
 protected:
  SmallWindow()
      : Convergence([] {
          ClusterOptions options;
          options.core.replication.max_in_flight_bytes = 2000;
          options.core.replication.page.bytes = 1000;
          return options;
        }()) {}
};

TEST_F(SmallWindow, PushingPausesWhenItIsFullAndTheRestIsHealed) {
  for (int i = 0; i < 200; ++i)
    cluster_.write(0, absl::StrCat("k", i), std::string(300, 'v'), at(Level::kOne));
  cluster_.run_for(1);
  EXPECT_NE(cluster_.difference(), "") << "200 values of 300 bytes do not fit into 2000 under way";
  expect_quiet();
  EXPECT_EQ(cluster_.status(1).live_keys, 200U);
}

TEST_F(SmallWindow, QuorumWritesSucceedAlthoughPushingWasPaused) {
  std::vector<std::uint64_t> ids;
  ids.reserve(200);
  for (int i = 0; i < 200; ++i)
    ids.push_back(cluster_.write(0, absl::StrCat("k", i), std::string(300, 'v'), at(Level::kAll)));
  cluster_.run_for(1100);
  for (const std::uint64_t id : ids) {
    ASSERT_NE(cluster_.write_result(id), nullptr);
    ASSERT_EQ(cluster_.write_result(id)->outcome, Outcome::kApplied)
        << cluster_.write_result(id)->message;
  }
}

TEST_F(Convergence, AWriteIsConfirmedByAnExchangeWhenItsDeltaWasLost) {
  for (const Durability durability : {Durability::kOs, Durability::kDisk}) {
    cluster_.set_faults({1000, 0, false, 50, 500});
    const std::uint64_t id = cluster_.write(0, "k", "v", {Level::kAll, durability, 10'000, {}});
    cluster_.run_for(10);
    cluster_.set_faults({});
    ASSERT_TRUE(cluster_.run_until([&] { return cluster_.write_result(id) != nullptr; }, 4000));
    EXPECT_EQ(cluster_.write_result(id)->outcome, Outcome::kApplied)
        << cluster_.write_result(id)->message;
  }
}

TEST_F(Convergence, WhatARestartedProcessFoundIsOnDiskBeforeItSaysSo) {
  // The process dies with commits that were never synced, comes back, and then the power fails.
  ASSERT_EQ(cluster_.write_now(0, "k", "v", at(Level::kOne)).outcome, Outcome::kApplied);
  cluster_.isolate(0);
  cluster_.crash(0, Disk::kKept);
  ASSERT_GT(cluster_.engine(0).unsynced(), 0U);
  cluster_.restart(0, true);
  EXPECT_EQ(cluster_.engine(0).unsynced(), 0U)
      << "the replica's durable clock starts as all that was read";
}

TEST_F(Convergence, DebtIsOwedAgainToANodeThatWasWiped) {
  put_many(0, "k", 20, "v", Level::kAll);
  expect_quiet();
  cluster_.crash(2, Disk::kWiped);
  cluster_.run_for(50);
  cluster_.set_faults({0, 0, false, 50'000, 50'000});  // so that it takes a while
  cluster_.restart(2, false);
  ASSERT_TRUE(
      cluster_.run_until([&] { return cluster_.status(0).peers[2].debt_dots == 20; }, 1000));
  expect_quiet();
  expect_everywhere("k", 20, "v");
}

// After how many milliseconds the node dies. Among these is a moment at which its requests have arrived, which name the
// writes that only it has, and its pages have not.
class DeathDuringAnExchange : public Convergence, public testing::WithParamInterface<int> {};

INSTANTIATE_TEST_SUITE_P(Core, DeathDuringAnExchange, testing::Range(40, 120, 10));

TEST_P(DeathDuringAnExchange, ComesToRestThoughItsWritesAreGone) {
  cluster_.isolate(0);
  cluster_.run_for(50);
  put_many(0, "gone", 20, "v");
  cluster_.run_for(500);
  cluster_.set_faults({0, 0, false, 30'000, 30'000});
  cluster_.heal_all();
  cluster_.run_for(GetParam());
  cluster_.crash(0, Disk::kWiped);
  cluster_.set_faults({});
  cluster_.run_for(100);
  cluster_.restart(0, false);
  cluster_.run_for(100);
  put_many(0, "k", 20, "v", Level::kAll);
  expect_quiet();
  cluster_.run_for(3000);
  const std::uint64_t pages = cluster_.status(1).anti_entropy.pages_received;
  cluster_.run_for(10'000);
  EXPECT_EQ(cluster_.status(1).anti_entropy.pages_received, pages)
      << "asks for ever what the wiped node has on disk";
}

}  // namespace
}  // namespace kv
