// Buckets of every policy, on three nodes of which one is cut off meanwhile. By scripts/cluster.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "jepsen-style-tests/process/harness/cluster.h"

namespace kv::e2e {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class BucketsOfAll : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = std::make_unique<ScriptCluster>();
    for (const std::string policy : {"siblings", "fww", "max", "min", "counter"})
      EXPECT_EQ(cluster_->at("n1")({"bucket", "create", policy, "--policy", policy}).code, 0);
  }
  static void TearDownTestSuite() { cluster_.reset(); }
  void SetUp() override {
    cluster_->await_connected();
    cluster_->await_nothing_owed();
  }

  // Writes at ONE, which never depends on others.
  static int put(const std::string& id, const std::string& bucket, const std::string& value,
                 Arguments more = {}) {
    Arguments arguments = {"--bucket", bucket, "--level", "one", "put", "k", value};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return cluster_->at(id)(arguments).code;
  }
  static Json get(const std::string& id, const std::string& bucket) {
    return cluster_->at(id).json({"--bucket", bucket, "--level", "one", "get", "k"});
  }
  static std::vector<std::string> values(const std::string& id, const std::string& bucket) {
    return get(id, bucket).at("values").get<std::vector<std::string>>();
  }
  static void settle() {
    cluster_->await_connected();
    cluster_->await_nothing_owed();
  }

  static std::unique_ptr<ScriptCluster> cluster_;
};

std::unique_ptr<ScriptCluster> BucketsOfAll::cluster_;

TEST_F(BucketsOfAll, AreKnownToEveryNodeAtOnceAndAfterARestart) {
  for (const Node& node : cluster_->nodes())
    EXPECT_THAT(cluster_->at(node.id)({"bucket", "ls"}).out, HasSubstr("siblings\tsiblings\t-\n"));
  cluster_->stop("n2");
  cluster_->start("n2");
  const Result shown = cluster_->at("n2")({"bucket", "show", "counter"});
  EXPECT_EQ(shown.out, "counter\tcounter\t-\n") << shown;
  EXPECT_EQ(cluster_->at("n3")({"bucket", "create", "counter", "--policy", "counter"}).code, 0);
  const Result other = cluster_->at("n3")({"bucket", "create", "counter", "--policy", "max"});
  EXPECT_EQ(other.code, 8) << other;
}

TEST_F(BucketsOfAll, NoSideOfAPartitionLosesASibling) {
  cluster_->while_apart(
      "n3", [] { EXPECT_EQ(put("n1", "siblings", "apples"), 0); },
      [] { EXPECT_EQ(put("n3", "siblings", "pears"), 0); });
  settle();
  for (const Node& node : cluster_->nodes())
    EXPECT_THAT(values(node.id, "siblings"), UnorderedElementsAre("apples", "pears")) << node.id;
  EXPECT_EQ(cluster_->at("n2")({"--bucket", "siblings", "get", "k"}).code, 7);
  const std::string token =
      cluster_->at("n2")({"--bucket", "siblings", "get", "k", "--token-only"}).out;
  EXPECT_EQ(put("n1", "siblings", "both", {"--token", token}), 0);
  settle();
  for (const Node& node : cluster_->nodes())
    EXPECT_THAT(values(node.id, "siblings"), ElementsAre("both")) << node.id;
}

TEST_F(BucketsOfAll, AdditionsOnBothSidesCountOnceEach) {
  const auto add = [](const std::string& id, int times) {
    for (int i = 0; i < times; ++i)
      EXPECT_EQ(cluster_->at(id)({"--bucket", "counter", "--level", "one", "incr", "k", "2"}).code,
                0);
  };
  add("n1", 3);
  cluster_->while_apart(
      "n3", [&] { add("n1", 5), add("n2", 7); }, [&] { add("n3", 11); });
  settle();
  for (const Node& node : cluster_->nodes())
    EXPECT_THAT(values(node.id, "counter"), ElementsAre("52")) << node.id;
}

