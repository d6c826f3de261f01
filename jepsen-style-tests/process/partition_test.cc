// What a split network does: both sides go on, and agree once they hear each other. By
// scripts/cluster.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jepsen-style-tests/process/harness/cluster.h"

namespace kv::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// One cluster for all: each test puts the network back and has keys of its own.
class Partition : public testing::Test {
 protected:
  static void SetUpTestSuite() { cluster_ = std::make_unique<ScriptCluster>(); }
  static void TearDownTestSuite() { cluster_.reset(); }

  static ScriptCluster& cluster() { return *cluster_; }
  static Kv at(const std::string& id) { return cluster_->at(id); }
  static std::string local(const std::string& id, const std::string& key) {
    return at(id).get(key, "one");
  }

  // Writes at ONE, which never depends on others.
  void put(const std::string& id, const std::string& key, const std::string& value) {
    const Result result = at(id)({"put", key, value, "--level", "one"});
    EXPECT_EQ(result.code, 0) << result;
  }

  // Before each test's own writes: what earlier tests left is everywhere.
  void SetUp() override {
    cluster().await_connected();
    cluster().await_nothing_owed();
  }

 private:
  static std::unique_ptr<ScriptCluster> cluster_;
};

std::unique_ptr<ScriptCluster> Partition::cluster_;

TEST_F(Partition, AReadAfterReplicationSeesTheWrite) {
  put("n1", "after", "replicated");
  EXPECT_TRUE(eventually([&] { return local("n3", "after") == "replicated"; }));
}

TEST_F(Partition, AReadBeforeReplicationSeesTheOldValueAndLaterTheNew) {
  ASSERT_EQ(at("n1")({"put", "before", "old", "--level", "all"}).code, 0);
  cluster().while_apart(
      "n3", [&] { put("n1", "before", "new"); }, [&] { EXPECT_EQ(local("n3", "before"), "old"); });
  EXPECT_TRUE(eventually([&] { return local("n3", "before") == "new"; }));
}

// Neither side saw the other's write: the clocks decide, and everywhere in the same way.
TEST_F(Partition, ConflictingWritesHaveTheSameWinnerEverywhere) {
  constexpr int kKeys = 10;
  const auto key = [](int i) { return "conflict-" + std::to_string(i); };
  cluster().while_apart(
      "n3",
      [&] {
        for (int i = 0; i < kKeys; ++i) put(i % 2 == 0 ? "n1" : "n2", key(i), "majority");
      },
      [&] {
        for (int i = 0; i < kKeys; ++i) put("n3", key(i), "minority");
      });
  cluster().await_connected();
  cluster().await_nothing_owed();
  for (int i = 0; i < kKeys; ++i) {
    // The later write is the minority's; both clocks are this machine's.
    for (const Node& node : cluster().nodes())
      EXPECT_EQ(local(node.id, key(i)), "minority") << key(i) << node.id;
    const Json get = at("n1").json({"get", key(i), "--level", "all"});
    EXPECT_EQ(get.at("agreed"), true);
  }
}

// Causality goes before clocks: a write that saw the other's wins, also when it meets it on the
// other side.
TEST_F(Partition, AWriteThatSawAnotherWinsOverIt) {
  ASSERT_EQ(at("n1")({"put", "seen", "first", "--level", "all"}).code, 0);
  const std::string token = at("n3")({"get", "seen", "--token-only"}).out;
  cluster().while_apart(
      "n3",
      [&] {
        EXPECT_EQ(at("n2")({"del", "seen", "--token", token, "--level", "one"}).code, 0);
      },
      [&] { EXPECT_EQ(local("n3", "seen"), "first"); });
  EXPECT_TRUE(eventually([&] { return local("n3", "seen") == "<absent>"; }));
  cluster().await_connected();
  cluster().await_nothing_owed();
  for (const Node& node : cluster().nodes()) EXPECT_EQ(local(node.id, "seen"), "<absent>");
}

TEST_F(Partition, OneWorksOnBothSidesAndQuorumIsRefusedOnTheSmallOne) {
  const Records before = make_records("sides-", 300);
  ASSERT_EQ(at("n1")({"import", "-", "--level", "all"}, to_tsv(before)).code, 0);
  std::string refused_key;
  cluster().while_apart(
      "n3",
      [&] {
        // Until n3 is known to be gone, a write at QUORUM still has two of the three.
        const Result put_at_quorum = at("n1")({"put", "majority-quorum", "v"});
        EXPECT_EQ(put_at_quorum.code, 0) << put_at_quorum;
        EXPECT_EQ(at("n2").get("majority-quorum"), "v");
        put("n1", "majority-one", "v");
        EXPECT_EQ(at("n2")({"import", "-"}, "sides-00001\tupdated\nsides-00002\tupdated\n").code,
                  0);
        EXPECT_EQ(at("n2")({"del", "sides-00003"}).code, 0);
      },
      [&] {
        Result refused;
        int tries = 0;
        EXPECT_TRUE(eventually([&] {
          refused_key = "refused-" + std::to_string(++tries);
          refused = at("n3")({"put", refused_key, "v", "--timeout", "1s"});
          return refused.code == 5;
        })) << refused;
        EXPECT_THAT(refused.err, AllOf(HasSubstr("QUORUM needs 2 of the key's 3 replicas"),
                                       HasSubstr("n1"), HasSubstr("n2"), HasSubstr("not applied")));
        const Result read = at("n3")({"get", "sides-00000"});
        EXPECT_EQ(read.code, 5) << read;
        EXPECT_EQ(local("n3", "sides-00001"), before.at("sides-00001"));
        put("n3", "minority-one", "v");
        EXPECT_EQ(local("n3", "minority-one"), "v");
      });
  cluster().await_connected();
  cluster().await_nothing_owed();
  const Records held = cluster().held_by("n1");
  EXPECT_EQ(difference(held, cluster().held_by("n2")), "");
  EXPECT_EQ(difference(held, cluster().held_by("n3")), "");
  for (const std::string key : {"majority-quorum", "majority-one", "minority-one"})
    EXPECT_TRUE(held.contains(key)) << key;
  EXPECT_EQ(held.at("sides-00001"), "updated");
  EXPECT_FALSE(held.contains("sides-00003"));
  EXPECT_FALSE(held.contains(refused_key));
  EXPECT_EQ(at("n3")({"put", refused_key, "now it works"}).code, 0);
}

// What other machines, without root, have instead of a partition. Kept alive here, where it can be
// compared.
TEST(PartitionWithoutNamespaces, TheScriptSaysWhyAndTheSidesRunOneAfterTheOther) {
  ScriptCluster cluster({}, {{"KV_CLUSTER_NETWORK", "plain"}});
  const Result refused = cluster.script({"isolate", "n3"});
  EXPECT_EQ(refused.code, 4) << refused;
  EXPECT_THAT(refused.err, HasSubstr("root"));
  const auto put = [&](const std::string& id, const std::string& value) {
    EXPECT_EQ(cluster.at(id)({"put", "key", value, "--level", "one"}).code, 0);
  };
  cluster.while_apart(
      "n3", [&] { put("n1", "majority"); }, [&] { put("n3", "minority"); });
  cluster.await_connected();
  cluster.await_nothing_owed();
  for (const Node& node : cluster.nodes())
    EXPECT_EQ(cluster.at(node.id).get("key", "one"), "minority") << node.id;
}

}  // namespace
}  // namespace kv::e2e
