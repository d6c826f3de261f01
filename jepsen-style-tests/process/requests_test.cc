// Writes that are sent again under the same request id, to whatever node, by scripts/cluster: each counts once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jepsen-style-tests/process/harness/cluster.h"

namespace kv::e2e {
namespace {

using testing::HasSubstr;

class Requests : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = std::make_unique<ScriptCluster>();
    for (const std::string policy : {"counter", "map"})
      EXPECT_EQ(cluster_->at("n1")({"bucket", "create", policy, "--policy", policy}).code, 0);
  }
  static void TearDownTestSuite() { cluster_.reset(); }
  void SetUp() override { settle(); }

  static Result add(const std::string& id, const std::string& key, const std::string& request,
                    const std::string& level = "quorum", const std::string& amount = "5") {
    return cluster_->at(id)({"--bucket", "counter", "--level", level, "-o", "json", "incr", key,
                             amount, "--request-id", request});
  }
  static std::string dot_of(const Result& result) {
    return Json::parse(result.out).at("dot").get<std::string>();
  }
  static std::string count(const std::string& id, const std::string& key) {
    return cluster_->at(id)({"--bucket", "counter", "--level", "one", "get", key}).out;
  }
  static void expect_everywhere(const std::string& key, const std::string& expected) {
    settle();
    for (const Node& node : cluster_->nodes())
      EXPECT_EQ(count(node.id, key), expected) << "at " << node.id << " it was counted otherwise";
  }
  static void settle() {
    cluster_->await_connected();
    cluster_->await_nothing_owed();
  }

  static std::unique_ptr<ScriptCluster> cluster_;
};

std::unique_ptr<ScriptCluster> Requests::cluster_;

TEST_F(Requests, SentAgainToAnyNodeAreOneWrite) {
  const Result first = add("n1", "visits", "r1");
  ASSERT_EQ(first.code, 0) << first;
  for (const Node& node : cluster_->nodes()) {
    const Result again = add(node.id, "visits", "r1", "all");
    EXPECT_EQ(again.code, 0) << again;
    EXPECT_EQ(dot_of(again), dot_of(first)) << "it was written again through " << node.id;
  }
  expect_everywhere("visits", "5");
  EXPECT_EQ(add("n2", "visits", "r2").code, 0) << "a new id is a new write";
  EXPECT_EQ(add("n2", "others", "r1").code, 0) << "so is the same id of another key";
  expect_everywhere("visits", "10");
  expect_everywhere("others", "5");
}

TEST_F(Requests, SentAgainAfterARestartAreOneWrite) {
  const Result first = add("n1", "restarted", "r1", "all");
  cluster_->kill("n1");
  const Result elsewhere = add("n2", "restarted", "r1");
  EXPECT_EQ(dot_of(elsewhere), dot_of(first)) << elsewhere;
  cluster_->start("n1");
  settle();
  EXPECT_EQ(dot_of(add("n1", "restarted", "r1")), dot_of(first));
  expect_everywhere("restarted", "5");
}

TEST_F(Requests, BothSidesOfAPartitionMayMakeOneAndItCountsOnce) {
  ASSERT_EQ(add("n1", "apart", "before", "all", "100").code, 0);
  cluster_->while_apart(
      "n3",
      [] {
        EXPECT_EQ(add("n1", "apart", "r1", "one").code, 0);
        EXPECT_EQ(add("n2", "apart", "r1", "one").code, 0);
        EXPECT_EQ(add("n2", "apart", "r2", "one", "30").code, 0);
      },
      [] {
        EXPECT_EQ(add("n3", "apart", "r1", "one").code, 0);
        EXPECT_EQ(add("n3", "apart", "r1", "one").code, 0);
        EXPECT_EQ(add("n3", "apart", "r2", "one", "30").code, 0);
        EXPECT_EQ(add("n3", "apart", "r3", "one", "1000").code, 0);
      });
  expect_everywhere("apart", "1135");
  EXPECT_EQ(add("n2", "apart", "r1", "all").code, 0);
  expect_everywhere("apart", "1135");
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
  settle();
  EXPECT_EQ(add_field("n2"), 0);
  settle();
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
  const Result longer = add("n1", "k", std::string(65, 'x'));
  EXPECT_EQ(longer.code, 2) << longer;
  EXPECT_THAT(longer.err, HasSubstr("request id has 65 bytes; the limit is 64"));
  EXPECT_EQ(add("n1", "k", "").code, 2);
}

}  // namespace
}  // namespace kv::e2e
