// The layout of keys on disk. Integers are big-endian, so that byte order is numeric order.
//
//   objects  partition (2), storage key                  -> ObjectRecord
//   log      partition (2), actor (8), counter (8)       -> flags (1), name of its request (8; if it has one), storage key
//   meta     'r', partition (2)                          -> ReplicaRecord
//            'c', partition (2), storage key             -> nothing: an object that keeps a context
//            'd', partition (2), time (8), storage key   -> nothing: a version to be dropped at that time
//            'q', partition (2), name (8), actor (8), counter (8) -> RequestRecord: a write with a request id
//            'a', partition (2), time (8), name (8), actor (8), counter (8) -> nothing: how old the one before is
//            'j', partition (2), time (8), actor (8), counter (8) -> ConflictRecord: a version that lost, noted at that time
//            "node"                                      -> NodeRecord
//
// "Storage key" means policy (1, a PolicyKind), bucket, 0, user key: it names a key within its partition and travels between
// nodes. Bucket names hold no zero byte, so a storage key splits in one way only. Those of sets and maps go on after the user
// key: collections.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "node/base/time.h"
#include "node/base/types.h"
#include "node/causality/dot.h"
#include "node/resolution/policy.h"

namespace kv::storage {

// What a request's bucket is, apart from its keys.
struct Bucket {
  PolicyKind policy = PolicyKind::kLww;
  std::string name;
  std::int64_t ttl_ms =
      0;                // of values that are put without one of their own; 0: they do not expire
  std::string merge{};  // of policy custom: the source of its merge function
  std::uint32_t n = 0;  // replicas of each of its keys; 0: as the cluster's
  bool operator==(const Bucket&) const = default;
};

const Bucket& default_bucket();  // lww, "default"

std::string storage_key(const Bucket& bucket, std::string_view user_key);

// Of a storage key made above, or checked with is_storage_key. A set's or map's user key is that and what follows it.
std::string_view bucket_of(std::string_view storage_key);
std::string_view user_key_of(std::string_view storage_key);
// By which its versions are resolved: in a map, that of the leaf.
const Policy& policy_of(std::string_view storage_key);

// Whether these bytes, which came from elsewhere, are one: a policy that exists, names and sizes within their limits.
bool is_storage_key(std::string_view bytes);

// The first possible key after `key`; "" for "", which stands for the beginning or the end.
std::string next_key(std::string_view key);

std::string partition_prefix(Partition partition);

// The first key after all that start with `prefix`; empty if there is none.
std::string prefix_end(std::string_view prefix);

std::string partition_end(Partition partition);  // prefix_end of its prefix

std::string object_key(Partition partition, std::string_view storage_key);
std::string log_key(Partition partition, Dot dot);
Dot dot_of_log_key(std::string_view log_key);  // precondition: made by log_key

// What a log entry says of its dot: the key that it was a write to; whether its version is to be dropped some day
// (drop_time): the marker of a delete, or a version that expires; and which request made it, if that had an id.
struct LogEntry {
  bool perishable = false;
  std::string_view storage_key;
  std::optional<std::uint64_t> request{};  // RequestId::name
};
std::string log_value(const LogEntry& entry);
LogEntry log_entry(std::string_view log_value);  // precondition: made by log_value

// Indexes: which objects are to be looked at again. `prefix` is where the partition's entries start.
std::string context_prefix(Partition partition);
std::string context_key(Partition partition, std::string_view storage_key);
std::string due_prefix(Partition partition);
std::string due_key(Partition partition, WallMs at, std::string_view storage_key);
struct Due {
  WallMs at;
  std::string_view storage_key;
};
Due due_of_key(std::string_view due_key);  // precondition: made by due_key

// Writes with a request id. Those of one name lie beside each other, by dot; there is more than one where a request was made
// twice.
std::string requests_prefix(Partition partition);
std::string request_prefix(Partition partition, std::uint64_t name);
std::string request_key(Partition partition, std::uint64_t name, Dot dot);

// The same by their time, the oldest first. `prefix` is where the partition's entries start.
struct RequestAge {
  WallMs at;
  std::uint64_t name = 0;
  Dot dot{};
};
std::string request_age_prefix(Partition partition);
std::string request_age_key(Partition partition, const RequestAge& age);
RequestAge request_age_of_key(std::string_view key);  // precondition: made by request_age_key

// The journal of conflicts: by the time of the note.
std::string conflict_prefix(Partition partition);
std::string conflict_key(Partition partition, WallMs at, Dot lost);
struct NotedAt {
  WallMs at;
  Dot lost;
  bool operator==(const NotedAt&) const = default;
};
NotedAt noted_at(std::string_view conflict_key);  // precondition: made by conflict_key

std::string replica_prefix();  // of all replica keys
std::string replica_key(Partition partition);
std::string node_key();

}  // namespace kv::storage
