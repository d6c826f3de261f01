// What a node refuses to start with, and says; and clusters of other shapes than three nodes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <set>

#include "jepsen-style-tests/process/harness/cluster.h"
#include "jepsen-style-tests/process/harness/grpc_call.h"

namespace kv::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Result run_node(const std::string& config, const std::string& id, const std::string& data_dir) {
  return run({.argv = {kvnode_binary(), "--config", config, "--node", id, "--data-dir", data_dir}});
}

// The same cluster on other ports: what stops a second node must not be the port.
std::string config_elsewhere(const Cluster& cluster, const std::string& name = "e2e") {
  std::string text = "cluster = \"" + name + "\"\n";
  for (const Node& node : cluster.nodes())
    text += "[[node]]\nid = \"" + node.id + "\"\nclient = \"" + reserve_address() +
            "\"\npeer = \"" + reserve_address() + "\"\n";
  const std::string path = cluster.dir() / (name + "-elsewhere.toml");
  write_file(path, text);
  return path;
}

TEST(Start, ADataDirectoryIsForOneProcessOneNodeAndOneCluster) {
  DirectCluster cluster;
  ASSERT_EQ(cluster.kv()({"put", "key", "value", "--level", "all"}).code, 0);
  const std::string data = cluster.folder("n1") + "/data";
  const std::string elsewhere = config_elsewhere(cluster);
  const Result second = run_node(elsewhere, "n1", data);
  EXPECT_EQ(second.code, 1) << second;
  EXPECT_THAT(second.err, AllOf(HasSubstr(data), HasSubstr("in use"),
                                HasSubstr(std::to_string(cluster.process("n1").pid()))));
  EXPECT_EQ(cluster.at("n1").get("key", "one"), "value");

  cluster.stop("n1");
  const Result other_node = run_node(elsewhere, "n2", data);
  EXPECT_EQ(other_node.code, 1) << other_node;
  EXPECT_THAT(other_node.err, AllOf(HasSubstr(data), HasSubstr("n1"), HasSubstr("n2")));
  const Result other_cluster = run_node(config_elsewhere(cluster, "another"), "n1", data);
  EXPECT_EQ(other_cluster.code, 1) << other_cluster;
  EXPECT_THAT(other_cluster.err, AllOf(HasSubstr(data), HasSubstr("e2e"), HasSubstr("another")));

  // All that changed nothing.
  cluster.start("n1");
  EXPECT_EQ(cluster.at("n1").get("key", "one"), "value");
}

TEST(Start, ADamagedDirectoryStaysWhereItIsIfItMayHoldTheOnlyReplicaOfSomeKeys) {
  DirectCluster cluster({.root = "bucket_replicas = [1]\n"});
  const std::string data = cluster.damage_manifest("n2");
  const Result refused = run_node(cluster.config(), "n2", data);
  EXPECT_EQ(refused.code, 1) << refused;
  EXPECT_THAT(refused.err, HasSubstr("restore a backup"));
  EXPECT_FALSE(std::filesystem::exists(data + ".damaged"));
}

TEST(Start, MistakesInTheConfigurationAreNamedWithTheirLines) {
  const TempDir dir;
  const std::string config = dir / "bad.toml";
  write_file(config,
             "cluster = \"e2e\"\npartitions = 100\n[[node]]\nid = \"n1\"\nclient = \"nowhere\"\n"
             "peer = \"127.0.0.1:7201\"\n[storage]\nsync_intervall_ms = 5\n");
  const Result result = run_node(config, "n1", dir / "data");
  EXPECT_EQ(result.code, 2) << result;
  EXPECT_THAT(result.err, AllOf(HasSubstr(config + ":2: "), HasSubstr("a power of two"),
                                HasSubstr(config + ":5: "), HasSubstr("host:port"),
                                HasSubstr(config + ":8: "), HasSubstr("sync_interval_ms")));
  EXPECT_FALSE(std::filesystem::exists(dir.path() / "data"));
  const Result absent = run_node(dir / "absent.toml", "n1", dir / "data");
  EXPECT_EQ(absent.code, 2) << absent;
  EXPECT_THAT(absent.err, HasSubstr("absent.toml"));
}

