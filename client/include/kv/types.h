// What goes into and comes out of kv::client::Client.
//
// Plain values: copy and move them freely; no type here owns anything but its own memory. Nothing
// here talks to a node.
//
// Every answer is of one of three kinds, and Result<T> keeps them apart:
//   ok               result.ok(); the value says how many replicas have it
//   not applied      a Failure with Outcome::kNotApplied: certainly not, and never will be (also
//   every failed read) outcome unknown  a Failure with Outcome::kUnknown: the write may have been
//   stored and may spread; when a replica is
//                    known to have issued a dot for it, the Failure carries it
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace kv::client {

inline constexpr std::chrono::milliseconds kDefaultTimeout{2'000};

// How many of a key's N replicas must answer a read or hold a write: 1, floor(N / 2) + 1, or N.
enum class Level { kOne, kQuorum, kAll };

// What an acknowledged write survives at each replica counted: the death of the process, or power
// loss.
enum class Durability { kOs, kDisk };

// The name of one write: `actor` is one incarnation of one replica, `counter` (from 1) its n-th
// write.
struct Dot {
  std::uint64_t actor = 0;
  std::uint64_t counter = 0;

  friend bool operator==(const Dot&, const Dot&) = default;
};

// What became of a write that failed. A read changes nothing, so a failed read is always
// kNotApplied.
enum class Outcome { kNotApplied, kUnknown };

struct Failure {
  // kInvalidArgument     a field is malformed or over its limit
  // kNotFound            the bucket does not exist
  // kAlreadyExists       the first write won, or a bucket of that name has another policy
  // kFailedPrecondition  the key has too many siblings
  // kOutOfRange          a counter would leave its range; or a watch's token is too old
  // kUnavailable         too few replicas are alive or their clocks are off, or (with `reached` false) no endpoint could be
  // reached kResourceExhausted   overload that outlasted the retries kDeadlineExceeded    the time
  // given is over others               as gRPC defines them
  absl::StatusCode code = absl::StatusCode::kUnknown;
  std::string message{};  // for a person
  Outcome outcome = Outcome::kNotApplied;
  bool reached = true;       // false: no endpoint answered, and certainly nothing was applied
  std::optional<Dot> dot{};  // with kUnknown, when a replica is known to have issued it
  std::string token{};       // with `dot`: what success would have returned
  std::string session{};     // likewise; already noted in the Session that the request had
};

// A value of type T or a Failure. Never empty.
// Precondition of value(): ok(); of failure(): !ok(). Breaking one ends the process.
template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit, so that functions can return either.
  Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}            // NOLINT
  Result(Failure failure) : content_(std::in_place_index<1>, std::move(failure)) {}  // NOLINT

  bool ok() const { return content_.index() == 0; }
  const T& value() const& { return *checked<0>(); }
  T& value() & { return *checked<0>(); }
  T&& value() && { return std::move(*checked<0>()); }
  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  const T* operator->() const { return checked<0>(); }
  T* operator->() { return checked<0>(); }
  const Failure& failure() const { return *checked<1>(); }
  Failure& failure() { return *checked<1>(); }

 private:
  template <std::size_t index>
  auto* checked() const {
    if (content_.index() != index) std::abort();
    return std::get_if<index>(&content_);
  }
  template <std::size_t index>
  auto* checked() {
    if (content_.index() != index) std::abort();
    return std::get_if<index>(&content_);
  }

  std::variant<T, Failure> content_;
};

// A key that has no value is an ok() answer with `values` empty.
struct GetResult {
  std::vector<std::string>
      values{};         // more than one only in a bucket that keeps siblings, or cannot merge them
  std::string token{};  // for a later put or del of this key: it then supersedes what this read saw
  std::vector<std::string> replicas{};  // ids of the nodes whose replicas this answer joins
  bool agreed = false;                  // whether those replicas held the same versions
  std::vector<Dot> dots{};  // of `values`, in the same order; a deleted key still names its delete
};

