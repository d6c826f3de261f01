// What replicas do for each other while clients look at one of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>

#include "jepsen-style-tests/process/harness/cluster.h"

namespace kv::e2e {
namespace {

// Faster than any sync, and all through one node: what the others hold, they were told.
TEST(Replication, EveryOneOfManyWritesReachesEveryReplica) {
  const DirectCluster cluster({.settings = kPatient});
  std::string lines;
  for (int i = 1; i <= 32; ++i) lines += "again\t" + std::to_string(i) + "\n";
  Records records = make_records("once-", 300);
  const Result imported = cluster.at("n1")({"import", "-", "--level", "one", "--batch", "500"},
                                           lines + to_tsv(records));
  ASSERT_EQ(imported.code, 0) << imported;
  records["again"] = "32";
  cluster.await_nothing_owed();
  for (const Node& node : cluster.nodes())
    EXPECT_EQ(difference(records, cluster.held_by(node.id)), "") << node.id;
}

TEST(Replication, AWriteSpreadsThoughItsWriterIsDead) {
  DirectCluster cluster;
  cluster.kill("n3");
  ASSERT_EQ(cluster.at("n1")({"put", "key", "of n1", "--level", "quorum"}).code, 0);
  cluster.kill("n1");
  cluster.start("n3");
  EXPECT_TRUE(eventually([&] { return cluster.at("n3").get("key", "one") == "of n1"; }))
      << "n2 has it, and does not pass it on";
}

TEST(Replication, TheDotLogIsForgottenOnceEveryReplicaHasItOnDisk) {
  const DirectCluster cluster({.settings = kPatient});
  const Result imported =
      cluster.at("n1")({"import", "-", "--level", "all"}, to_tsv(make_records("log-", 200)));
  ASSERT_EQ(imported.code, 0) << imported;
  for (const Node& node : cluster.nodes())
    ASSERT_TRUE(eventually([&] { return cluster.status_of(node.id).at("dot_log_entries") == 0; }))
        << "the log of " << node.id << " is kept";
}

TEST(Replication, AMarkerStaysWhileAReplicaIsAwayAndGoesOnceItHasSeenIt) {
  DirectCluster cluster({.settings = kPatient});
  ASSERT_EQ(cluster.kv()({"put", "key", "value", "--level", "all"}).code, 0);
  cluster.await_nothing_owed();
  cluster.kill("n3");
  ASSERT_TRUE(eventually([&] { return cluster.at("n1")({"del", "key"}).code == 0; }));
  // Others that everyone has come and go meanwhile; this one waits.
  ASSERT_TRUE(eventually([&] { return cluster.status_of("n2").at("markers") == 1; }));
  EXPECT_EQ(cluster.status_of("n1").at("markers"), 1);
  cluster.start("n3");
  for (const Node& node : cluster.nodes())
    EXPECT_TRUE(eventually([&] { return cluster.status_of(node.id).at("markers") == 0; }))
        << node.id << " keeps a marker that everyone has seen";
  for (const Node& node : cluster.nodes())
    EXPECT_EQ(cluster.at(node.id).get("key", "one"), "<absent>") << "came back at " << node.id;
}

TEST(Replication, ADeleteWinsOverAnEarlierWriteThatItHasNotSeen) {
  DirectCluster cluster;
  cluster.kill("n1");
  cluster.kill("n2");
  ASSERT_EQ(cluster.at("n3")({"put", "key", "earlier", "--level", "one"}).code, 0);
  cluster.kill("n3");
  cluster.start("n1");
  cluster.start("n2");
  ASSERT_TRUE(eventually([&] { return cluster.at("n1")({"del", "key"}).code == 0; }));
  // n3 hears of it from n1 alone, and n1 of the write from n3.
  cluster.kill("n2");
  cluster.start("n3");
  ASSERT_TRUE(eventually([&] { return cluster.at("n3").get("key", "one") == "<absent>"; }))
      << "n3 keeps what was deleted";
  cluster.start("n2");
  cluster.await_connected();
  cluster.await_nothing_owed();
  for (const Node& node : cluster.nodes())
    EXPECT_EQ(cluster.at(node.id).get("key", "one"), "<absent>") << "came back at " << node.id;
}

TEST(Replication, AReadAsksAnotherReplicaWhenOneIsSilent) {
  DirectCluster cluster({.settings = kPatient});
  const Records records = make_records("read-", 8);
  ASSERT_EQ(cluster.kv()({"import", "-", "--level", "all"}, to_tsv(records)).code, 0);
  cluster.pause("n2");  // n1 does not know yet, and prefers it for some of the keys
  for (const auto& [key, value] : records) {
    const Result get = cluster.at("n1")({"get", key, "--timeout", "3s"});
    ASSERT_EQ(get.code, 0) << key << " is not read while n2 is silent: " << get;
    EXPECT_EQ(get.out, value);
  }
  cluster.resume("n2");
}

// Of the whole process so far, in user and kernel mode.
std::int64_t cpu_ms(pid_t pid) {
  std::string text = read_file("/proc/" + std::to_string(pid) + "/stat");
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  std::int64_t user = 0;
  std::int64_t kernel = 0;
  fields >> user >> kernel;
  return (user + kernel) * 1000 / sysconf(_SC_CLK_TCK);
}

TEST(Replication, AnIdleNodeUsesNoProcessor) {
  const DirectCluster cluster({.nodes = 1});
  const auto uptime_ms = [&] {
    return cluster.status_of("n1").at("uptime_ms").get<std::int64_t>();
  };
  const pid_t pid = cluster.process("n1").pid();
  const std::int64_t started = uptime_ms();
  const std::int64_t used_before = cpu_ms(pid);
  ASSERT_TRUE(eventually([&] { return uptime_ms() >= started + 1500; }));
  EXPECT_LT(cpu_ms(pid) - used_before, 300) << "ms of CPU in 1500 ms without a request";
}

}  // namespace
}  // namespace kv::e2e
