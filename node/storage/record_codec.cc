#include "node/storage/record_codec.h"

#include "absl/strings/str_cat.h"
#include "kv/v1/record.pb.h"
#include "node/base/limits.h"
#include "node/base/sealed.h"
#include "node/causality/clock_codec.h"
#include "node/causality/scratch.h"
#include "node/storage/keys.h"

namespace kv::storage {
namespace {

[[gnu::cold]] absl::Status damaged(const char* what, absl::string_view why) {
  return absl::DataLossError(absl::StrCat(what, ": ", why));
}

// Removes the header and parses the rest.
template <typename Record>
absl::Status open(std::string_view bytes, const char* what, Scratch<Record>& record) {
  const auto body = unseal(bytes);
  if (!body.ok()) return damaged(what, body.status().message());
  if (!record.parse(*body)) return damaged(what, "its fields cannot be read");
  return absl::OkStatus();
}

}  // namespace

void version_to_record(const Version& version, v1::VersionRecord* out) {
  out->set_actor(version.dot.actor.id);
  out->set_counter(version.dot.counter);
  out->set_hlc(version.hlc.bits);
  if (version.value.has_value())
    out->set_value(*version.value);
  else
    out->set_marker(true);
  if (version.expires.ms != 0) out->set_expires_ms(version.expires.ms);
}

absl::StatusOr<Version> version_from_record(const v1::VersionRecord& record) {
  if (record.actor() == 0) return absl::InvalidArgumentError("version: no actor");
  if (record.counter() == 0 || record.counter() > kMaxCounter)
    return absl::InvalidArgumentError("version: counter out of range");
  Version version{Dot{Actor{record.actor()}, record.counter()}, Hlc{record.hlc()}, std::nullopt};
  if (version.hlc >= kMaxHlc) return absl::InvalidArgumentError("version: time out of range");
  if (record.has_value() && record.marker())
    return absl::InvalidArgumentError("version: both a value and a marker");
  if (record.has_value()) {
    if (record.value().size() > kMaxValueBytes)
      return absl::InvalidArgumentError(absl::StrCat("version: value of ", record.value().size(),
                                                     " bytes; the limit is ", kMaxValueBytes));
    version.value = record.value();
  } else if (!record.marker()) {
    return absl::InvalidArgumentError("version: neither a value nor a marker");
  }
  if (record.expires_ms() < 0 || record.expires_ms() > kMaxExpiresMs ||
      (record.expires_ms() > 0 && !record.has_value()))
    return absl::InvalidArgumentError("version: expires out of range");
  version.expires = WallMs{record.expires_ms()};
  return version;
}

void object_to_record(const Object& object, v1::ObjectRecord* out) {
  for (const Version& version : object.versions) version_to_record(version, out->add_versions());
  if (!object.context.empty()) encode_clock(object.context, out->mutable_context());
}

absl::StatusOr<Object> object_from_record(const v1::ObjectRecord& record) {
  Object object;
  object.versions.reserve(static_cast<std::size_t>(record.versions_size()));
  for (const auto& piece : record.versions()) {
    auto version = version_from_record(piece);
    if (!version.ok()) return version.status();
    if (!object.versions.empty() && version->dot <= object.versions.back().dot)
      return absl::InvalidArgumentError("object: versions not by ascending dot");
    object.versions.push_back(std::move(*version));
  }
  if (!record.has_context()) return object;
  auto context = decode_clock(record.context());
  if (!context.ok()) return context.status();
  object.context = std::move(*context);
  return object;
}

std::string encode_object(const Object& object) {
  Scratch<v1::ObjectRecord> record;
  object_to_record(object, &*record);
  return record.sealed();
}

absl::StatusOr<Object> decode_object(std::string_view bytes) {
  Scratch<v1::ObjectRecord> record;
  const absl::Status opened = open(bytes, "object record", record);
  if (!opened.ok()) return opened;
  auto object = object_from_record(*record);
  if (!object.ok()) return damaged("object record", object.status().message());
  return object;
}

std::string encode_replica(const ReplicaState& state) {
  Scratch<v1::ReplicaRecord> record;
  record->set_actor(state.actor.id);
  encode_clock(state.clock, record->mutable_clock());
  encode_clock(state.pruned, record->mutable_pruned());
  record->set_live_keys(state.live_keys);
  record->set_markers(state.markers);
  record->set_floor(state.floor.bits);
  record->set_requests(state.requests);
  record->set_rebuilding(state.rebuilding);
  if (!state.cut.empty()) encode_clock(state.cut, record->mutable_cut());
  return record.sealed();
}

namespace {

// Reads the record, and of it the actor and the clock.
absl::StatusOr<std::pair<Actor, Clock>> begin_replica(std::string_view bytes,
                                                      Scratch<v1::ReplicaRecord>& record) {
  const absl::Status opened = open(bytes, "replica record", record);
  if (!opened.ok()) return opened;
  if (record->actor() == 0) return damaged("replica record", "no actor");
  auto clock = decode_clock(record->clock());
  if (!clock.ok()) return damaged("replica record", clock.status().message());
  return std::pair(Actor{record->actor()}, *std::move(clock));
}

}  // namespace

absl::StatusOr<ReplicaState> decode_replica(std::string_view bytes) {
  Scratch<v1::ReplicaRecord> record;
  auto begun = begin_replica(bytes, record);
  if (!begun.ok()) return begun.status();
  auto pruned = decode_clock(record->pruned());
  if (!pruned.ok())
    return damaged("replica record", absl::StrCat("pruned: ", pruned.status().message()));
  if (record->floor() >= kMaxHlc.bits) return damaged("replica record", "floor out of range");
  auto cut = decode_clock(record->cut());
  if (!cut.ok()) return damaged("replica record", absl::StrCat("cut: ", cut.status().message()));
  return ReplicaState{begun->first,        std::move(begun->second), std::move(*pruned),
                      record->live_keys(), record->markers(),        Hlc{record->floor()},
                      record->requests(),  std::move(*cut),          record->rebuilding()};
}

absl::StatusOr<std::pair<Actor, Clock>> decode_replica_clock(std::string_view bytes) {
  Scratch<v1::ReplicaRecord> record;
  return begin_replica(bytes, record);
}

void request_to_record(const RequestRecord& request, v1::RequestRecord* out) {
  out->set_name(request.id.name);
  out->set_digest(request.id.digest);
  out->set_actor(request.dot.actor.id);
  out->set_counter(request.dot.counter);
  out->set_hlc(request.hlc.bits);
  out->set_amount(request.amount);
}

absl::StatusOr<RequestRecord> request_from_record(const v1::RequestRecord& record) {
  if (record.actor() == 0) return absl::InvalidArgumentError("request: no actor");
  if (record.counter() == 0 || record.counter() > kMaxCounter)
    return absl::InvalidArgumentError("request: counter out of range");
  if (record.hlc() >= kMaxHlc.bits) return absl::InvalidArgumentError("request: time out of range");
  return RequestRecord{{record.name(), record.digest()},
                       {Actor{record.actor()}, record.counter()},
                       Hlc{record.hlc()},
                       record.amount()};
}

std::string encode_request(const RequestRecord& request) {
  Scratch<v1::RequestRecord> record;
  request_to_record(request, &*record);
  return record.sealed();
}

absl::StatusOr<RequestRecord> decode_request(std::string_view bytes) {
  Scratch<v1::RequestRecord> record;
  const absl::Status opened = open(bytes, "request record", record);
  if (!opened.ok()) return opened;
  auto request = request_from_record(*record);
  if (!request.ok()) return damaged("request record", request.status().message());
  return request;
}

std::string encode_conflict(const Conflict& conflict) {
  Scratch<v1::ConflictRecord> record;
  record->set_key(conflict.key);
  version_to_record(conflict.lost, record->mutable_lost());
  record->set_left_out(conflict.left_out);
  record->set_winner_actor(conflict.winner.actor.id);
  record->set_winner_counter(conflict.winner.counter);
  record->set_winner_hlc(conflict.winner_hlc.bits);
  return record.sealed();
}

absl::StatusOr<Conflict> decode_conflict(std::string_view bytes) {
  Scratch<v1::ConflictRecord> record;
  const absl::Status opened = open(bytes, "conflict record", record);
  if (!opened.ok()) return opened;
  auto lost = version_from_record(record->lost());
  if (!lost.ok()) return damaged("conflict record", lost.status().message());
  if (!is_storage_key(record->key())) return damaged("conflict record", "no storage key");
  if (record->left_out() > 0 && lost->value.has_value())
    return damaged("conflict record", "a value that was left out is there");
  return Conflict{record->key(),
                  *std::move(lost),
                  record->left_out(),
                  {Actor{record->winner_actor()}, record->winner_counter()},
                  Hlc{record->winner_hlc()}};
}

std::string encode_node(const NodeState& state) {
  Scratch<v1::NodeRecord> record;
  record->set_cluster(state.cluster);
  record->set_id(state.id);
  record->set_partitions(state.partitions);
  record->set_boot_id(state.boot_id);
  record->set_clean_shutdown(state.clean_shutdown);
  record->set_directory(state.directory);
  return record.sealed();
}

absl::StatusOr<NodeState> decode_node(std::string_view bytes) {
  Scratch<v1::NodeRecord> record;
  const absl::Status opened = open(bytes, "node record", record);
  if (!opened.ok()) return opened;
  return NodeState{record->cluster(),        record->id(),
                   record->partitions(),     record->boot_id(),
                   record->clean_shutdown(), record->directory()};
}

}  // namespace kv::storage