TEST(Start, WrongFlagsAreUsageErrors) {
  const TempDir dir;
  const std::string config = dir / "good.toml";
  write_file(config, "cluster = \"e2e\"\n[[node]]\nid = \"n1\"\nclient = \"" + reserve_address() +
                         "\"\npeer = \"" + reserve_address() + "\"\n");
  const std::vector<std::pair<Arguments, std::string>> mistakes = {
      {{}, "--config"},
      {{"--config", config}, "--node"},
      {{"--config", config, "--node", "n1"}, "--data-dir"},
      {{"--config", config, "--node", "n9", "--data-dir", dir / "data"}, "n9"},
      {{"--config", config, "--node", "n1", "--data-dir", dir / "data", "--peer-address", "n7=x:1"},
       "one of n1"},
      {{"--config", config, "--node", "n1", "--data-dir", dir / "data", "--peer-address", "n1"},
       "ID=HOST:PORT"},
      {{"--config", config, "--node", "n1", "--data-dir", dir / "data", "--peer-address",
        "n1=nowhere"},
       "PORT is 1 to 65535; not \"nowhere\""},
      {{"--config", config, "--node", "n1", "--data-dir", dir / "data", "--peer-address",
        "n1=127.0.0.1:70000"},
       "PORT is 1 to 65535; not \"127.0.0.1:70000\""},
      {{"--config", config, "--colour"}, "--colour"}};
  for (const auto& [arguments, text] : mistakes) {
    Command command{.argv = {kvnode_binary()}};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    const Result result = run(command);
    EXPECT_EQ(result.code, 2) << result;
    EXPECT_THAT(result.err, HasSubstr(text));
  }
  EXPECT_FALSE(std::filesystem::exists(dir.path() / "data"));
  const Result listed = run({.argv = {kvnode_binary(), "--config", config, "--list-nodes"}});
  EXPECT_EQ(listed.code, 0) << listed;
  EXPECT_THAT(listed.out, testing::MatchesRegex("n1\t127.0.0.1:[0-9]+\t127.0.0.1:[0-9]+\t-\n"));
}

TEST(Start, APortInUseIsNamed) {
  const DirectCluster cluster({.nodes = 1});
  const Node& taken = cluster.nodes().front();
  for (const bool client_taken : {true, false}) {
    const TempDir dir;
    const std::string config = dir / "config.toml";
    const std::string client = client_taken ? taken.client : reserve_address();
    const std::string peer = client_taken ? reserve_address() : taken.peer;
    write_file(config, "cluster = \"e2e\"\n[[node]]\nid = \"n1\"\nclient = \"" + client +
                           "\"\npeer = \"" + peer + "\"\n");
    const Result result = run_node(config, "n1", dir / "data");
    EXPECT_EQ(result.code, 1) << result;
    EXPECT_THAT(result.err, HasSubstr("cannot listen on " + (client_taken ? client : peer)));
    // And not by gRPC, too, unless that is asked for.
    EXPECT_THAT(result.err, testing::Not(HasSubstr(".cc:"))) << result;
    const Result loud = run(
        {.argv = {kvnode_binary(), "--config", config, "--node", "n1", "--data-dir", dir / "data"},
         .env = {{"GRPC_VERBOSITY", "ERROR"}}});
    EXPECT_THAT(loud.err, HasSubstr(".cc:")) << loud;
  }
}

TEST(Shapes, OneNodeServesEveryLevel) {
  const DirectCluster cluster({.nodes = 1});
  for (const std::string level : {"one", "quorum", "all"}) {
    const Json put = cluster.kv().json({"put", level, "v", "--level", level});
    EXPECT_EQ(put.at("acks"), 1);
    EXPECT_EQ(cluster.kv().get(level, level), "v");
    EXPECT_EQ(cluster.kv()({"del", level, "--level", level}).code, 0);
    EXPECT_EQ(cluster.kv().get(level, level), "<absent>");
  }
}

