#include "node/adapters/config/config.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <map>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "node/adapters/config/config_reader.h"
#include "node/adapters/config/toml_tree.h"
#include "node/adapters/config/values.h"
#include "node/base/limits.h"

namespace kv {
namespace {

using Presence = ConfigReader::Presence;
using Section = ConfigReader::Section;

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::uint64_t kKiB = 1 << 10;
constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kGiB = 1 << 30;

// Whatever is bounded in bytes must hold the largest request, or that request could never pass.
constexpr std::uint64_t kMinQueueBytes = 2 * kMaxBatchBytes;

constexpr ConfigReader::TextRule kName = {
    is_name, "a name of 1 to 64 characters: A-Z, a-z, 0-9, '.', '_', '-'"};
constexpr ConfigReader::TextRule kZone = {
    [](std::string_view text) { return text.empty() || is_name(text); },
    "\"\" for none, or a name of up to 64 characters: A-Z, a-z, 0-9, '.', '_', '-'"};
constexpr ConfigReader::TextRule kAddress = {is_address,
                                             "\"host:port\" with a port from 1 to 65535"};

void read_root(ConfigReader& reader, Config& config) {
  const Section root = reader.root();
  reader.text(root, "cluster", kName, Presence::kRequired, config.cluster);
  std::int64_t partitions = config.partitions;
  const int line = reader.integer(root, "partitions", 1, kMaxPartitions, partitions);
  config.partitions = static_cast<std::uint32_t>(partitions);
  if (!std::has_single_bit(config.partitions)) {
    reader.add_error(line, absl::StrCat("partitions = ", partitions),
                     absl::StrCat("a power of two from 1 to ", kMaxPartitions));
  }
  reader.integer_as(root, "replicas", 1, kMaxReplicas, config.replicas);
  reader.integers(root, "bucket_replicas", 1, kMaxReplicas, config.bucket_replicas);
}

// Where an id or address was used first, for the error about its second use.
class Uses {
 public:
  explicit Uses(ConfigReader& reader) : reader_(reader) {}

  void add(int line, const std::string& key, const std::string& value) {
    if (line == 0) return;  // absent or refused already
    const auto [at, is_new] = lines_.try_emplace(value, line);
    if (is_new) return;
    reader_.add_error(line, absl::StrCat("node.", key, " = \"", value, "\" again"),
                      absl::StrCat("one that is not used yet; line ", at->second, " has it"));
  }

