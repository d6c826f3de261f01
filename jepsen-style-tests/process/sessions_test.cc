// A session across nodes: what it has written and read is seen by whatever node answers, or the answer is an error.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

#include "jepsen-style-tests/process/harness/cluster.h"
#include "kv/client.h"

namespace kv::e2e {
namespace {

using testing::HasSubstr;

// `kv` at one node and at level one, with the session in a file of the cluster's folder.
class SessionKv {
 public:
  explicit SessionKv(const Cluster& cluster)
      : cluster_(cluster), file_(cluster.dir() / "session") {}

  Result at(const std::string& node, Arguments arguments) const {
    arguments.insert(arguments.end(), {"--level", "one", "--session", file_});
    return cluster_.at(node)(arguments);
  }
  void begin_anew() const { std::filesystem::remove(file_); }

 private:
  const Cluster& cluster_;
  const std::string file_;
};

TEST(Sessions, ANodeThatIsBehindAnswersStaleAndServesOnceItHasCaughtUp) {
  DirectCluster cluster;
  const SessionKv session(cluster);
  ASSERT_EQ(cluster.kv()({"put", "key", "old", "--level", "all"}).code, 0);
  cluster.kill("n3");
  ASSERT_EQ(session.at("n1", {"put", "key", "new"}).code, 0);
  cluster.kill("n1");
  cluster.kill("n2");
  cluster.start("n3");
  ASSERT_EQ(cluster.at("n3").get("key", "one"), "old");

  const Result stale = session.at("n3", {"get", "key", "--timeout", "500ms"});
  EXPECT_EQ(stale.code, 5) << "n3 has not heard of the write: " << stale;
  EXPECT_THAT(stale.err, HasSubstr("stale"));

  // Whichever moment it is: the old value is never returned.
  cluster.start("n1");
  Result got;
  ASSERT_TRUE(eventually([&] {
    got = session.at("n3", {"get", "key", "--timeout", "1s"});
    return got.code != 5;
  }));
  EXPECT_EQ(got.out, "new") << got;
}

TEST(Sessions, AReadIsNotFollowedByAnOlderOne) {
  DirectCluster cluster;
  const SessionKv session(cluster);
  ASSERT_EQ(cluster.kv()({"put", "key", "old", "--level", "all"}).code, 0);
  cluster.kill("n3");
  ASSERT_TRUE(eventually([&] { return cluster.at("n1")({"put", "key", "new"}).code == 0; }));
  EXPECT_EQ(session.at("n1", {"get", "key"}).out, "new");
  cluster.kill("n1");
  cluster.kill("n2");
  cluster.start("n3");
  const Result stale = session.at("n3", {"get", "key", "--timeout", "500ms"});
  EXPECT_EQ(stale.code, 5) << "n3 has not heard of what was read: " << stale;
}

TEST(Sessions, WhatWasLostWithItsDiskIsSaidAtOnceAndANewSessionGoesOn) {
  DirectCluster cluster;
  const SessionKv session(cluster);
  ASSERT_EQ(cluster.kv()({"put", "key", "old", "--level", "all"}).code, 0);
  cluster.kill("n2");
  cluster.kill("n3");
  ASSERT_EQ(session.at("n1", {"put", "key", "lost"}).code, 0);
  cluster.wipe("n1");
  for (const Node& node : cluster.nodes()) cluster.start(node.id);
  cluster.await_connected();
  Result lost;
  ASSERT_TRUE(eventually([&] {
    lost = session.at("n2", {"get", "key"});
    return lost.err.find("none of the key's 3 replicas has") != std::string::npos;
  })) << lost;
  EXPECT_EQ(lost.code, 5) << lost;
  session.begin_anew();
  EXPECT_EQ(session.at("n2", {"get", "key"}).out, "old");
}

// Faster than replication, often: the library, and a node for each request.
TEST(Sessions, EveryWriteIsReadAtTheNextNode) {
  const DirectCluster cluster({.settings = kPatient});
  std::vector<std::unique_ptr<client::Client>> nodes;
  for (const Node& node : cluster.nodes())
    nodes.push_back(client::Client::create({.endpoints = {node.client}}).value());
  client::Session session;
  const auto patience = std::chrono::seconds(20);
  for (int i = 0; i < 300; ++i) {
    const std::string key = "key" + std::to_string(i % 7);
    const std::string value = std::to_string(i);
    const auto put = nodes[static_cast<std::size_t>(i) % 3]->put(
        key, value, {.level = client::Level::kOne, .timeout = patience, .session = &session});
    ASSERT_TRUE(put.ok()) << put.failure().message;
    for (const std::size_t other : {1U, 2U}) {
      const auto got = nodes[(static_cast<std::size_t>(i) + other) % 3]->get(
          key, {.level = client::Level::kOne, .timeout = patience, .session = &session});
      ASSERT_TRUE(got.ok()) << got.failure().message;
      ASSERT_EQ(got->values, std::vector{value}) << "write " << i;
    }
  }
  EXPECT_LT(session.bytes.size(), 2000U);
}

}  // namespace
}  // namespace kv::e2e
