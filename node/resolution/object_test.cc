#include "node/resolution/object.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "node/resolution/model_replicas.h"

namespace kv {
namespace {

const Actor kA{0xa}, kB{0xb};

Version version(Dot dot, std::optional<std::string> value, std::uint64_t hlc = 1) {
  return {dot, Hlc{hlc}, std::move(value)};
}

std::vector<Dot> dots(const Object& object) {
  std::vector<Dot> out;
  for (const Version& v : object.versions) out.push_back(v.dot);
  return out;
}

ModelCluster any_history() {
  ModelCluster cluster(nullptr);
  cluster.run_random_history();
  return cluster;
}

// --- Laws, over states that replicas reach
// ----------------------------------------------------------

RC_GTEST_PROP(Join, IsCommutative, ()) {
  const ModelCluster cluster = any_history();
  const auto a = cluster.replicas[0].state("key"), b = cluster.replicas[1].state("key");
  RC_ASSERT(same(joined(a, b), joined(b, a)));
}

RC_GTEST_PROP(Join, IsAssociative, ()) {
  const ModelCluster cluster = any_history();
  const auto a = cluster.replicas[0].state("key"), b = cluster.replicas[1].state("key"),
             c = cluster.replicas[2].state("key");
  RC_ASSERT(same(joined(joined(a, b), c), joined(a, joined(b, c))));
}

RC_GTEST_PROP(Join, IsIdempotent, ()) {
  const ModelCluster cluster = any_history();
  const auto a = cluster.replicas[0].state("key"), b = cluster.replicas[1].state("key");
  RC_ASSERT(same(joined(a, a), a));
  RC_ASSERT(same(joined(joined(a, b), b), joined(a, b)));
}

RC_GTEST_PROP(Join, DeltasMayComeInAnyOrderAndTwice, ()) {
  ModelCluster cluster = any_history();
  RC_PRE(cluster.deltas.size() >= 2);
  ModelReplica forwards = cluster.replicas[0], backwards = cluster.replicas[0];
  for (const ModelDelta& delta : cluster.deltas) forwards.apply(delta);
  for (auto delta = cluster.deltas.rbegin(); delta != cluster.deltas.rend(); ++delta) {
    backwards.apply(*delta);
    backwards.apply(*delta);
  }
  RC_ASSERT(same(forwards.state("key"), backwards.state("key")));
}

RC_GTEST_PROP(Join, VersionsStaySortedAndUnique, ()) {
  const ModelCluster cluster = any_history();
  const auto both = joined(cluster.replicas[0].state("key"), cluster.replicas[1].state("key"));
  const auto found = dots(both.object);
  RC_ASSERT(std::adjacent_find(found.begin(), found.end(), std::greater_equal<>()) == found.end());
}

// What remains is known from the outside: every write that no other write of its key had seen.
RC_GTEST_PROP(Join, ReplicasThatKnowEverythingHoldWhatNobodySuperseded, ()) {
  ModelCluster cluster = any_history();
  cluster.converge();
  for (const std::string key : {"key", "other"}) {
    std::vector<Dot> expected;
    for (const ModelDelta& write : cluster.deltas) {
      const bool superseded =
          std::any_of(cluster.deltas.begin(), cluster.deltas.end(), [&](const ModelDelta& other) {
            return other.key == key && other.version.dot != write.version.dot &&
                   other.context.contains(write.version.dot);
          });
      if (write.key == key && !superseded) expected.push_back(write.version.dot);
    }
    std::sort(expected.begin(), expected.end());
    for (const ModelReplica& replica : cluster.replicas) {
      RC_ASSERT(dots(replica.state(key).object) == expected);
      RC_ASSERT(replica.state(key).object.context.empty());
    }
  }
}

// --- Worked examples
// ----------------------------------------------------------------------------------

TEST(Join, APutWithATokenSupersedesExactlyWhatWasRead) {
  ModelReplica x(0xa, nullptr), y(0xb, nullptr);
  x.apply(y.write("k", "read by the client", std::nullopt, WallMs{1}));
  const ModelToken token = x.read("k");
  const auto unread = y.write("k", "not read", std::nullopt, WallMs{2});
  x.apply(unread);
  const auto update = x.write("k", "update", token, WallMs{3});
  EXPECT_EQ(dots(x.state("k").object), (std::vector<Dot>{{kA, 1}, {kB, 2}}));
  y.apply(update);
  EXPECT_EQ(dots(y.state("k").object), (std::vector<Dot>{{kA, 1}, {kB, 2}}));
}

TEST(Join, ALateDeltaOfASupersededWriteDoesNotComeBack) {
  ModelReplica x(0xa, nullptr), y(0xb, nullptr);
  const auto first = x.write("k", "1", std::nullopt, WallMs{1});
  const auto second = x.write("k", "2", x.read("k"), WallMs{2});
  y.apply(second);
  EXPECT_EQ(y.state("k").object.context, (Clock{{kA, 1}}))
      << "remembered until the clock covers it";
  y.apply(first);
  EXPECT_EQ(dots(y.state("k").object), (std::vector<Dot>{{kA, 2}}));
  EXPECT_TRUE(y.state("k").object.context.empty());
}

TEST(Join, AbsenceAndTheClockAreTheTombstone) {
  ModelReplica x(0xa, nullptr), y(0xb, nullptr);
  y.apply(x.write("k", "1", std::nullopt, WallMs{1}));
  Object gone = x.state("k").object;
  discard(gone, x.read("k").context);
  strip(gone, x.state("k").clock);
  EXPECT_TRUE(gone.empty());
  Object at_y = y.state("k").object;
  join(at_y, y.state("k").clock, gone, x.state("k").clock);
  EXPECT_TRUE(at_y.versions.empty());
  join(gone, x.state("k").clock, y.state("k").object, y.state("k").clock);
  EXPECT_TRUE(gone.versions.empty()) << "and it does not come back from there";
}

TEST(Join, AClockThatDoesNotKnowAVersionDoesNotRemoveIt) {
  Object mine{{version({kA, 2}, "mine")}, {}};
  join(mine, Clock{{kA, 1}, {kA, 2}}, Object{}, Clock{{kA, 1}, {kB, 7}});
  EXPECT_EQ(dots(mine), (std::vector<Dot>{{kA, 2}}));
}

TEST(Join, AContextOfAnotherKeysDotsHidesNothing) {
  ModelReplica x(0xa, nullptr), y(0xb, nullptr);
  const auto other = x.write("other", "1", std::nullopt, WallMs{1});
  y.apply(x.write("k", "1", x.read("k"), WallMs{2}));  // the token covers the write to `other`
  y.apply(other);
  EXPECT_EQ(dots(y.state("other").object), (std::vector<Dot>{{kA, 1}}));
}

TEST(Join, TheContextBecomesTheUnionOfBothAndTheirClock) {
  Object mine{{}, Clock{{kA, 1}}};
  join(mine, Clock{{kA, 9}}, Object{{}, Clock{{kA, 2}}}, Clock{{kB, 3}});
  EXPECT_EQ(mine.context, (Clock{{kA, 1}, {kA, 2}, {kB, 3}}));
}

TEST(Object, AtRestAKeyCostsOneDotAndNoClock) {
  ModelReplica x(0xa, nullptr), y(0xb, nullptr);
  for (const char* value : {"1", "2", "3"}) {
    const auto delta = x.write("k", value, x.read("k"), WallMs{1});
    EXPECT_TRUE(delta.context.contains(delta.version.dot))
        << "a write's context covers its own dot";
    y.apply(delta);
    for (const ModelReplica& replica : {x, y}) {
      EXPECT_EQ(replica.state("k").object.versions.size(), 1U);
      EXPECT_TRUE(replica.state("k").object.context.empty());
    }
  }
}

TEST(Object, DiscardRemovesWhatTheContextCoversAndRemembersIt) {
  Object object{{version({kA, 1}, "1"), version({kA, 3}, "3"), version({kB, 1}, "b")},
                Clock{{kB, 9}}};
  discard(object, Clock{{kA, 1}, {kA, 2}, {kB, 1}});
  EXPECT_EQ(dots(object), (std::vector<Dot>{{kA, 3}}));
  EXPECT_EQ(object.context, (Clock{{kA, 1}, {kA, 2}, {kB, 1}, {kB, 9}}));
}

TEST(Object, StripDropsOnlyWhatTheClockCovers) {
  Object object{{version({kA, 1}, "1")}, Clock{{kA, 1}, {kA, 5}, {kB, 2}}};
  strip(object, Clock{{kA, 1}, {kB, 1}, {kB, 2}});
  EXPECT_EQ(object.context, (Clock{{kA, 5}}));
  EXPECT_EQ(object.versions.size(), 1U);
}

TEST(Object, TellsValuesFromMarkersAndFindsTheLatestTime) {
  const Object none, marker{{version({kA, 1}, std::nullopt, 7)}, {}};
  const Object both{{version({kA, 1}, std::nullopt, 7), version({kB, 1}, "", 5)}, {}};
  EXPECT_FALSE(has_value(none));
  EXPECT_FALSE(has_value(marker));
  EXPECT_TRUE(has_value(both)) << "an empty value is a value";
  EXPECT_EQ(greatest_hlc(none), Hlc{});
  EXPECT_EQ(greatest_hlc(both), Hlc{7});
  EXPECT_EQ(dots_of(both), (Clock{{kA, 1}, {kB, 1}}));
  EXPECT_FALSE(marker.empty());
  EXPECT_TRUE(none.empty());
  EXPECT_FALSE((Object{{}, Clock{{kA, 1}}}.empty()));
}

}  // namespace
}  // namespace kv