struct WriteResult {
  Dot dot{};
  std::string
      token{};  // the token that was sent plus this write's dot; empty if others' values were merged in
  std::uint32_t acks = 0;     // distinct replicas that had it when this was answered
  std::string coordinator{};  // id of the replica that issued the dot
};

// A name and what becomes of concurrent writes to a key: lww, siblings, fww, max, min, counter, register, flag, set, map or
// custom. None ever changes.
struct Bucket {
  std::string name{};
  std::string policy{};
  std::chrono::milliseconds ttl{};  // of values that are put without one; 0: they do not expire
  std::string
      merge{};  // of policy custom: Lua that defines the function that merges two values (client/README.md)

  std::uint32_t n = 0;  // replicas of each of its keys; 0: as many as the cluster's

  friend bool operator==(const Bucket&, const Bucket&) = default;
};

// A sequence of requests, one after another, at any levels and at whatever nodes: a read sees what the session has written,
// and never an older state of a key than the session has seen before. Start with an empty one and give it to each request:
// every answer changes it. It may be kept as bytes, and go on in another process; opaque, at most kMaxTokenBytes. Not for
// requests at the same time: each thread takes a session of its own.
//
// Failures that only requests with a session have: kUnavailable "stale", no replica that could be asked has what it has seen
// yet (try again later); kFailedPrecondition "stale", none has it any more, or the session has become too large (begin anew).
struct Session {
  std::string bytes{};
};

struct ReadOptions {
  std::string bucket{};  // empty: "default"
  Level level = Level::kQuorum;
  std::chrono::milliseconds timeout = kDefaultTimeout;  // more than 0, at most a minute
  Session* session = nullptr;                           // outlives the request
};

// What must hold of the key at the replica that coordinates a write; otherwise the write is refused, with kAlreadyExists or
// kAborted. It detects conflicts that have reached that replica, and prevents none elsewhere.
enum class Condition {
  kNone,
  kIfAbsent,
  kIfCurrent
};  // has no value; has not changed since `token` was read

struct WriteOptions {
  std::string bucket{};
  Level level = Level::kQuorum;
  std::chrono::milliseconds timeout = kDefaultTimeout;
  std::string
      token{};  // from a read of the same key; empty: supersede what the bucket's policy says
  Durability durability = Durability::kOs;
  Condition condition = Condition::kNone;  // not of an addition
  // Of a put: how long the value is shown, by the clock of the node that coordinates it. 0: as the bucket says.
  std::chrono::milliseconds ttl{};
  Session* session = nullptr;  // outlives the request
  // 1 to 64 bytes, new for each write of a key, e.g. random; empty: none. The write may then be sent again, and is by this
  // client: for 10 minutes every attempt, at whatever node, finds the first and is answered for it. node/docs/6-requests.md says
  // what that costs, and what it does not cover.
  std::string request_id{};
};

// One piece of what a set or map holds.
struct Leaf {
  std::vector<std::string> path{};  // in a map: 1 to 8 fields, the outermost first
  std::string policy{};             // in a map: "register", "counter", "flag" or "set"
  std::string element{};            // of a set, or of a set in a map

  friend bool operator==(const Leaf&, const Leaf&) = default;
};

struct LeafEntry {
  Leaf leaf{};
  std::string value{};  // of a register; a counter's number; "true" of a flag; empty of an element
};

// What is done to a leaf, or with an empty Leaf to a counter.
struct LeafChange {
  enum class Kind {
    kAdd,      // `amount` to a counter
    kPut,      // `value` in a register
    kPresent,  // an element is added, a flag put on
    kAbsent,   // an element is removed, a flag put off
    kRemove    // a leaf of any policy
  };
  Kind kind = Kind::kPut;
  std::int64_t amount = 0;
  std::string value{};
};

// One operation of a batch. There is no atomicity across the operations of a batch.
struct Operation {
  enum class Kind { kGet, kPut, kDelete, kUpdate };

