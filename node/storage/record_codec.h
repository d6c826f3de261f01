// What the families' values look like as bytes: the messages of proto/kv/v1/record.proto under the
// header of node/base/sealed.h. Decoders accept any bytes: DATA_LOSS with the reason for what no
// encoder here made. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "node/base/types.h"
#include "node/causality/clock.h"
#include "node/resolution/object.h"

namespace kv {
namespace v1 {
class ObjectRecord;
class RequestRecord;
class VersionRecord;
}  // namespace v1

namespace storage {

struct ReplicaState {
  Actor actor;
  Clock clock;                  // every dot this replica has processed
  Clock pruned;                 // those that the dot log no longer names
  std::uint64_t live_keys = 0;  // keys that have a value
  std::uint64_t markers = 0;    // keys that a marker holds
  // The latest time of a marker that was dropped, here or where this replica's objects came from. A write is ordered after
  // every marker that its replica knew; once the marker is gone, this is what remembers.
  Hlc floor{};
  std::uint64_t requests = 0;  // how many writes with a request id are known
  Clock cut =
      {};  // of `pruned`: what some replica may still lack, for the log had outgrown its bound
  bool rebuilding = false;  // it was discarded, and has not caught up with another replica since
  bool operator==(const ReplicaState&) const = default;
};

// One write that its client may send again.
struct RequestRecord {
  RequestId id;
  Dot dot;
  Hlc hlc{};
  // What it added to a counter and its actor has not taken back. Of no interest to other replicas.
  std::int64_t amount = 0;
  bool operator==(const RequestRecord&) const = default;
};

struct NodeState {
  std::string cluster;
  std::string id;
  std::uint32_t partitions = 0;
  std::string boot_id;
  bool clean_shutdown = false;
  std::string directory;
  bool operator==(const NodeState&) const = default;
};

// A version that lost against another whose writer had not seen it.
struct Conflict {
  std::string key;  // storage key
  Version lost;
  std::uint64_t left_out = 0;  // the size of its value, if that was too large to be kept
  Dot winner;
  Hlc winner_hlc;
  bool operator==(const Conflict&) const = default;
};

std::string encode_object(const Object& object);
absl::StatusOr<Object> decode_object(std::string_view bytes);

std::string encode_replica(const ReplicaState& state);
absl::StatusOr<ReplicaState> decode_replica(std::string_view bytes);
// Its actor and its clock alone.
absl::StatusOr<std::pair<Actor, Clock>> decode_replica_clock(std::string_view bytes);

std::string encode_request(const RequestRecord& request);
absl::StatusOr<RequestRecord> decode_request(std::string_view bytes);

// Precondition: a value that is left out is not there.
std::string encode_conflict(const Conflict& conflict);
absl::StatusOr<Conflict> decode_conflict(std::string_view bytes);

std::string encode_node(const NodeState& state);
absl::StatusOr<NodeState> decode_node(std::string_view bytes);

// The unsealed pieces, for messages that embed them. Decoding checks what the types promise:
// versions by ascending dot, no dot twice, counters of 1 to kMaxCounter, actors other than 0, times
// below kMaxHlc, values within their limit, and either a value or a marker. INVALID_ARGUMENT
// otherwise: whoever sent it is wrong, nothing here is damaged.
void object_to_record(const Object& object, v1::ObjectRecord* out);
absl::StatusOr<Object> object_from_record(const v1::ObjectRecord& record);
void version_to_record(const Version& version, v1::VersionRecord* out);
absl::StatusOr<Version> version_from_record(const v1::VersionRecord& record);
void request_to_record(const RequestRecord& request, v1::RequestRecord* out);
absl::StatusOr<RequestRecord> request_from_record(const v1::RequestRecord& record);

}  // namespace storage
}  // namespace kv
