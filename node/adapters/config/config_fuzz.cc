// Any bytes are either a configuration that keeps its promises or a refusal that names the file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "node/adapters/config/config.h"
#include "node/base/check.h"
#include "node/base/limits.h"

namespace {

void check_config(const kv::Config& config) {
  KV_CHECK(!config.cluster.empty(), "a cluster has a name");
  KV_CHECK(!config.nodes.empty() && config.nodes.size() <= kv::kMaxNodes,
           "as many nodes as allowed");
  KV_CHECK((config.partitions & (config.partitions - 1)) == 0, "a power of two");
  KV_CHECK(config.partitions >= 1 && config.partitions <= kv::kMaxPartitions, "in range");
  KV_CHECK(config.replicas >= 1 && config.replicas <= kv::kMaxReplicas, "in range");
  KV_CHECK(config.replication.failure_timeout_ms >= 2 * config.replication.heartbeat_interval_ms,
           "one late answer is no failure");
  for (const kv::ConfigNode& node : config.nodes) {
    KV_CHECK(!node.id.empty() && !node.client.empty() && !node.peer.empty(), "a node is complete");
  }
  KV_CHECK(!kv::list_nodes(config).empty(), "nodes can be listed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const auto config = kv::parse_config(text, "fuzz.toml");
  if (config.ok()) {
    check_config(*config);
  } else {
    KV_CHECK(std::string(config.status().message()).starts_with("fuzz.toml:"),
             "a refusal says where");
  }
  return 0;
}