  Kind kind = Kind::kPut;
  std::string key{};
  std::string value{};              // of a put
  std::string token{};              // of a put or a delete; as in WriteOptions
  Leaf leaf{};                      // of an update
  LeafChange change{};              // of an update
  std::chrono::milliseconds ttl{};  // of a put or an update; as in WriteOptions
  std::string request_id{};         // of all but a get; as in WriteOptions
};

struct BatchOptions {
  std::string bucket{};
  Level level = Level::kQuorum;
  std::chrono::milliseconds timeout = kDefaultTimeout;
  Durability durability = Durability::kOs;
};

// The answer to one operation of a batch: to a get, or to a write.
using OperationAnswer = std::variant<GetResult, WriteResult>;
using OperationResult = Result<OperationAnswer>;

struct ScanOptions {
  std::string bucket{};
  Level level = Level::kQuorum;
  // Of each request that the scan is made of: the longest wait without one more key arriving, not
  // the whole scan's.
  std::chrono::milliseconds timeout = kDefaultTimeout;
  std::string prefix{};     // only keys that begin with it
  std::string start{};      // first key, inclusive; empty: from the beginning
  std::string end{};        // exclusive; empty: to the end
  std::uint64_t limit = 0;  // 0: no limit
};

struct ScanEntry {
  std::string key{};
  std::vector<std::string> values{};
  std::string token{};
};

struct WatchOptions {
  std::string bucket{};
  std::optional<std::string> key{};  // of a set or map: all that it holds. None: what `prefix` says
  std::string prefix{};              // keys that begin with it; empty: the whole bucket
  std::string token{};               // to go on after what it has seen; empty: from now on
  std::chrono::milliseconds timeout = kDefaultTimeout;  // until it has begun
  // Once begun: how long its node may be away. A token is of one node, so no other can go on.
  std::chrono::milliseconds patience{60'000};
};

// A key, or a leaf of a set or map, in one commit of the node that is watched.
struct WatchEvent {
  struct Version {
    std::string value{};
    Dot dot{};
    std::int64_t expires_ms =
        0;  // since 1970-01-01 UTC, when it is no longer shown, which is no event; 0: never
  };
  std::string key{};
  std::optional<Leaf> leaf{};
  std::vector<Dot>
      dots{};  // the writes that the node processed with this change; kv/v1/kv.proto says more
  std::vector<Version> shown{};  // what it shows since; empty: it has no value any more
};

struct WatchUpdate {
  // None: nothing that is watched has changed up to `token`. The first is such a one, and more come every few seconds.
  std::optional<WatchEvent> event{};
  std::string token{};
  // The node tells of the keys of so many partitions.
  std::uint32_t partitions = 0;
  std::uint32_t partitions_total = 0;
};

// One node's own view of itself and its peers; units are in the names. See kv/v1/admin.proto for
// each field.
struct NodeReport {
  struct Peer {
    std::string id{};
    bool alive = false;
    std::uint64_t debt_dots = 0;
    std::uint64_t debt_age_ms = 0;
    std::uint64_t transfers_owed = 0;
    std::int64_t clock_skew_ms = 0;
  };
  struct Member {
    std::string id{};
    std::string client_address{};
    std::string zone{};
  };
  struct AntiEntropy {
    std::uint64_t pages_sent = 0;
    std::uint64_t pages_received = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t objects_sent = 0;
    std::uint64_t full_transfers = 0;
  };
  struct Reads {
    std::uint64_t asked = 0;
    std::uint64_t hedges = 0;
    std::uint64_t spares = 0;
    std::uint64_t repairs = 0;
    std::uint64_t repairs_skipped = 0;
  };
  struct Scrub {
    std::uint64_t bytes = 0;
    std::uint64_t skipped = 0;
    std::uint64_t different = 0;
    std::uint64_t mended = 0;
    std::uint64_t passes = 0;
  };
  struct Merges {
    std::uint64_t merged = 0;
    std::uint64_t refused = 0;
    std::uint64_t broken = 0;
  };