// Three replicas, one in each zone; a node that is no replica forwards.
TEST(Shapes, FiveNodesInThreeZonesServeEveryKeyFromAnyNode) {
  DirectCluster cluster({.nodes = 5, .zones = {"a", "a", "b", "b", "c"}, .settings = kPatient});
  const std::map<std::string, std::string> zone_of = {
      {"n1", "a"}, {"n2", "a"}, {"n3", "b"}, {"n4", "b"}, {"n5", "c"}};
  int forwarded = 0;
  for (const Node& node : cluster.nodes()) {
    for (int i = 0; i < 4; ++i) {
      const std::string key = node.id + "-" + std::to_string(i);
      const Json put = cluster.at(node.id).json({"put", key, "v of " + key, "--level", "all"});
      EXPECT_EQ(put.at("acks"), 3);
      if (put.at("coordinator") != node.id) ++forwarded;
    }
  }
  EXPECT_GT(forwarded, 0);
  for (const Node& node : cluster.nodes()) {
    for (const Node& writer : cluster.nodes())
      EXPECT_EQ(cluster.at(node.id).get(writer.id + "-0"), "v of " + writer.id + "-0");
    const Json get = cluster.at(node.id).json({"get", node.id + "-1", "--level", "all"});
    std::set<std::string> zones;
    for (const Json& replica : get.at("replicas"))
      zones.insert(zone_of.at(replica.get<std::string>()));
    EXPECT_EQ(zones.size(), 3u) << get;
    EXPECT_EQ(get.at("replicas").size(), 3u);
    const Result all = cluster.at(node.id)({"scan"});
    EXPECT_EQ(std::count(all.out.begin(), all.out.end(), '\n'), 20) << node.id;
  }
  // A whole zone may be gone.
  cluster.kill("n3");
  cluster.kill("n4");
  for (const std::string id : {"n1", "n2", "n5"}) {
    EXPECT_TRUE(eventually([&] { return cluster.at(id).get("n3-2") == "v of n3-2"; })) << id;
    EXPECT_TRUE(eventually([&] {
      return cluster.at(id)({"put", "zone-b-is-gone", id}).code == 0;
    })) << id;
  }
}

