// What clients ask for: workloads as data, and the generator that draws requests from one.
//
// A workload is one mix of requests, or several side by side, each with a bucket of its own. To add one, add it to the table in
// workload.cc; if its policy is new, a checker for it in checkers/.
//
// Generator is not thread-safe: each client has its own. The same seed draws the same requests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "jepsen-style-tests/history/history.h"
#include "node/base/rng.h"

namespace kv::workload {

// How often, relative to the others.
struct Weights {
  std::uint32_t get = 0;
  std::uint32_t put = 0;  // without a token
  std::uint32_t put_seen =
      0;                     // with the token of what the client last saw of the key, if it has one
  std::uint32_t remove = 0;  // without a token
  std::uint32_t remove_seen = 0;  // with one; a get where there is none
  std::uint32_t add = 0;
  std::uint32_t insert = 0;  // an element in a set
  std::uint32_t erase = 0;
  std::uint32_t elements = 0;  // reads all of a set
};

struct Mix {
  std::string policy = "lww";  // of its bucket
  Weights weights{};
  std::uint32_t keys = 1;         // 0: every put has a key of its own, which is never written again
  std::uint32_t hot_percent = 0;  // so many of all requests go to the first key
  std::vector<history::Level> read_levels{
      history::Level::kQuorum};  // drawn evenly, as are those of writes
  std::vector<history::Level> write_levels{history::Level::kQuorum};
  std::uint32_t disk_percent = 0;      // writes that ask for durability on disk
  std::uint32_t value_bytes = 0;       // values are filled up to this
  std::string bucket{};                // empty: it has the name of the policy
  std::uint32_t expiring_percent = 0;  // puts with a time after which their value is gone
  bool in_sessions = false;            // each client keeps a session
  bool with_requests = false;  // writes have request ids, and are sent again; not in batches
  bool watched = false;        // at each node somebody is told of all changes
};

struct Workload {
  std::string name{};
  std::string text{};  // what it is for, in a line
  std::vector<Mix> mixes{};
  std::uint32_t batch = 1;  // requests sent in one call; all to the same bucket
};

const std::vector<Workload>& all();
const Workload* find(std::string_view name);  // null: none of that name

std::string bucket_of(const Mix& mix);

struct Request {
  history::Kind kind = history::Kind::kGet;
  const Mix* mix = nullptr;
  std::string key{};
  std::string value{};
  std::int64_t amount = 0;
  std::int64_t ttl_ms = 0;
  history::Level level = history::Level::kQuorum;
  history::Durability durability = history::Durability::kOs;
  bool with_token = false;  // if the client has one for the key
  std::string id{};         // of a write: its request id, like no other's; empty: none
};

class Generator {
 public:
  // The workload must outlive it. `client` makes keys and values unlike those of any other client.
  Generator(const Workload& workload, std::uint32_t client, std::uint64_t seed);

  // As many as the workload sends in one call, all of one mix, level and durability.
  std::vector<Request> next();

 private:
  Request one(const Mix& mix);
  std::string key_of(const Mix& mix, history::Kind kind);

  const Workload& workload_;
  const std::uint32_t client_;
  Rng rng_;
  std::uint64_t values_ = 0;
  std::uint64_t ids_ = 0;
  std::uint64_t keys_ = 0;
};

}  // namespace kv::workload
