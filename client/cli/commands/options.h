// Everything that the command line and the environment say, checked and decoded.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/records/record_reader.h"
#include "kv/types.h"

namespace kv::cli {

enum class OutputFormat { kRaw, kJson, kTable };

struct Options {
  std::string command{};

  // For every command.
  std::vector<std::string> endpoints{};
  std::string bucket{};
  client::Level level = client::Level::kQuorum;
  std::chrono::milliseconds timeout{};
  OutputFormat output = OutputFormat::kRaw;

  // Of the commands that take them. Keys and values are decoded bytes where --base64 was given.
  bool base64 = false;
  std::string key{};
  std::vector<std::string> keys{};  // of del
  std::optional<std::string> value{};
  std::string file{};  // "-": standard input
  std::string token{};
  std::string session_file{};  // empty: none
  std::string request_id{};    // empty: none
  client::Durability durability = client::Durability::kOs;
  client::Condition condition = client::Condition::kNone;
  bool token_only = false;
  std::string prefix{};
  bool prefix_given = false;  // of watch: in place of a key
  std::string start{};
  std::string end{};
  std::uint64_t limit = 0;
  std::optional<RecordFormat> format{};
  std::uint64_t batch = 200;
  std::uint64_t in_flight = 8;
  std::chrono::milliseconds retry_for{30'000};
  std::string shell{};
  client::Dot dot{};  // of wait, and of conflicts show and restore
  bool level_given = false;
  bool wait = false;            // of converged
  std::int64_t amount = 1;      // of incr
  std::string bucket_action{};  // of bucket: create, ls or show
  std::string bucket_name{};
  std::string policy{};
  std::uint64_t n = 0;              // of bucket create; 0: as the cluster's
  std::string merge_file{};         // of bucket create, as the next two
  std::string samples_file{};       // "-": standard input
  std::string samples_from{};       // a bucket
  std::chrono::milliseconds ttl{};  // of put, set add, map put and bucket create
  std::string
      action{};  // of set: add, rm or ls; of map: put, get or rm; of conflicts: list, show or restore
  std::vector<std::string> elements{};
  std::string field{};
  std::vector<std::string> inside{};  // the fields that lead to it
  std::string leaf_policy = "register";
  bool all_buckets = false;  // of conflicts list
};

inline client::WriteOptions write_options(const Options& options,
                                          client::Session* session = nullptr) {
  return {.bucket = options.bucket,
          .level = options.level,
          .timeout = options.timeout,
          .token = options.token,
          .durability = options.durability,
          .condition = options.condition,
          .ttl = options.ttl,
          .session = session,
          .request_id = options.request_id};
}

}  // namespace kv::cli