TEST_F(BucketsOfAll, TheGreatestTheSmallestAndTheFirstAreTheSameEverywhere) {
  cluster_->while_apart(
      "n3",
      [] {
        for (const char* bucket : {"fww", "max", "min"}) EXPECT_EQ(put("n1", bucket, "10"), 0);
        EXPECT_EQ(put("n1", "fww", "again"), 8);
      },
      [] {
        for (const char* bucket : {"fww", "max", "min"}) EXPECT_EQ(put("n3", bucket, "9.5"), 0);
      });
  settle();
  for (const Node& node : cluster_->nodes()) {
    EXPECT_THAT(values(node.id, "max"), ElementsAre("10")) << node.id;
    EXPECT_THAT(values(node.id, "min"), ElementsAre("9.5")) << node.id;
    EXPECT_THAT(values(node.id, "fww"), ElementsAre("10")) << "by this machine's clock " << node.id;
  }
}

TEST_F(BucketsOfAll, CannotBeMadeOnTheSmallSideButBeUsedThere) {
  cluster_->stop("n1");
  cluster_->stop("n2");
  EXPECT_TRUE(eventually([] {
    return cluster_->at("n3")({"bucket", "create", "new", "--policy", "lww"}).code == 5;
  }));
  EXPECT_EQ(put("n3", "siblings", "alone"), 0);
  cluster_->stop("n3");
  cluster_->start("n3");
  EXPECT_THAT(values("n3", "siblings"), testing::Contains("alone")) << "known from its own disk";
  cluster_->start("n1");
  cluster_->start("n2");
}

TEST_F(BucketsOfAll, ValuesExpireOnEveryNodeAndBringNothingOlderBack) {
  const Kv& kv = cluster_->at("n1");
  ASSERT_EQ(kv({"bucket", "create", "sessions", "--policy", "lww", "--ttl", "1h"}).code, 0);
  ASSERT_EQ(kv({"--bucket", "sessions", "put", "k", "old"}).code, 0);
  const auto explained = [&] {
    return kv.json({"--bucket", "sessions", "explain", "k"}).at("replicas").at(0).at("versions");
  };
  EXPECT_GT(explained().at(0).at("expires_ms").get<std::int64_t>(), 0) << "as the bucket says";
  ASSERT_EQ(
      kv({"--bucket", "sessions", "--level", "all", "put", "k", "new", "--ttl", "200ms"}).code, 0);
  for (const Node& node : cluster_->nodes())
    EXPECT_TRUE(eventually([&] {
      return cluster_->at(node.id)({"--bucket", "sessions", "--level", "one", "get", "k"}).code ==
             1;
    })) << node.id;
  EXPECT_TRUE(eventually([&] { return explained().empty(); })) << "nothing is left of it";
  EXPECT_EQ(kv({"--bucket", "sessions", "put", "k", "next", "--if-absent"}).code, 0);
  EXPECT_EQ(kv({"--bucket", "counter", "put", "k", "1", "--ttl", "1s"}).code, 2);
  EXPECT_EQ(kv({"--bucket", "max", "put", "k", "1", "--ttl", "1s"}).code, 2);
}

// The shopping cart: two sides of a partition fill one cart; nothing of it is lost, and what was removed stays away.
TEST_F(BucketsOfAll, ACartIsFilledOnBothSidesOfAPartition) {
  const auto cart = [&](const std::string& id, const std::string& action, Arguments elements = {}) {
    Arguments arguments = {"--bucket", "carts", "--level", "one", "set", action, "ada"};
    arguments.insert(arguments.end(), elements.begin(), elements.end());
    return cluster_->at(id)(arguments);
  };
  ASSERT_EQ(cluster_->at("n1")({"bucket", "create", "carts", "--policy", "set"}).code, 0);
  ASSERT_EQ(cart("n1", "add", {"apples", "pears", "figs"}).code, 0);
  settle();
  cluster_->while_apart(
      "n3",
      [&] {
        EXPECT_EQ(cart("n1", "rm", {"apples", "figs"}).code, 0);
      },
      [&] {
        EXPECT_EQ(cart("n3", "add", {"bread", "figs"}).code, 0);
      });
  settle();
  for (const Node& node : cluster_->nodes())
    EXPECT_EQ(cart(node.id, "ls").out, "bread\nfigs\npears\n") << node.id;
  EXPECT_EQ(cart("n2", "rm").code, 0);
  EXPECT_EQ(cart("n2", "ls").code, 1) << "empty";
}

