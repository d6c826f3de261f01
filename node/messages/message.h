// What nodes say to each other (proto/kv/v1/peer.proto), as plain data.
//
// Every message is safe to lose, to repeat and to reorder; all but a ForwardRequest also to deliver
// on a later connection, long after. Keys are storage keys (node/storage/keys.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "node/base/types.h"
#include "node/causality/clock.h"
#include "node/causality/token_codec.h"
#include "node/resolution/object.h"
#include "node/storage/record_codec.h"

namespace kv {

// One write, pushed by the replica that issued its dot.
struct Delta {
  std::string key;
  Version version;
  Clock context;                       // what this write supersedes, and its own dot
  bool wants_durable = false;          // sync at once and acknowledge again when done
  std::optional<RequestId> request{};  // if its client named it
  bool operator==(const Delta&) const = default;
};

// The sender has applied these dots, or (durable) has them on disk.
struct Ack {
  Clock dots;
  bool durable = false;
  bool operator==(const Ack&) const = default;
};

// A key as one replica holds it.
struct Item {
  std::string key;
  Object object;
  Clock dots;  // in a SyncPage: the missing dots that this object answers for
  std::vector<storage::RequestRecord> requests{};  // in a SyncPage: of those dots
  bool operator==(const Item&) const = default;
};

struct ReadRequest {
  std::uint64_t request = 0;
  std::string key;
  bool operator==(const ReadRequest&) const = default;
};

struct ReadReply {
  std::uint64_t request = 0;
  Object object;
  Clock clock;  // the replica clock, read at the same moment
  Hlc floor{};  // the replica's floor (ReplicaState), read at the same moment
  bool operator==(const ReadReply&) const = default;
};

// A version that the receiver had not processed when a read asked it; from whoever coordinated that. Of ordered policies only.
struct Repair {
  std::string key;
  Version version;
  // What the replicas that held it have processed: an earlier version that is among it was superseded, or its loss has been noted.
  Clock known{};
  bool operator==(const Repair&) const = default;
};

// What became of a write (2-protocol, section 8).
enum class Outcome : std::uint8_t { kApplied = 1, kNotApplied = 2, kUnknown = 3 };

struct WriteResult {
  Outcome outcome = Outcome::kNotApplied;
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string message;     // for people; empty when applied
  Dot dot;                 // counter 0: not issued, or not known to have been
  Hlc hlc;                 // of the version written
  std::uint32_t acks = 0;  // distinct replicas known to have it
  bool operator==(const WriteResult&) const = default;
};

// What must hold of the key at the replica that coordinates a write, or the write is refused. It detects conflicts that have
// arrived there, and prevents none elsewhere.
enum class Condition : std::uint8_t {
  kAlways = 1,
  kAbsent = 2,   // it has no value
  kCurrent = 3,  // it has no version that the token has not seen
};

// A write sent on by a node that holds no replica of the key.
struct ForwardRequest {
  std::uint64_t request = 0;
  std::string key;
  std::optional<std::string> value;  // none: a delete
  std::optional<Token> token;
  Level level = Level::kOne;
  Durability durability = Durability::kOs;
  std::uint32_t timeout_ms = 0;
  Condition condition = Condition::kAlways;
  std::int64_t ttl_ms = 0;  // of a value; 0: it does not expire
  Hlc after{};              // as in ClientWrite
  std::optional<RequestId> request_id{};
  bool asked = false;  // the sender has found no replica that knows the request
  bool operator==(const ForwardRequest&) const = default;
};

struct ForwardReply {
  std::uint64_t request = 0;
  bool final = false;  // false: the dot was issued, confirmations are still awaited
  WriteResult result;
  bool operator==(const ForwardReply&) const = default;
};

// Does the replica know this request?
struct RequestQuery {
  std::uint64_t request = 0;
  RequestId id;
  bool operator==(const RequestQuery&) const = default;
};

struct RequestAnswer {
  std::uint64_t request = 0;
  bool known = false;
  bool operator==(const RequestAnswer&) const = default;
};

struct ScanChunkRequest {
  std::uint64_t request = 0;
  std::string from;  // inclusive
  std::string end;   // exclusive; empty: none
  std::uint32_t max_items = 0;
  std::uint32_t max_bytes = 0;
  bool operator==(const ScanChunkRequest&) const = default;
};

struct ScanChunkReply {
  std::uint64_t request = 0;
  std::vector<Item> items;
  Clock clock;
  bool more = false;  // cut by a limit: keys after the last item were not looked at
  Hlc floor{};        // as in ReadReply
  bool operator==(const ScanChunkReply&) const = default;
};

// "This is what I hold": starts an exchange when it differs from what the receiver holds or remembers.
struct Probe {
  std::uint64_t applied = 0;  // digest of the replica clock
  std::uint64_t durable = 0;  // digest of its durable part
  bool unfit = false;         // the sender's replica is damaged, or is being rebuilt
  bool operator==(const Probe&) const = default;
};

// "Send me what I lack."
struct SyncRequest {
  Clock applied;
  Clock durable;
  bool full = false;  // walk the keys after `after` instead of the dot log
  std::string after;
  std::uint64_t request = 0;  // comes back with the page
  bool unfit = false;         // as in Probe
  bool operator==(const SyncRequest&) const = default;
};

struct SyncPage {
  Clock applied;  // the sender's clocks, as of the same moment as the items
  Clock durable;
  std::vector<Item> items;
  bool more = false;
  bool full = false;  // answers a full request; items cover every key in (after, last]
  Clock unnamed;      // missing dots that the log no longer names: who still lacks one asks
                      // again with `full`
  std::string after;
  std::string last;  // empty in the last page: to the end of the partition
  std::uint64_t request = 0;
  Hlc floor{};  // as in ReadReply
  bool operator==(const SyncPage&) const = default;
};

// "With a clock of this digest, my objects with keys in (after, last] are of this one. Are yours?"
struct ScrubRequest {
  std::uint64_t request = 0;  // comes back with the reply
  std::string after;
  std::string last;  // empty: to the end of the partition
  std::uint64_t clock = 0;
  std::uint64_t objects = 0;  // see Replica::read_lasting
  bool operator==(const ScrubRequest&) const = default;
};

enum class ScrubVerdict : std::uint8_t {
  kNotComparable = 1,  // another clock, or the replica is not fit
  kEqual = 2,
  kDifferent = 3,
};

struct ScrubReply {
  std::uint64_t request = 0;
  ScrubVerdict verdict = ScrubVerdict::kNotComparable;
  std::vector<Item> items;  // if different: what the sender holds of the range
  std::string last{};       // as far as the items go: the range's, or less if a limit cut it short
  bool operator==(const ScrubReply&) const = default;
};

struct Message {
  Partition partition;
  std::variant<Delta, Ack, ReadRequest, ReadReply, ForwardRequest, ForwardReply, ScanChunkRequest,
               ScanChunkReply, Probe, SyncRequest, SyncPage, Repair, RequestQuery, RequestAnswer,
               ScrubRequest, ScrubReply>
      body;
  bool operator==(const Message&) const = default;
};

inline bool is_anti_entropy(const Message& message) {
  return std::holds_alternative<Probe>(message.body) ||
         std::holds_alternative<SyncRequest>(message.body) ||
         std::holds_alternative<SyncPage>(message.body);
}

}  // namespace kv
