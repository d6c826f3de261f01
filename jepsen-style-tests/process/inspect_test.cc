// wait, converged and explain, on three nodes of which one is cut off meanwhile. By scripts/cluster.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jepsen-style-tests/process/harness/cluster.h"

namespace kv::e2e {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Inspect : public testing::Test {
 protected:
  static void SetUpTestSuite() { cluster_ = std::make_unique<ScriptCluster>(); }
  static void TearDownTestSuite() { cluster_.reset(); }
  void SetUp() override {
    cluster_->await_connected();
    cluster_->await_nothing_owed();
  }

  static Kv at(const std::string& id) { return cluster_->at(id); }
  static std::string put(const std::string& id, const std::string& key, const std::string& value,
                         const std::string& level) {
    return at(id).json({"put", key, value, "--level", level}).at("dot");
  }
  static Json explained(const std::string& id, const std::string& key) {
    return at(id).json({"explain", key});
  }

  static std::unique_ptr<ScriptCluster> cluster_;
};

std::unique_ptr<ScriptCluster> Inspect::cluster_;

TEST_F(Inspect, AReceiptSaysWhenEveryReplicaHasTheWriteAndWhenItsDiskHas) {
  const std::string dot = put("n1", "receipt", "v", "one");
  const Result waited = at("n3")({"wait", dot, "--timeout", "20s"});
  EXPECT_EQ(waited.code, 0) << waited;
  const Json json = at("n2").json({"wait", dot, "--durability", "disk", "--timeout", "20s"});
  EXPECT_EQ(json.at("satisfied"), true);
  ASSERT_THAT(json.at("replicas"), SizeIs(3));
  for (const Json& replica : json.at("replicas")) EXPECT_EQ(replica.at("durable"), true);
  const Result unknown = at("n1")({"wait", "00000000000000aa:1", "--timeout", "200ms"});
  EXPECT_EQ(unknown.code, 9) << unknown;
  EXPECT_THAT(unknown.err, HasSubstr("no node that answers has it"));
  EXPECT_EQ(at("n1")({"wait", "no dot"}).code, 2);
}

TEST_F(Inspect, WhileOneIsCutOffItIsNamedAndAfterwardsAllAreEqual) {
  EXPECT_EQ(at("n1")({"converged", "--wait", "--timeout", "20s"}).code, 0);
  std::string dot;
  std::string dot_of_n3;
  cluster_->while_apart(
      "n3", [&] { dot = put("n1", "cut", "majority", "quorum"); },
      [&] {
        dot_of_n3 = put("n3", "cut", "minority", "one");
        const Result behind = at("n3")({"converged", "-o", "json"});
        EXPECT_EQ(behind.code, 9) << behind;
        EXPECT_EQ(Json::parse(behind.out).at("converged"), false);
        EXPECT_EQ(at("n3")({"wait", dot_of_n3, "--timeout", "300ms"}).code, 9);
        EXPECT_EQ(at("n3")({"wait", dot_of_n3, "--level", "one"}).code, 0);
        const Json explanation = explained("n3", "cut");
        for (const Json& replica : explanation.at("replicas")) {
          if (replica.at("node") != "n3") continue;
          EXPECT_EQ(replica.at("versions").at(0).at("value"), "minority");
          EXPECT_EQ(replica.at("versions").at(0).at("dot"), dot_of_n3);
        }
      });
  cluster_->await_connected();
  EXPECT_EQ(at("n2")({"converged", "--wait", "--timeout", "20s"}).code, 0);
  EXPECT_EQ(at("n2")({"wait", dot}).code, 0) << "superseded, and processed everywhere all the same";
  const Json explanation = explained("n2", "cut");
  EXPECT_EQ(explanation.at("policy"), "lww");
  EXPECT_THAT(explanation.at("winners"), ElementsAre(dot_of_n3));
  EXPECT_EQ(explanation.at("why"), "the latest write, by time and then by dot");
  for (const Json& replica : explanation.at("replicas")) {
    EXPECT_EQ(replica.at("clock_covers_all"), true);
    EXPECT_THAT(replica.at("lacks"), IsEmpty());
    EXPECT_EQ(replica.at("versions").at(0).at("value"), "minority");
  }
}

// What one side of a partition wrote is lost when both meet, and nobody had seen it: the journal says so, and brings it back.
TEST_F(Inspect, WhatAPartitionMadeLoseIsListedShownAndRestored) {
  std::string lost;
  cluster_->while_apart(
      "n3", [&] { lost = put("n1", "torn", "majority", "quorum"); },
      [&] { put("n3", "torn", "minority", "one"); });
  cluster_->await_connected();
  EXPECT_EQ(at("n2")({"converged", "--wait", "--timeout", "20s"}).code, 0);
  ASSERT_EQ(at("n2").get("torn", "all"), "minority");
  const Result listed = at("n2")({"conflicts", "list", "torn", "-o", "json"});
  ASSERT_EQ(listed.code, 0) << listed;
  const Json entry = Json::parse(listed.out);  // one line: one entry, however many nodes noted it
  EXPECT_EQ(entry.at("dot"), lost);
  EXPECT_EQ(entry.at("key"), "torn");
  EXPECT_EQ(entry.at("value_bytes"), 8);
  EXPECT_FALSE(entry.at("nodes").empty());
  EXPECT_EQ(at("n3")({"conflicts", "show", lost}).out, "majority");
  const Json restored = at("n3").json({"conflicts", "restore", lost, "--level", "all"});
  EXPECT_EQ(restored.at("restored"), lost);
  EXPECT_THAT(restored.at("replaced"), ElementsAre(entry.at("winner")));
  for (const char* node : {"n1", "n2", "n3"}) EXPECT_EQ(at(node).get("torn", "one"), "majority");
  EXPECT_EQ(at("n1")({"conflicts", "list", "cut-by-nobody"}).out, "");
  EXPECT_EQ(at("n1")({"conflicts", "restore", "00000000000000aa:1"}).code, 1);
}

TEST_F(Inspect, ANodeThatIsDownIsNoReasonToSayThatAllAreEqual) {
  cluster_->stop("n2");
  const Result result = at("n1")({"converged", "-o", "json"});
  EXPECT_EQ(result.code, 9) << result;
  EXPECT_THAT(Json::parse(result.out).at("unreachable"), ElementsAre("n2"));
  EXPECT_THAT(at("n1")({"explain", "cut"}).out, HasSubstr("n2    unreachable"));
  cluster_->start("n2");
  const Result nobody = Kv("127.0.0.1:1")({"converged"});
  EXPECT_EQ(nobody.code, 3) << nobody;
}

}  // namespace
}  // namespace kv::e2e