// The same with a merge function of one's own: client/examples/cart.lua.
TEST_F(BucketsOfAll, ACartIsMergedByAFunctionOfItsBucket) {
  const std::string lua = from_environment("KV_SOURCE_DIR") + "/client/examples/cart.lua";
  const Result made =
      cluster_->at("n1")({"bucket", "create", "baskets", "--policy", "custom", "--merge", lua});
  ASSERT_EQ(made.code, 0) << made;
  EXPECT_EQ(put("n1", "baskets", R"({"apples":1})"), 0);
  settle();
  cluster_->while_apart(
      "n3", [] { EXPECT_EQ(put("n1", "baskets", R"({"pears":2,"apples":1})"), 0); },
      [] {
        EXPECT_EQ(put("n3", "baskets", R"({"figs":1})"), 0);
        EXPECT_THAT(values("n3", "baskets"), ElementsAre(R"({"apples":1,"figs":1})"));
      });
  settle();
  cluster_->stop("n2");
  cluster_->start("n2");
  for (const Node& node : cluster_->nodes())
    EXPECT_THAT(values(node.id, "baskets"), ElementsAre(R"({"apples":1,"figs":1,"pears":2})"))
        << node.id;
  EXPECT_EQ(put("n2", "baskets", "[]"), 2) << "no cart";
  const std::string token =
      cluster_->at("n2")({"--bucket", "baskets", "get", "k", "--token-only"}).out;
  EXPECT_EQ(put("n1", "baskets", R"({"figs":1})", {"--token", token}), 0) << "removes the others";
  settle();
  for (const Node& node : cluster_->nodes())
    EXPECT_THAT(values(node.id, "baskets"), ElementsAre(R"({"figs":1})")) << node.id;
}

// Two nodes make a bucket of one name at the same time, with different policies: at most one is made, and all know it as that.
TEST_F(BucketsOfAll, OfOneNameAtMostOneIsMade) {
  for (int i = 0; i < 5; ++i) {
    const std::string name = "race" + std::to_string(i);
    const auto create = [&](const std::string& id, const std::string& policy) {
      return cluster_->at(id)({"bucket", "create", name, "--policy", policy});
    };
    auto there = std::async(std::launch::async, create, "n3", "max");
    const Result here = create("n1", "min");
    const Result other = there.get();
    EXPECT_FALSE(here.code == 0 && other.code == 0);
    for (const Result& result : {here, other})
      EXPECT_TRUE(result.code == 0 || result.code == 8) << result;
    const std::string made = here.code == 0 ? "min" : other.code == 0 ? "max" : "";
    for (const Node& node : cluster_->nodes()) {
      const Result shown = cluster_->at(node.id)({"bucket", "show", name});
      EXPECT_EQ(shown.out, made.empty() ? "" : name + "\t" + made + "\t-\n") << node.id;
    }
  }
}

TEST_F(BucketsOfAll, AMapsFieldsOfTwoSidesAreBothThere) {
  const auto map = [&](const std::string& id, Arguments arguments) {
    Arguments all = {"--bucket", "profiles", "--level", "one", "map"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return cluster_->at(id)(all);
  };
  ASSERT_EQ(cluster_->at("n1")({"bucket", "create", "profiles", "--policy", "map"}).code, 0);
  cluster_->while_apart(
      "n3",
      [&] {
        EXPECT_EQ(map("n1", {"put", "ada", "city", "London", "--in", "address"}).code, 0);
        EXPECT_EQ(map("n1", {"put", "ada", "logins", "2", "--type", "counter"}).code, 0);
      },
      [&] {
        EXPECT_EQ(map("n3", {"put", "ada", "logins", "40", "--type", "counter"}).code, 0);
        EXPECT_EQ(map("n3", {"put", "ada", "tags", "new", "--type", "set"}).code, 0);
      });
  settle();
  for (const Node& node : cluster_->nodes()) {
    EXPECT_EQ(map(node.id, {"get", "ada"}).out, "address\tcity\tLondon\nlogins\t42\ntags\tnew\n");
    EXPECT_EQ(map(node.id, {"get", "ada", "city", "--in", "address"}).out, "London");
  }
  EXPECT_EQ(map("n2", {"rm", "ada", "address"}).code, 0);
  EXPECT_EQ(map("n2", {"get", "ada", "address"}).code, 1);
}

}  // namespace
}  // namespace kv::e2e
