// The files in cluster-configs/ are right, and are what their names and comments say.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include "node/adapters/config/config.h"

namespace kv {
namespace {

namespace fs = std::filesystem;

fs::path configs_folder() {
  const char* source = std::getenv("KV_SOURCE_DIR");
  return fs::path(source == nullptr ? "." : source) / "cluster-configs";
}

Config shipped(const char* name) {
  auto config = load_config((configs_folder() / name).string());
  EXPECT_TRUE(config.ok()) << config.status().message();
  return config.ok() ? *config : Config{};
}

TEST(ClusterConfigs, EveryFileLoads) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(configs_folder())) {
    if (entry.path().extension() != ".toml") continue;
    names.insert(entry.path().filename().string());
    const auto config = load_config(entry.path().string());
    EXPECT_TRUE(config.ok()) << config.status().message();
  }
  EXPECT_EQ(names, (std::set<std::string>{"five-nodes-three-zones.toml", "one-node.toml",
                                          "three-nodes.toml"}));
}

TEST(ClusterConfigs, HoldTheNodesThatTheyAreNamedFor) {
  EXPECT_EQ(list_nodes(shipped("one-node.toml")), "n1\t127.0.0.1:7101\t127.0.0.1:7201\t-\n");
  EXPECT_EQ(list_nodes(shipped("three-nodes.toml")),
            "n1\t127.0.0.1:7101\t127.0.0.1:7201\t-\n"
            "n2\t127.0.0.1:7102\t127.0.0.1:7202\t-\n"
            "n3\t127.0.0.1:7103\t127.0.0.1:7203\t-\n");
  const Config five = shipped("five-nodes-three-zones.toml");
  ASSERT_EQ(five.nodes.size(), 5u);
  std::set<std::string> zones;
  for (const ConfigNode& node : five.nodes) zones.insert(node.zone);
  EXPECT_EQ(zones, (std::set<std::string>{"a", "b", "c"}));
}

// three-nodes.toml claims to show every setting at its default.
TEST(ClusterConfigs, ThreeNodesShowsTheDefaults) {
  const Config shown = shipped("three-nodes.toml");
  const Config defaults;
  EXPECT_EQ(shown.partitions, defaults.partitions);
  EXPECT_EQ(shown.replicas, defaults.replicas);
  EXPECT_EQ(shown.storage.block_cache_bytes, defaults.storage.block_cache_bytes);
  EXPECT_EQ(shown.storage.write_buffer_bytes, defaults.storage.write_buffer_bytes);
  EXPECT_EQ(shown.storage.change_log_bytes, defaults.storage.change_log_bytes);
  EXPECT_EQ(shown.limits.max_watchers, defaults.limits.max_watchers);
  EXPECT_EQ(shown.storage.sync_interval_ms, defaults.storage.sync_interval_ms);
  EXPECT_EQ(shown.limits.max_pending_requests, defaults.limits.max_pending_requests);
  EXPECT_EQ(shown.limits.max_pending_bytes, defaults.limits.max_pending_bytes);
  EXPECT_EQ(shown.limits.max_replication_in_flight_bytes,
            defaults.limits.max_replication_in_flight_bytes);
  EXPECT_EQ(shown.limits.max_dot_log_entries, defaults.limits.max_dot_log_entries);
  EXPECT_EQ(shown.replication.probe_interval_ms, defaults.replication.probe_interval_ms);
  EXPECT_EQ(shown.replication.heartbeat_interval_ms, defaults.replication.heartbeat_interval_ms);
  EXPECT_EQ(shown.replication.failure_timeout_ms, defaults.replication.failure_timeout_ms);
  EXPECT_EQ(shown.replication.page_bytes, defaults.replication.page_bytes);
  EXPECT_EQ(shown.replication.scrub_bytes_per_s, defaults.replication.scrub_bytes_per_s);
  EXPECT_EQ(shown.clock.max_skew_ms, defaults.clock.max_skew_ms);
  EXPECT_EQ(shown.server.shards, defaults.server.shards);
  EXPECT_EQ(shown.log.format, defaults.log.format);
  EXPECT_EQ(shown.log.level, defaults.log.level);
}

}  // namespace
}  // namespace kv
