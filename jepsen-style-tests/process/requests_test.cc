// Writes that are sent again under the same request id, to whatever node: each counts once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jepsen-style-tests/process/harness/cluster.h"

namespace kv::e2e {
namespace {

using testing::HasSubstr;

Result add(const Cluster& cluster, const std::string& id, const std::string& key,
           const std::string& request, const std::string& level = "quorum",
           const std::string& amount = "5") {
  return cluster.at(id)({"--bucket", "counter", "--level", level, "-o", "json", "incr", key, amount,
                         "--request-id", request});
}

std::string dot_of(const Result& result) {
  return Json::parse(result.out).at("dot").get<std::string>();
}

void settle(const Cluster& cluster) {
  cluster.await_connected();
  cluster.await_nothing_owed();
}

void expect_everywhere(const Cluster& cluster, const std::string& key,
                       const std::string& expected) {
  settle(cluster);
  for (const Node& node : cluster.nodes())
    EXPECT_EQ(cluster.at(node.id)({"--bucket", "counter", "--level", "one", "get", key}).out,
              expected)
        << "at " << node.id << " it was counted otherwise";
}

void create_buckets(const Cluster& cluster) {
  for (const std::string policy : {"counter", "map"})
    ASSERT_EQ(cluster.at("n1")({"bucket", "create", policy, "--policy", policy}).code, 0);
}

TEST(RequestIds, SentAgainToAnyNodeAreOneWrite) {
  const DirectCluster cluster;
  create_buckets(cluster);
  const Result first = add(cluster, "n1", "visits", "r1");
  ASSERT_EQ(first.code, 0) << first;
  for (const Node& node : cluster.nodes()) {
    const Result again = add(cluster, node.id, "visits", "r1", "all");
    EXPECT_EQ(again.code, 0) << again;
    EXPECT_EQ(dot_of(again), dot_of(first)) << "it was written again through " << node.id;
  }
  expect_everywhere(cluster, "visits", "5");
  EXPECT_EQ(add(cluster, "n2", "visits", "r2").code, 0) << "a new id is a new write";
  EXPECT_EQ(add(cluster, "n2", "others", "r1").code, 0) << "so is the same id of another key";
  expect_everywhere(cluster, "visits", "10");
  expect_everywhere(cluster, "others", "5");
}

TEST(RequestIds, MadeByTwoNodesThatAreNeverUpTogetherCountOnce) {
  DirectCluster cluster;
  create_buckets(cluster);
  ASSERT_EQ(add(cluster, "n1", "apart", "before", "all", "100").code, 0);
  cluster.stop("n3");
  ASSERT_EQ(add(cluster, "n1", "apart", "r1", "one").code, 0);
  cluster.stop("n1");
  cluster.stop("n2");
  cluster.start("n3");
  ASSERT_EQ(add(cluster, "n3", "apart", "r1", "one").code, 0);
  cluster.start("n1");
  cluster.start("n2");
  expect_everywhere(cluster, "apart", "105");
}

// The other tests share a cluster, which can be partitioned.
class Requests : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = std::make_unique<ScriptCluster>();
    create_buckets(*cluster_);
  }
  static void TearDownTestSuite() { cluster_.reset(); }
  void SetUp() override { settle(*cluster_); }

  static std::unique_ptr<ScriptCluster> cluster_;
};

std::unique_ptr<ScriptCluster> Requests::cluster_;

TEST_F(Requests, SentAgainAfterARestartAreOneWrite) {
  const Result first = add(*cluster_, "n1", "restarted", "r1", "all");
  cluster_->kill("n1");
  const Result elsewhere = add(*cluster_, "n2", "restarted", "r1");
  EXPECT_EQ(dot_of(elsewhere), dot_of(first)) << elsewhere;
  cluster_->start("n1");
  settle(*cluster_);
  EXPECT_EQ(dot_of(add(*cluster_, "n1", "restarted", "r1")), dot_of(first));
  expect_everywhere(*cluster_, "restarted", "5");
}

TEST_F(Requests, BothSidesOfAPartitionMayMakeOneAndItCountsOnce) {
  ASSERT_EQ(add(*cluster_, "n1", "apart", "before", "all", "100").code, 0);
  cluster_->while_apart(
      "n3",
      [] {
        EXPECT_EQ(add(*cluster_, "n1", "apart", "r1", "one").code, 0);
        EXPECT_EQ(add(*cluster_, "n2", "apart", "r1", "one").code, 0);
        EXPECT_EQ(add(*cluster_, "n2", "apart", "r2", "one", "30").code, 0);
      },
      [] {
        EXPECT_EQ(add(*cluster_, "n3", "apart", "r1", "one").code, 0);
        EXPECT_EQ(add(*cluster_, "n3", "apart", "r1", "one").code, 0);
        EXPECT_EQ(add(*cluster_, "n3", "apart", "r2", "one", "30").code, 0);
        EXPECT_EQ(add(*cluster_, "n3", "apart", "r3", "one", "1000").code, 0);
      });
  expect_everywhere(*cluster_, "apart", "1135");
  EXPECT_EQ(add(*cluster_, "n2", "apart", "r1", "all").code, 0);
  expect_everywhere(*cluster_, "apart", "1135");
}

TEST_F(Requests, InAMapAreOneWriteToo) {
  const auto add_field = [](const std::string& id) {
    return cluster_
        ->at(id)({"--bucket", "map", "--level", "one", "map", "put", "ada", "logins", "2", "--type",
                  "counter", "--request-id", "r1"})
        .code;
  };
  cluster_->while_apart(
      "n3", [&] { EXPECT_EQ(add_field("n1"), 0); }, [&] { EXPECT_EQ(add_field("n3"), 0); });
  settle(*cluster_);
  EXPECT_EQ(add_field("n2"), 0);
  settle(*cluster_);
  for (const Node& node : cluster_->nodes())
    EXPECT_EQ(
        cluster_->at(node.id)({"--bucket", "map", "--level", "one", "map", "get", "ada", "logins"})
            .out,
        "2")
        << node.id;
}

TEST_F(Requests, DoNotMeetTheirOwnConditionsAndDoNotServeForAnythingElse) {
  const auto put = [](const std::string& id, const std::string& value, const std::string& request) {
    return cluster_->at(id)({"put", "lock", value, "--if-absent", "--request-id", request});
  };
  EXPECT_EQ(put("n1", "me", "r1").code, 0);
  const Result again = put("n2", "me", "r1");
  EXPECT_EQ(again.code, 0) << again << "a retry is not refused for what it has written itself";
  EXPECT_EQ(put("n3", "you", "r2").code, 8);
  const Result other = put("n3", "you", "r1");
  EXPECT_EQ(other.code, 2) << other;
  EXPECT_THAT(other.err, HasSubstr("a new write needs a new id"));
}

TEST_F(Requests, AreRefusedWhenTheyAreTooLong) {
  const Result longer = add(*cluster_, "n1", "k", std::string(65, 'x'));
  EXPECT_EQ(longer.code, 2) << longer;
  EXPECT_THAT(longer.err, HasSubstr("request id has 65 bytes; the limit is 64"));
  EXPECT_EQ(add(*cluster_, "n1", "k", "").code, 2);
}

}  // namespace
}  // namespace kv::e2e