TEST(Shapes, BucketsHaveTheirOwnNumbersOfReplicas) {
  DirectCluster cluster({.root = "bucket_replicas = [1, 2]\n", .settings = kPatient});
  const std::map<std::string, std::size_t> replicas = {{"one", 1}, {"two", 2}, {"three", 3}};
  for (const auto& [bucket, n] : replicas)
    ASSERT_EQ(
        cluster.kv()({"bucket", "create", bucket, "--policy", "lww", "--n", std::to_string(n)})
            .code,
        0);
  const Result refused = cluster.kv()({"bucket", "create", "b", "--policy", "lww", "--n", "4"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("a bucket has 1 or 2 or 3"));
  constexpr int kKeys = 12;
  for (const auto& [bucket, n] : replicas)
    for (int i = 0; i < kKeys; ++i) {
      const Json put =
          cluster.at("n" + std::to_string(1 + i % 3))
              .json({"--bucket", bucket, "put", "k" + std::to_string(i), bucket, "--level", "all"});
      EXPECT_EQ(put.at("acks"), n) << bucket;
    }
  EXPECT_EQ(cluster.kv()({"converged", "--wait", "--timeout", "20s"}).code, 0);
  cluster.kill("n2");
  cluster.start("n2");
  cluster.await_connected();
  std::map<std::string, std::set<std::string>> holders;
  for (const Node& node : cluster.nodes())
    for (const auto& [bucket, n] : replicas) {
      for (int i = 0; i < kKeys; ++i) {
        const Json get = cluster.at(node.id).json(
            {"--bucket", bucket, "get", "k" + std::to_string(i), "--level", "all"});
        EXPECT_EQ(get.at("values").at(0), bucket);
        EXPECT_EQ(get.at("replicas").size(), n);
        for (const Json& replica : get.at("replicas"))
          holders[bucket].insert(replica.get<std::string>());
      }
      const Result all = cluster.at(node.id)({"--bucket", bucket, "scan"});
      EXPECT_EQ(std::count(all.out.begin(), all.out.end(), '\n'), kKeys) << all;
    }
  for (const auto& [bucket, ids] : holders)
    EXPECT_EQ(ids.size(), 3U) << bucket << " is spread over all";
}

TEST(Shapes, TwoShardsDoWhatOneDoes) {
  DirectCluster cluster({.settings = std::string(kPatient) + "[server]\nshards = 2\n"});
  const Records records = make_records("sharded-", 500);
  const Result imported = cluster.at("n1")({"import", "-"}, to_tsv(records));
  EXPECT_EQ(imported.code, 0) << imported;
  cluster.await_nothing_owed();
  for (const Node& node : cluster.nodes())
    EXPECT_EQ(difference(records, cluster.held_by(node.id)), "") << node.id;
  EXPECT_EQ(cluster.status_of("n2").at("keys"), 500);
  cluster.kill("n1");
  cluster.start("n1");
  EXPECT_EQ(difference(records, cluster.held_by("n1")), "");
  EXPECT_EQ(cluster.at("n1")({"put", "sharded-00000", "again", "--level", "all"}).code, 0);
  EXPECT_EQ(cluster.at("n3").get("sharded-00000", "one"), "again");
}

// The number of shards is no property of the data: it may change between starts.
TEST(Shapes, TheNumberOfShardsMayChange) {
  DirectCluster cluster({.nodes = 1});
  const Records records = make_records("moved-", 200);
  ASSERT_EQ(cluster.kv()({"import", "-"}, to_tsv(records)).code, 0);
  for (const std::string shards : {"4", "1"}) {
    cluster.stop("n1");
    const std::string text = read_file(cluster.config());
    write_file(cluster.config(),
               text.substr(0, text.find("[server]")) + "[server]\nshards = " + shards + "\n");
    cluster.start("n1");
    EXPECT_EQ(difference(records, cluster.held_by("n1")), "") << shards << " shards";
    EXPECT_EQ(cluster.kv()({"put", "moved-00000", records.at("moved-00000")}).code, 0);
  }
}

// Started by hand, without what ctest sets, these tests fail and leave no folder behind.
TEST(Harness, LeavesNothingBehindWhereItCannotStart) {
  const TempDir dir;
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const Result result = run({.argv = {"/usr/bin/env", "-u", "KV_SOURCE_DIR", "TMPDIR=" + (dir / ""),
                                      self, "--gtest_filter=Start.WrongFlagsAreUsageErrors"}});
  EXPECT_EQ(result.code, 1) << result;
  EXPECT_THAT(result.out, HasSubstr("KV_SOURCE_DIR is not set"));
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(Services, HealthAndReflectionAreOn) {
  const DirectCluster cluster({.nodes = 1});
  const std::string address = cluster.nodes().front().client;
  // grpc.health.v1: an empty request asks for the whole server; field 1 of the answer, 1 is
  // SERVING.
  EXPECT_EQ(grpc_call(address, "/grpc.health.v1.Health/Check", ""), "\x08\x01");
  // Reflection: field 7, list_services.
  const std::string services =
      grpc_call(address, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                std::string("\x3a\x00", 2));
  for (const std::string name : {"kv.v1.KeyValue", "kv.v1.Admin", "grpc.health.v1.Health"})
    EXPECT_THAT(services, HasSubstr(name));
}

}  // namespace
}  // namespace kv::e2e