  std::string cluster{};
  std::string id{};
  std::uint64_t incarnation = 0;
  std::uint64_t uptime_ms = 0;
  std::uint64_t keys = 0;
  std::uint64_t partitions = 0;
  std::uint64_t partitions_total = 0;
  std::uint64_t n = 0;
  std::int64_t clock_skew_ms = 0;
  bool skewed = false;
  std::uint64_t disk_bytes = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t dot_log_entries = 0;
  std::uint64_t max_dot_log_entries = 0;
  std::uint64_t markers = 0;
  std::uint64_t replicas_unfit = 0;
  std::uint64_t replicas_discarded = 0;
  std::vector<Peer> peers{};
  std::vector<Member> members{};
  AntiEntropy anti_entropy{};
  Reads reads{};
  Merges merges{};
  Scrub scrub{};
};

// Who has one write.
struct Receipt {
  struct Replica {
    std::string id{};
    bool applied = false;
    bool durable = false;  // on disk
  };
  bool known = false;      // some node has it; otherwise the rest is empty
  bool satisfied = false;  // as many have it as was asked for
  std::uint32_t partition = 0;
  std::vector<Replica> replicas{};
};

// Whether all replicas have processed the same writes, by comparing their clocks.
struct Convergence {
  bool converged = false;
  std::vector<std::uint32_t>
      partitions_behind{};                 // whose replicas differ, or one of them did not answer
  std::vector<std::string> unreachable{};  // ids, or addresses, of nodes that did not answer
};

// What each replica of a key holds.
struct Explanation {
  struct Version {
    Dot dot{};
    std::uint64_t hlc = 0;               // 48 bits of milliseconds, 16 of a counter
    std::optional<std::string> value{};  // none: a delete's marker
    std::int64_t expires_ms = 0;         // since 1970-01-01 UTC; 0: never
  };
  struct Replica {
    std::string node{};
    bool reached = false;
    std::string failure{};  // why not
    std::vector<Version> versions{};
    std::vector<Dot> shown{};       // what a reader of this replica alone would be shown
    std::vector<Dot> lacks{};       // versions elsewhere that it has not processed
    bool clock_covers_all = false;  // it lacks none
    std::uint64_t context_dots = 0;
  };
  std::string policy{};
  std::uint32_t partition = 0;
  std::vector<Replica> replicas{};  // by node
};

// A version that a policy discarded although no write had seen it.
struct Conflict {
  Dot dot{};  // that lost
  std::string bucket{};
  std::string key{};
  std::vector<std::string> path{};     // in a map: the fields that lead to the register
  std::uint64_t hlc = 0;               // 48 bits of milliseconds, 16 of a counter
  bool marker = false;                 // a delete
  std::optional<std::string> value{};  // where it was asked for by its dot, and has been kept
  std::uint64_t value_bytes = 0;
  bool value_kept = false;      // false: a delete, or it was too large
  std::int64_t expires_ms = 0;  // since 1970-01-01 UTC; 0: never
  Dot winner{};
  std::uint64_t winner_hlc = 0;
  std::int64_t noted_ms = 0;         // since 1970-01-01 UTC, when it was first noted
  std::vector<std::string> nodes{};  // ids of those that have noted it
};

struct ConflictOptions {
  std::string bucket{};      // empty: of every bucket
  std::string key{};         // of that bucket; empty: of every key
  std::optional<Dot> dot{};  // only the loss of this one, with its value
  std::uint64_t limit = 0;   // at most so many; 0: as many as the nodes tell
  std::chrono::milliseconds timeout = kDefaultTimeout;
};

struct ConflictList {
  std::vector<Conflict> conflicts{};       // one for each dot that lost, the latest first
  bool more = false;                       // some were left out
  std::vector<std::string> unreachable{};  // ids, or addresses, of nodes that did not answer
};

// One node of the cluster as the client found it: either it answered, or `failure` says why not.
struct NodeStatus {
  std::string id{};       // empty when nothing that answered names the node at this address
  std::string address{};  // "host:port"
  std::optional<NodeReport> report{};
  std::string failure{};
};

}  // namespace kv::client
