// scripts/cluster as a user runs it: what each command does, says, and leaves alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "jepsen-style-tests/process/harness/cluster.h"

namespace kv::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Without namespaces: what cuts the network is not the thing under test here.
class Script : public testing::Test {
 protected:
  Script() : cluster_({}, {{"KV_CLUSTER_NETWORK", "plain"}}) {}

  std::vector<pid_t> pids() const {
    std::vector<pid_t> result;
    for (const Node& node : cluster_.nodes()) result.push_back(cluster_.pid(node.id));
    return result;
  }

  static std::string program_of(pid_t pid) {
    std::error_code error;
    return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe", error).filename();
  }

  ScriptCluster cluster_;
};

TEST_F(Script, ASecondUpChangesNothingAndDownLeavesNoProcessButTheData) {
  const std::vector<pid_t> before = pids();
  for (const pid_t pid : before) EXPECT_EQ(program_of(pid), "kvnode");
  const Json endpoints = Json::parse(read_file(cluster_.dir() / "cluster/endpoints.json"));
  for (const Node& node : cluster_.nodes()) EXPECT_EQ(endpoints.at(node.id), node.client);
  ASSERT_EQ(cluster_.kv()({"put", "key", "value", "--level", "all"}).code, 0);

  const Result again = cluster_.script({"up", "--config", cluster_.config()});
  EXPECT_EQ(again.code, 0) << again;
  EXPECT_THAT(again.out, HasSubstr("Already running"));
  EXPECT_EQ(pids(), before);
  EXPECT_EQ(cluster_.kv().get("key"), "value");

  const Result down = cluster_.script({"down"});
  EXPECT_EQ(down.code, 0) << down;
  for (const pid_t pid : before) EXPECT_NE(program_of(pid), "kvnode") << pid;
  EXPECT_EQ(cluster_.kv()({"get", "key"}).code, 3);
  for (const Node& node : cluster_.nodes()) {
    EXPECT_TRUE(std::filesystem::exists(cluster_.folder(node.id) + "/data")) << node.id;
    EXPECT_THAT(cluster_.log(node.id), HasSubstr("stopped cleanly"));
  }
  const Result down_again = cluster_.script({"down"});
  EXPECT_EQ(down_again.code, 0) << down_again;

  const Result up = cluster_.script({"up"});
  EXPECT_EQ(up.code, 0) << up;
  EXPECT_EQ(cluster_.kv().get("key"), "value");

  EXPECT_EQ(cluster_.script({"up", "--fresh"}).code, 0);
  EXPECT_EQ(cluster_.kv().get("key"), "<absent>");
}

TEST_F(Script, StatesOfOneNodeDoNotTouchTheOthers) {
  const std::vector<pid_t> before = pids();
  ASSERT_EQ(cluster_.kv()({"put", "key", "value", "--level", "all"}).code, 0);
  cluster_.pause("n2");
  EXPECT_THAT(cluster_.script({"status"}).out, testing::ContainsRegex("n2 +[0-9]+ +paused"));
  EXPECT_EQ(cluster_.at("n1").get("key"), "value");
  cluster_.resume("n2");
  EXPECT_EQ(cluster_.at("n2").get("key", "one"), "value");

  cluster_.kill("n2");
  EXPECT_NE(program_of(before[1]), "kvnode");
  EXPECT_THAT(cluster_.script({"status"}).out, testing::ContainsRegex("n2 +- +stopped"));
  const Result again = cluster_.script({"kill", "n2"});
  EXPECT_EQ(again.code, 1) << again;
  EXPECT_THAT(again.err, HasSubstr("n2 is not running"));
  cluster_.start("n2");
  EXPECT_EQ(cluster_.at("n2").get("key", "one"), "value");

  EXPECT_EQ(cluster_.script({"wipe", "n2"}).code, 0);
  cluster_.start("n2");
  EXPECT_TRUE(eventually([&] { return cluster_.at("n2").get("key", "one") == "value"; }));
  const Result logs = cluster_.script({"logs", "n2"});
  EXPECT_EQ(logs.code, 0);
  EXPECT_THAT(logs.out, HasSubstr("serves clients at " + cluster_.node("n2").client));
  EXPECT_EQ(pids()[0], before[0]);
  EXPECT_EQ(pids()[2], before[2]);
}

TEST(ScriptUsage, MistakesAreNamed) {
  const TempDir dir;
  const auto script = [&](Arguments arguments) {
    arguments.insert(arguments.begin(), from_environment("KV_SOURCE_DIR") + "/scripts/cluster");
    arguments.insert(arguments.end(), {"--dir", dir / "none"});
    return run({.argv = arguments});
  };
  const std::vector<std::pair<Arguments, std::string>> mistakes = {{{}, "say what to do"},
                                                                   {{"frobnicate"}, "frobnicate"},
                                                                   {{"stop"}, "name of a node"},
                                                                   {{"down", "n1"}, "n1"}};
  for (const auto& [arguments, text] : mistakes) {
    const Result result = script(arguments);
    EXPECT_EQ(result.code, 2) << result;
    EXPECT_THAT(result.err, HasSubstr(text));
  }
  const Result absent = script({"status"});
  EXPECT_EQ(absent.code, 1) << absent;
  EXPECT_THAT(absent.err, HasSubstr("no cluster in"));
  const Result help = script({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("isolate NODE"), Not(HasSubstr("#!/"))));
}

// A node of somebody else is on the port: nothing of this cluster may stay behind.
TEST_F(Script, APortThatIsTakenIsNamedAndNothingIsLeftRunning) {
  const std::string dir = cluster_.dir() / "second";
  const Result second =
      run({.argv = {from_environment("KV_SOURCE_DIR") + "/scripts/cluster", "up", "--config",
                    cluster_.config(), "--dir", dir},
           .env = {{"KV_CLUSTER_NETWORK", "plain"},
                   {"KV_BUILD_DIR",
                    std::filesystem::path(kvnode_binary()).parent_path().parent_path()}}});
  EXPECT_EQ(second.code, 1) << second;
  EXPECT_THAT(second.err, AllOf(HasSubstr(cluster_.nodes().front().client),
                                HasSubstr("is taken by another process")));
  for (const Node& node : cluster_.nodes())
    EXPECT_FALSE(std::filesystem::exists(dir + "/" + node.id + "/pid")) << node.id;
  EXPECT_EQ(cluster_.kv()({"put", "still", "there", "--level", "all"}).code, 0);
}

}  // namespace
}  // namespace kv::e2e
