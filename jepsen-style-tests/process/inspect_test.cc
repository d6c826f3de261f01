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
