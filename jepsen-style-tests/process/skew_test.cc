// A node whose wall clock is off from the majority's: what it refuses, what it forwards, and how it says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jepsen-style-tests/process/harness/cluster.h"

namespace kv::e2e {
namespace {

using testing::AllOf;
using testing::Ge;
using testing::Le;

constexpr int kAheadMs = 20'000;

ClusterOptions with_clocks(std::size_t nodes) {
  ClusterOptions options;
  options.nodes = nodes;
  options.own_clocks = true;
  return options;
}

std::string state_of(const Cluster& cluster, const std::string& id) {
  const Json status = cluster.status_of(id);
  return status.is_object() ? status.value("state", "") : "unreachable";
}

bool becomes(const Cluster& cluster, const std::string& id, const std::string& state) {
  return eventually([&] { return state_of(cluster, id) == state; });
}

std::int64_t skew_of(const Cluster& cluster, const std::string& id) {
  return cluster.status_of(id).at("clock_skew_ms").get<std::int64_t>();
}

TEST(Skew, ANodeWhoseClockIsOffHasAnotherOrderItsWritesOrRefusesThem) {
  DirectCluster cluster(with_clocks(3));
  const Kv n3 = cluster.at("n3");
  EXPECT_EQ(n3.json({"put", "k", "before"}).at("coordinator"), "n3") << "a replica writes itself";
  ASSERT_EQ(n3({"bucket", "create", "carts", "--policy", "siblings"}).code, 0);

  cluster.set_clock("n3", kAheadMs / 1000);
  ASSERT_TRUE(becomes(cluster, "n3", "skewed")) << cluster.at("n3")({"status"});
  EXPECT_THAT(skew_of(cluster, "n3"), AllOf(Ge(kAheadMs - 5000), Le(kAheadMs + 5000)));
  EXPECT_EQ(state_of(cluster, "n1"), "alive");
  EXPECT_NE(n3.json({"put", "k", "through another"}).at("coordinator"), "n3");
  EXPECT_EQ(cluster.at("n1").get("k"), "through another");
  EXPECT_EQ(n3.json({"--bucket", "carts", "put", "k", "v"}).at("coordinator"), "n3")
      << "siblings are ordered by no clock";

  // With nobody to forward to it refuses, and says what to do; a client goes to another node.
  cluster.stop("n1");
  cluster.stop("n2");
  ASSERT_TRUE(eventually([&] {
    const Result put = n3({"put", "k", "poison", "--level", "one"});
    return put.code == 5 && put.err.find("wall clock is") != std::string::npos;
  }));
  EXPECT_EQ(n3.get("k", "one"), "through another");
  EXPECT_EQ(n3({"--bucket", "carts", "put", "k2", "v", "--level", "one"}).code, 0);
  EXPECT_TRUE(eventually([&] {
    return cluster.log("n3").find("it orders no writes until its clock is set") !=
           std::string::npos;
  })) << cluster.log("n3");

  cluster.set_clock("n3", 0);
  ASSERT_TRUE(becomes(cluster, "n3", "alive"));
  EXPECT_EQ(n3({"put", "k", "after", "--level", "one"}).code, 0);
  cluster.start("n1");
  cluster.start("n2");
  cluster.await_connected();
  ASSERT_EQ(n3({"converged", "--wait", "--timeout", "20s"}).code, 0);
  EXPECT_EQ(cluster.at("n1")({"put", "k", "last", "--level", "all"}).code, 0);
  EXPECT_EQ(cluster.at("n2").get("k"), "last") << "no wrong time is left to win";
}

TEST(Skew, OfTwoNodesNeitherIsRefusedAndTheDifferenceShows) {
  DirectCluster cluster(with_clocks(2));
  cluster.set_clock("n2", kAheadMs / 1000);
  const auto seen_by = [&](const std::string& id) {
    const Json status = cluster.status_of(id);
    if (!status.contains("peers")) return std::int64_t{0};
    return status.at("peers").at(0).at("clock_skew_ms").get<std::int64_t>();
  };
  ASSERT_TRUE(eventually([&] { return seen_by("n1") > kAheadMs / 2; }));
  ASSERT_TRUE(eventually([&] { return seen_by("n2") < -kAheadMs / 2; }));
  for (const char* id : {"n1", "n2"}) {
    EXPECT_EQ(state_of(cluster, id), "alive");
    EXPECT_EQ(cluster.at(id).json({"put", "k", id}).at("coordinator"), id);
  }
}

}  // namespace
}  // namespace kv::e2e
