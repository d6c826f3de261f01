#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <tuple>

#include "node/resolution/model_replicas.h"
#include "node/resolution/policies.h"

namespace kv {
namespace {

const Policy& kLww = lww_policy();

std::vector<Version> resolved(std::vector<Version> versions) {
  kLww.resolve(versions);
  return versions;
}

// Distinct dots, few times, so that ties are common.
std::vector<Version> any_versions(std::uint64_t first_actor) {
  const auto parts = *rc::gen::container<std::vector<std::tuple<std::uint64_t, bool>>>(
      rc::gen::tuple(rc::gen::inRange<std::uint64_t>(1, 4), rc::gen::arbitrary<bool>()));
  std::vector<Version> versions;
  for (const auto& [hlc, marker] : parts) {
    const Dot dot{Actor{first_actor + versions.size() % 3}, 1 + versions.size() / 3};
    versions.push_back({dot, Hlc{hlc}, marker ? std::nullopt : std::optional<std::string>("v")});
  }
  return versions;
}

std::optional<std::string> value_at(const ModelReplica& replica, const std::string& key = "k") {
  const auto versions = replica.state(key).object.versions;
  return versions.size() == 1 ? versions[0].value : std::optional<std::string>("not one version");
}

RC_GTEST_PROP(Lww, ResolvingEarlyMakesNoDifference, ()) {
  const auto a = any_versions(1), b = any_versions(10);
  auto all = a, early = resolved(a);
  all.insert(all.end(), b.begin(), b.end());
  early.insert(early.end(), b.begin(), b.end());
  RC_ASSERT(resolved(all) == resolved(early));
}

RC_GTEST_PROP(Lww, TheOrderOfArrivalMakesNoDifference, ()) {
  auto versions = any_versions(1);
  const auto winner = resolved(versions);
  RC_ASSERT(winner.size() == (versions.empty() ? 0U : 1U));
  std::reverse(versions.begin(), versions.end());
  RC_ASSERT(resolved(versions) == winner);
}

RC_GTEST_PROP(Lww, TheWinnerIsTheLatestAndOfThoseTheOneWithTheGreatestDot, ()) {
  const auto versions = any_versions(1);
  for (const Version& winner : resolved(versions))
    for (const Version& v : versions)
      RC_ASSERT(std::tie(winner.hlc, winner.dot) >= std::tie(v.hlc, v.dot));
}

// Dropping losers must not disturb the join: the same laws, with the policy applied at every step.
RC_GTEST_PROP(Lww, JoinsAreCommutativeAssociativeAndIdempotent, ()) {
  ModelCluster cluster(&kLww);
  cluster.run_random_history();
  const auto a = cluster.replicas[0].state("key"), b = cluster.replicas[1].state("key"),
             c = cluster.replicas[2].state("key");
  const auto join2 = [](const ObjectState& x, const ObjectState& y) { return joined(x, y, &kLww); };
  RC_ASSERT(same(join2(a, b), join2(b, a)));
  RC_ASSERT(same(join2(join2(a, b), c), join2(a, join2(b, c))));
  RC_ASSERT(same(join2(a, a), a));
}

// Whatever was lost, late or repeated, and whoever read what: the greatest (HLC, dot) that was ever
// written.
RC_GTEST_PROP(Lww, ReplicasThatKnowEverythingHoldTheLatestWrite, ()) {
  ModelCluster cluster(&kLww);
  cluster.run_random_history();
  cluster.converge();
  for (const std::string key : {"key", "other"}) {
    std::vector<Version> written;
    for (const ModelDelta& delta : cluster.deltas)
      if (delta.key == key) written.push_back(delta.version);
    for (const ModelReplica& replica : cluster.replicas) {
      RC_ASSERT(replica.state(key).object.versions == resolved(written));
      RC_ASSERT(replica.state(key).object.context.empty());
    }
  }
}

TEST(Lww, OfAConcurrentPutAndDeleteTheLaterWinsOnBothSides) {
  for (const bool put_is_later : {true, false}) {
    ModelReplica x(1, &kLww), y(2, &kLww);
    y.apply(x.write("k", "old", std::nullopt, WallMs{1}));
    const auto put = x.write("k", "new", std::nullopt, WallMs{put_is_later ? 20 : 10});
    const auto del = y.write("k", std::nullopt, std::nullopt, WallMs{put_is_later ? 10 : 20});
    x.apply(del);
    y.apply(put);
    const auto expected = put_is_later ? std::optional<std::string>("new") : std::nullopt;
    EXPECT_EQ(value_at(x), expected);
    EXPECT_EQ(value_at(y), expected);
  }
}

TEST(Lww, AnOlderWriteThatArrivesAfterADeleteStaysDeleted) {
  ModelReplica x(1, &kLww), y(2, &kLww), z(3, &kLww);
  const auto older = x.write("k", "older", std::nullopt, WallMs{10});
  const auto del = y.write("k", std::nullopt, std::nullopt, WallMs{20});
  z.apply(del);
  z.apply(older);
  EXPECT_EQ(value_at(z), std::nullopt);
  EXPECT_EQ(z.state("k").object.versions.size(), 1U) << "the marker that beat it";
}

TEST(Lww, APutWithoutATokenWinsOverAllThatItsReplicaSees) {
  ModelReplica x(1, &kLww), y(2, &kLww);
  x.apply(y.write("k", "from a fast clock", std::nullopt, WallMs{1'000'000}));
  const auto put = x.write("k", "later", std::nullopt, WallMs{5});
  EXPECT_EQ(value_at(x), "later");
  y.apply(put);
  EXPECT_EQ(value_at(y), "later");
}

TEST(Lww, APutWithATokenWinsOverWhatItsClientReadElsewhere) {
  ModelReplica x(1, &kLww), y(2, &kLww);
  const auto read = y.write("k", "read at y", std::nullopt, WallMs{900});
  const auto put = x.write("k", "written at x, which has not seen it", y.read("k"), WallMs{5});
  y.apply(put);
  x.apply(read);
  EXPECT_EQ(value_at(y), "written at x, which has not seen it");
  EXPECT_EQ(value_at(x), "written at x, which has not seen it");
}

TEST(Lww, EqualTimesAreDecidedByTheDot) {
  ModelReplica x(1, &kLww), y(2, &kLww);
  const auto from_x = x.write("k", "x", std::nullopt, WallMs{7});
  const auto from_y = y.write("k", "y", std::nullopt, WallMs{7});
  ASSERT_EQ(from_x.version.hlc, from_y.version.hlc);
  x.apply(from_y);
  y.apply(from_x);
  EXPECT_EQ(value_at(x), "y");
  EXPECT_EQ(value_at(y), "y");
}

TEST(Lww, IsNamedAsInTheConfiguration) { EXPECT_EQ(kLww.name(), "lww"); }

}  // namespace
}  // namespace kv
