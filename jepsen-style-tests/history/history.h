// What happened in a run, as its clients and whoever hurt the cluster saw it: all that the checkers look at.
//
// Plain values without behaviour. Times are microseconds since the run began, on one clock for all clients. Values of puts
// are unique within a run, so that a value that is read names the write it came from.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace kv::history {

enum class Kind : std::uint8_t {
  kGet,
  kPut,
  kDelete,
  kAdd,
  kInsert,  // of an element in a set
  kErase,
  kElements  // reads all elements of a set
};
enum class Level : std::uint8_t { kOne, kQuorum, kAll };
enum class Durability : std::uint8_t { kOs, kDisk };
// What the client was told. A read that failed is kNotApplied.
enum class Outcome : std::uint8_t { kOk, kNotApplied, kUnknown };

// The name of one write; counter 0: none.
struct Dot {
  std::uint64_t actor = 0;
  std::uint64_t counter = 0;
  auto operator<=>(const Dot&) const = default;
  explicit operator bool() const { return counter > 0; }
};

struct Operation {
  Kind kind = Kind::kGet;
  std::uint32_t client = 0;
  std::string node{};  // that it was sent to
  std::string bucket{};
  std::string key{};
  std::string value{};      // of a put; the element that is inserted or erased
  std::int64_t amount = 0;  // of an addition
  Level level = Level::kQuorum;
  Durability durability = Durability::kOs;
  std::vector<Dot> seen{};    // of a write: the versions that its token had seen
  std::int64_t ttl_us = 0;    // of a put: how long its value is shown; 0: for good
  std::uint64_t session = 0;  // operations of one session follow each other; 0: in none
  std::string
      request{};  // of a write: its request id; others with the same are the same write, sent again
  std::int64_t start_us = 0;
  std::int64_t end_us = 0;
  std::int64_t timeout_us = 0;
  // Made after everything was mended and the replicas had become equal; sent to each node, at ONE.
  bool final = false;

  Outcome outcome = Outcome::kOk;
  std::string error{};  // of a failure: its code and what the node said
  bool reached = true;  // some node took the request
  // Of a write that is ok, and of one whose outcome is unknown when a node named it:
  Dot dot{};
  std::uint64_t hlc = 0;  // its time, as its token states it; 0: not known
  std::uint32_t acks = 0;
  std::string coordinator{};
  // Of a read that is ok:
  std::vector<std::string> values{};
  std::vector<Dot>
      dots{};  // of the values, in their order; of a key without value, perhaps that of its delete
  std::vector<std::string> replicas{};
  bool agreed = false;
};

inline bool is_write(const Operation& op) {
  return op.kind != Kind::kGet && op.kind != Kind::kElements;
}

// The order of writes of a register, whose times are known.
inline bool is_before(const Operation& a, const Operation& b) {
  return std::tie(a.hlc, a.dot) < std::tie(b.hlc, b.dot);
}

// What somebody was told who watches a bucket at one node, in the order in which it came: that the watch begins, or begins anew,
// or that a key changed. There is one watcher for each node and watched bucket.
struct Told {
  std::int64_t at_us = 0;
  std::string node{};
  std::string bucket{};
  bool begins = false;
  std::string
      why{};  // what was said to be the reason that it begins anew; empty: it is the first time
  bool knows_state = false;                                 // it has read the state since
  std::map<std::string, std::vector<std::string>> state{};  // values by key
  // Of a change:
  std::string key{};
  std::vector<Dot> dots{};            // the writes that the node processed with it
  std::vector<std::string> values{};  // that the key shows since
  std::vector<Dot> shown{};           // of the values, in their order
};

// From then on, until the next condition.
struct Condition {
  std::int64_t at_us = 0;
  std::set<std::string> out{};  // nodes that are down, stopped, or not sound in some other way
  std::set<std::pair<std::string, std::string>>
      cuts{};                          // what the first sends does not reach the second
  std::set<std::string> clocks_off{};  // nodes whose wall clocks are wrong
  // What the first sends reaches the second up to so many milliseconds late.
  std::map<std::pair<std::string, std::string>, std::int64_t> late_ms{};
  // Connections between them broke at this moment, or are being replaced by others.
  std::set<std::pair<std::string, std::string>> broken{};
};

// A node went on without what its disk held: it was wiped, or went back to an earlier state.
struct DiskLoss {
  std::int64_t at_us = 0;
  std::string node{};
  bool unsynced_only = false;  // the power went: what had been synced is there
};

// What a node's process held of this machine's memory.
struct Memory {
  std::int64_t at_us = 0;
  std::string node{};
  std::uint64_t bytes = 0;
};

// A fault, for whoever reads the timeline.
struct Fault {
  std::int64_t start_us = 0;
  std::int64_t end_us = 0;
  std::string name{};
  std::string text{};
};

// This machine stood still, or was so busy that nothing can be said about who should have answered.
struct Stall {
  std::int64_t start_us = 0;
  std::int64_t end_us = 0;
};

// Everything was mended, and the replicas of every key were equal, or did not become so in time.
struct Rest {
  std::int64_t at_us = 0;
  bool converged = false;
  std::string text{};  // which did not
};

struct Setup {
  std::string workload{};
  std::vector<std::string> nemeses{};
  std::uint64_t seed = 0;
  std::vector<std::string> nodes{};
  std::uint32_t replicas = 0;                     // of each key
  std::map<std::string, std::string> policies{};  // by bucket
  std::uint64_t memory_bytes = 0;                 // that no node may exceed; 0: nothing is said
  // Where clients are: client i is at places[i % size]. Named in cuts like nodes. Empty: nothing comes between them and nodes.
  std::vector<std::string> places{};
  std::vector<std::string> watched{};  // buckets
};

struct History {
  Setup setup{};
  std::vector<Operation> operations{};  // in the order in which they ended
  std::vector<Told> told{};             // of each watcher in its order
  std::vector<Condition> conditions{};  // by time, as are the following
  std::vector<DiskLoss> disk_losses{};
  std::vector<Memory> memory{};
  std::vector<Stall> stalls{};
  std::vector<Rest> rests{};
  std::vector<Fault> faults{};
  std::vector<std::string> deaths{};  // what ended without having been told to
  // Nothing is missing: a history without this was cut short, and what it does not tell may have happened.
  bool complete = false;
};

// How many of n replicas a level needs.
constexpr std::uint32_t needed_at(Level level, std::uint32_t n) {
  return level == Level::kOne ? 1 : level == Level::kQuorum ? n / 2 + 1 : n;
}

}  // namespace kv::history
