// A cluster's configuration file: one TOML file, the same for every node of the cluster.
//
// What each setting means and what it may be is explained in cluster-configs/ (README.md and the
// comments in the files); the schema itself is config.cc. Everything in a file is checked. A key
// that is not known is refused, never ignored: a misspelt limit would otherwise be no limit.
//
// Errors are for the person who wrote the file: one line for each thing that is wrong, in the order
// of the file, as "FILE:LINE: found WHAT; expected WHAT".
//
// Plain data and pure functions, but for load_config, which reads a file. Safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "node/adapters/log/log.h"

namespace kv {

struct ConfigNode {
  std::string id;
  std::string client;  // "host:port"; where it serves clients
  std::string peer;    // "host:port"; where the other nodes connect to it
  std::string zone;    // empty: a zone of its own
};

// The defaults of the file are the values here. Sizes in bytes, times in milliseconds.
struct Config {
  std::string cluster;
  std::uint32_t partitions = 64;
  std::uint32_t replicas = 3;  // per partition; with fewer nodes, each holds everything
  std::set<std::uint32_t> bucket_replicas;  // other numbers of replicas that buckets may have
  std::vector<ConfigNode> nodes;            // in the order of the file; at least one

  struct Storage {
    std::size_t block_cache_bytes = 64 << 20;
    std::size_t write_buffer_bytes = 16 << 20;
    std::size_t change_log_bytes = 128 << 20;
    std::int64_t sync_interval_ms = 100;
  } storage;

  struct Limits {
    std::size_t max_pending_requests = 10'000;               // per shard
    std::size_t max_pending_bytes = 64 << 20;                // per shard
    std::size_t max_replication_in_flight_bytes = 16 << 20;  // per peer
    std::uint64_t max_dot_log_entries = 250'000;             // per partition
    std::size_t max_watchers = 1000;
  } limits;

  struct Replication {
    std::int64_t probe_interval_ms = 1000;
    std::int64_t heartbeat_interval_ms = 250;
    std::int64_t failure_timeout_ms = 2000;  // at least twice heartbeat_interval_ms
    std::size_t page_bytes = 256 << 10;
    std::size_t scrub_bytes_per_s = 256 << 10;
  } replication;

  struct Clock {
    std::int64_t max_skew_ms = 500;
  } clock;

  struct Server {
    std::uint32_t shards = 1;  // at most as many as partitions
  } server;

  struct Log {
    log::Format format = log::Format::kHuman;
    log::Level level = log::Level::kInfo;
  } log;
};

constexpr std::size_t kMaxConfigBytes = 1 << 20;
constexpr std::size_t kMaxConfigLineBytes = 1024;

// NOT_FOUND or PERMISSION_DENIED when the file cannot be read, INVALID_ARGUMENT for what is in it.
absl::StatusOr<Config> load_config(const std::string& path);

// `filename`: for the errors only.
absl::StatusOr<Config> parse_config(std::string_view text, const std::string& filename);

// One line for each node: id, client address, peer address and zone ("-" if none), with tabs
// between.
std::string list_nodes(const Config& config);

}  // namespace kv