 private:
  ConfigReader& reader_;
  std::map<std::string, int> lines_;
};

void read_nodes(ConfigReader& reader, Config& config) {
  Uses ids(reader);
  Uses addresses(reader);
  for (const Section& section : reader.sections("node")) {
    ConfigNode node;
    ids.add(reader.text(section, "id", kName, Presence::kRequired, node.id), "id", node.id);
    const int client = reader.text(section, "client", kAddress, Presence::kRequired, node.client);
    addresses.add(client, "client", node.client);
    const int peer = reader.text(section, "peer", kAddress, Presence::kRequired, node.peer);
    addresses.add(peer, "peer", node.peer);
    reader.text(section, "zone", kZone, Presence::kOptional, node.zone);
    config.nodes.push_back(node);
  }
  if (config.nodes.empty() || config.nodes.size() > kMaxNodes) {
    reader.add_error(1, absl::StrCat(config.nodes.size(), " nodes"),
                     absl::StrCat("1 to ", kMaxNodes, " sections [[node]]"));
  }
  for (const std::uint32_t each : config.bucket_replicas)
    if (each > config.nodes.size() && !config.nodes.empty())
      reader.add_error(1,
                       absl::StrCat("bucket_replicas with ", each, " in it, and ",
                                    config.nodes.size(), " nodes"),
                       "at most as many replicas as there are nodes");
}

void read_storage(ConfigReader& reader, Config::Storage& storage) {
  const Section section = reader.section("storage");
  reader.size(section, "block_cache_bytes", kMiB, 1024 * kGiB, storage.block_cache_bytes);
  reader.size(section, "write_buffer_bytes", kMiB, 4 * kGiB, storage.write_buffer_bytes);
  reader.size(section, "change_log_bytes", kMiB, 1024 * kGiB, storage.change_log_bytes);
  // Promised: what was acknowledged at durability `os` is on disk after 100 ms.
  reader.integer(section, "sync_interval_ms", 1, 100, storage.sync_interval_ms);
}

void read_limits(ConfigReader& reader, Config::Limits& limits) {
  const Section section = reader.section("limits");
  reader.integer_as(section, "max_pending_requests", 1, 1'000'000, limits.max_pending_requests);
  reader.size(section, "max_pending_bytes", kMinQueueBytes, 64 * kGiB, limits.max_pending_bytes);
  reader.size(section, "max_replication_in_flight_bytes", kMinQueueBytes, 4 * kGiB,
              limits.max_replication_in_flight_bytes);
  reader.integer_as(section, "max_dot_log_entries", 100, 1'000'000'000, limits.max_dot_log_entries);
  reader.integer_as(section, "max_watchers", 1, 100'000, limits.max_watchers);
}

void read_replication(ConfigReader& reader, Config::Replication& replication) {
  const Section section = reader.section("replication");
  reader.integer(section, "probe_interval_ms", 10, kHourMs, replication.probe_interval_ms);
  const int heartbeat = reader.integer(section, "heartbeat_interval_ms", 10, kMinuteMs,
                                       replication.heartbeat_interval_ms);
  const int timeout = reader.integer(section, "failure_timeout_ms", 20, 10 * kMinuteMs,
                                     replication.failure_timeout_ms);
  reader.size(section, "page_bytes", 4 * kKiB, 4 * kMiB, replication.page_bytes);
  reader.size(section, "scrub_bytes_per_s", kKiB, kGiB, replication.scrub_bytes_per_s);
  if (replication.failure_timeout_ms < 2 * replication.heartbeat_interval_ms) {
    reader.add_error(
        std::max(timeout, heartbeat),
        absl::StrCat("replication.failure_timeout_ms = ", replication.failure_timeout_ms,
                     " with heartbeat_interval_ms = ", replication.heartbeat_interval_ms),
        "a timeout of at least twice the interval, so that one late answer is no failure");
  }
}

void read_server(ConfigReader& reader, Config& config) {
  const Section section = reader.section("server");
  const int line = reader.integer_as(section, "shards", 1, 64, config.server.shards);
  if (config.server.shards > config.partitions) {
    reader.add_error(line,
                     absl::StrCat("server.shards = ", config.server.shards, " with ",
                                  config.partitions, " partitions"),
                     "at most one shard for each partition");
  }
}

void read_log(ConfigReader& reader, Config::Log& log) {
  const Section section = reader.section("log");
  reader.choice(section, "format", {"human", "json"}, log.format);
  reader.choice(section, "level", {"debug", "info", "warn", "error"}, log.level);
}

// Bounds on what the parser is given: its recursion follows the length of a line.
absl::Status check_lengths(std::string_view text, const std::string& filename) {
  if (text.size() > kMaxConfigBytes) {
    return absl::InvalidArgumentError(absl::StrCat(filename, ":1: found ", text.size(),
                                                   " bytes; expected at most ", kMaxConfigBytes));
  }
  int line = 1;
  for (std::size_t start = 0; start < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    if (end - start > kMaxConfigLineBytes) {
      return absl::InvalidArgumentError(absl::StrCat(filename, ":", line, ": found a line of ",
                                                     end - start, " bytes; expected at most ",
                                                     kMaxConfigLineBytes));
    }
    start = end + 1;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Config> parse_config(std::string_view text, const std::string& filename) {
  if (const absl::Status lengths = check_lengths(text, filename); !lengths.ok()) return lengths;
  const absl::StatusOr<TomlValue> tree = parse_toml(text, filename);
  if (!tree.ok()) return tree.status();
  ConfigReader reader(*tree, filename);
  Config config;
  read_root(reader, config);
  read_nodes(reader, config);
  read_storage(reader, config.storage);
  read_limits(reader, config.limits);
  read_replication(reader, config.replication);
  reader.integer(reader.section("clock"), "max_skew_ms", 1, kHourMs, config.clock.max_skew_ms);
  read_server(reader, config);
  read_log(reader, config.log);
  if (const absl::Status errors = reader.finish(); !errors.ok()) return errors;
  return config;
}

absl::StatusOr<Config> load_config(const std::string& path) {
  const auto failed = [&path] {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot read the configuration ", path));
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  if (file == nullptr) return failed();
  std::string text(kMaxConfigBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return failed();
  return parse_config(text, path);
}

std::string list_nodes(const Config& config) {
  std::string lines;
  for (const ConfigNode& node : config.nodes) {
    absl::StrAppend(&lines, node.id, "\t", node.client, "\t", node.peer, "\t",
                    node.zone.empty() ? std::string("-") : node.zone, "\n");
  }
  return lines;
}

}  // namespace kv
