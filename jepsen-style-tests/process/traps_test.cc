// The field's classic traps, each as a story on real nodes: what others have lost, brought back or never let go.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "jepsen-style-tests/process/harness/cluster.h"

namespace kv::e2e {
namespace {

using testing::ElementsAre;
using testing::SizeIs;
using testing::UnorderedElementsAre;

std::vector<std::string> values_at(const Cluster& cluster, const std::string& id,
                                   const std::string& bucket, const std::string& key) {
  return cluster.at(id)
      .json({"--bucket", bucket, "--level", "one", "get", key})
      .at("values")
      .get<std::vector<std::string>>();
}

std::uint64_t markers(const Cluster& cluster) {
  std::uint64_t sum = 0;
  for (const Node& node : cluster.nodes())
    sum += cluster.status_of(node.id).at("markers").get<std::uint64_t>();
  return sum;
}

// The disk is gone and the name is the same. Whoever counts on from what it finds gives the old names again, and the others
// take the new writes for those that they have.
TEST(Traps, ADotIsNotUsedAgainAfterAWipe) {
  DirectCluster cluster;
  std::set<std::string> dots;
  const auto put = [&] {  // one key, so that one replica issues them all
    const Json written = cluster.at("n1").json({"put", "key", "v", "--level", "all"});
    return written.at("dot").get<std::string>();
  };
  for (int i = 0; i < 25; ++i) dots.insert(put());
  ASSERT_THAT(dots, SizeIs(25));
  cluster.wipe("n1");
  cluster.start("n1");
  cluster.await_connected();
  for (int i = 0; i < 25; ++i)
    EXPECT_TRUE(dots.insert(put()).second) << "a dot was given before the wipe";
  cluster.await_same_everywhere();
}

// A delete is forgotten everywhere while a node that slept through it still has the value. When it wakes it must not bring
// the value back.
TEST(Traps, WhatWasDeletedDuringALongOutageStaysDeleted) {
  DirectCluster cluster;
  ASSERT_EQ(cluster.kv()({"bucket", "create", "carts", "--policy", "siblings"}).code, 0);
  for (const char* bucket : {"default", "carts"})
    ASSERT_EQ(cluster.kv()({"--bucket", bucket, "put", "k", "v", "--level", "all"}).code, 0);
  cluster.kill("n3");
  for (const char* bucket : {"default", "carts"})
    ASSERT_TRUE(eventually([&] {
      return cluster.at("n1")({"--bucket", bucket, "del", "k"}).code == 0;
    }));
  // The others live through a restart each, and write on: nothing that only memory knows protects the delete.
  for (const char* id : {"n1", "n2"}) {
    cluster.stop(id);
    cluster.start(id);
  }
  ASSERT_TRUE(eventually([&] { return cluster.at("n1")({"put", "other", "v"}).code == 0; }));
  cluster.start("n3");
  cluster.await_connected();
  cluster.await_nothing_owed();
  for (const Node& node : cluster.nodes())
    for (const char* bucket : {"default", "carts"})
      EXPECT_THAT(values_at(cluster, node.id, bucket, "k"), ElementsAre()) << node.id << bucket;
  EXPECT_TRUE(eventually([&] { return markers(cluster) == 0; })) << "the marker is not needed";
}

// A delete that goes on killing what is written after it: the marker is known to one node only, whose key has been written
// anew elsewhere, by a node that knows of neither the key nor the delete.
TEST(Traps, ADeleteThatComesBackDoesNotDoomWhatWasWrittenAnew) {
  DirectCluster cluster;
  for (int i = 0; i < 5; ++i)
    ASSERT_EQ(cluster.at("n1")({"put", "k", std::to_string(i), "--level", "all"}).code, 0);
  cluster.kill("n2");
  ASSERT_TRUE(eventually([&] {
    return cluster.at("n1")({"del", "k", "--level", "one"}).code == 0;
  }));
  ASSERT_TRUE(eventually([&] { return cluster.at("n3").get("k", "one") == "<absent>"; }));
  cluster.kill("n3");  // has the marker
  cluster.wipe("n1");  // has forgotten the key and the delete
  cluster.start("n1");
  ASSERT_EQ(cluster.at("n1")({"put", "k", "anew", "--level", "one"}).code, 0);
  cluster.start("n3");
  cluster.start("n2");
  cluster.await_connected();
  cluster.await_same_everywhere();
  for (const Node& node : cluster.nodes())
    EXPECT_EQ(cluster.at(node.id).get("k", "one"), "anew") << node.id;
}

// Two clients write one key in turns, each with the token of its own last write. With one entry per client or server in a
// version vector every write adds a sibling; here each supersedes its own last one.
TEST(Traps, SiblingsDoNotMultiply) {
  DirectCluster cluster;
  ASSERT_EQ(cluster.kv()({"bucket", "create", "carts", "--policy", "siblings"}).code, 0);
  std::map<std::string, std::string> tokens;
  for (int round = 0; round < 6; ++round) {
    for (const char* id : {"n1", "n2"}) {
      Arguments put = {
          "--bucket", "carts", "--level", "all", "put", "k", id + std::to_string(round)};
      if (tokens.contains(id)) put.insert(put.end(), {"--token", tokens[id]});
      tokens[id] = cluster.at(id).json(put).at("token").get<std::string>();
    }
    ASSERT_THAT(values_at(cluster, "n3", "carts", "k"),
                UnorderedElementsAre("n1" + std::to_string(round), "n2" + std::to_string(round)));
  }
}

// A write that resolves siblings supersedes those that its read saw, and not the one that arrived since.
TEST(Traps, AWriteSupersedesExactlyTheSiblingsThatItsReadSaw) {
  DirectCluster cluster;
  ASSERT_EQ(cluster.kv()({"bucket", "create", "carts", "--policy", "siblings"}).code, 0);
  const auto put = [&](const std::string& id, const std::string& value, const Arguments& more) {
    Arguments arguments = {"--bucket", "carts", "--level", "all", "put", "k", value};
    arguments.insert(arguments.end(), more.begin(), more.end());
    ASSERT_EQ(cluster.at(id)(arguments).code, 0);
  };
  put("n1", "apples", {});
  put("n2", "pears", {});
  const std::string token = cluster.at("n3")({"--bucket", "carts", "get", "k", "--token-only"}).out;
  put("n2", "plums", {});
  put("n1", "fruit", {"--token", token});
  for (const Node& node : cluster.nodes())
    EXPECT_THAT(values_at(cluster, node.id, "carts", "k"), UnorderedElementsAre("fruit", "plums"))
        << node.id;
  put("n3", "again", {"--token", token});
  for (const Node& node : cluster.nodes())
    EXPECT_THAT(values_at(cluster, node.id, "carts", "k"),
                UnorderedElementsAre("fruit", "plums", "again"))
        << "an old token supersedes nothing that it has not seen";
}

}  // namespace
}  // namespace kv::e2e
