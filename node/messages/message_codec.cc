#include "node/messages/message_codec.h"

#include <type_traits>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "kv/v1/peer.pb.h"
#include "node/base/limits.h"
#include "node/causality/clock_codec.h"
#include "node/causality/scratch.h"
#include "node/storage/keys.h"
#include "node/storage/record_codec.h"

namespace kv {
namespace {

using Record = v1::PeerMessage;

// ---- encoding -------------------------------------------------------------------------------------------------------

void encode_item(const Item& item, Record::Item* out) {
  out->set_key(item.key);
  storage::object_to_record(item.object, out->mutable_object());
  if (!item.dots.empty()) encode_clock(item.dots, out->mutable_dots());
  for (const storage::RequestRecord& request : item.requests)
    storage::request_to_record(request, out->add_requests());
}

void encode_id(const RequestId& id, Record::RequestId* out) {
  out->set_name(id.name);
  out->set_digest(id.digest);
}

void encode(const Delta& delta, Record& out) {
  auto* record = out.mutable_delta();
  record->set_key(delta.key);
  storage::version_to_record(delta.version, record->mutable_version());
  encode_clock(delta.context, record->mutable_context());
  record->set_wants_durable(delta.wants_durable);
  if (delta.request.has_value()) encode_id(*delta.request, record->mutable_request_id());
}

void encode(const Ack& ack, Record& out) {
  encode_clock(ack.dots, out.mutable_ack()->mutable_dots());
  out.mutable_ack()->set_durable(ack.durable);
}

void encode(const ReadRequest& request, Record& out) {
  out.mutable_read_request()->set_request(request.request);
  out.mutable_read_request()->set_key(request.key);
}

void encode(const ReadReply& reply, Record& out) {
  auto* record = out.mutable_read_reply();
  record->set_request(reply.request);
  storage::object_to_record(reply.object, record->mutable_object());
  encode_clock(reply.clock, record->mutable_clock());
  record->set_floor(reply.floor.bits);
}

void encode(const ForwardRequest& request, Record& out) {
  auto* record = out.mutable_forward_request();
  record->set_request(request.request);
  record->set_key(request.key);
  if (request.value.has_value())
    record->set_value(*request.value);
  else
    record->set_marker(true);
  if (request.token.has_value()) {
    record->set_has_token(true);
    encode_clock(request.token->context, record->mutable_token_context());
    record->set_token_hlc(request.token->hlc.bits);
  }
  record->set_level(static_cast<std::uint32_t>(request.level));
  record->set_durability(static_cast<std::uint32_t>(request.durability));
  record->set_timeout_ms(request.timeout_ms);
  record->set_condition(static_cast<std::uint32_t>(request.condition));
  record->set_ttl_ms(request.ttl_ms);
  record->set_after(request.after.bits);
  if (request.request_id.has_value()) encode_id(*request.request_id, record->mutable_request_id());
  record->set_asked(request.asked);
}

void encode(const ForwardReply& reply, Record& out) {
  auto* record = out.mutable_forward_reply();
  record->set_request(reply.request);
  record->set_final(reply.final);
  record->set_status(static_cast<std::uint32_t>(reply.result.code));
  record->set_message(reply.result.message);
  record->set_outcome(static_cast<std::uint32_t>(reply.result.outcome));
  record->set_actor(reply.result.dot.actor.id);
  record->set_counter(reply.result.dot.counter);
  record->set_hlc(reply.result.hlc.bits);
  record->set_acks(reply.result.acks);
}

void encode(const ScanChunkRequest& request, Record& out) {
  auto* record = out.mutable_scan_request();
  record->set_request(request.request);
  record->set_from(request.from);
  record->set_end(request.end);
  record->set_max_items(request.max_items);
  record->set_max_bytes(request.max_bytes);
}

void encode(const ScanChunkReply& reply, Record& out) {
  auto* record = out.mutable_scan_reply();
  record->set_request(reply.request);
  for (const Item& item : reply.items) encode_item(item, record->add_items());
  encode_clock(reply.clock, record->mutable_clock());
  record->set_more(reply.more);
  record->set_floor(reply.floor.bits);
}

void encode(const Repair& repair, Record& out) {
  out.mutable_repair()->set_key(repair.key);
  storage::version_to_record(repair.version, out.mutable_repair()->mutable_version());
  encode_clock(repair.known, out.mutable_repair()->mutable_known());
}

void encode(const RequestQuery& query, Record& out) {
  out.mutable_request_query()->set_request(query.request);
  encode_id(query.id, out.mutable_request_query()->mutable_id());
}

void encode(const RequestAnswer& answer, Record& out) {
  out.mutable_request_answer()->set_request(answer.request);
  out.mutable_request_answer()->set_known(answer.known);
}

void encode(const Probe& probe, Record& out) {
  out.mutable_probe()->set_applied(probe.applied);
  out.mutable_probe()->set_durable(probe.durable);
  out.mutable_probe()->set_unfit(probe.unfit);
}

void encode(const SyncRequest& request, Record& out) {
  auto* record = out.mutable_sync_request();
  encode_clock(request.applied, record->mutable_applied());
  encode_clock(request.durable, record->mutable_durable());
  record->set_full(request.full);
  record->set_after(request.after);
  record->set_request(request.request);
  record->set_unfit(request.unfit);
}

void encode(const SyncPage& page, Record& out) {
  auto* record = out.mutable_sync_page();
  encode_clock(page.applied, record->mutable_applied());
  encode_clock(page.durable, record->mutable_durable());
  for (const Item& item : page.items) encode_item(item, record->add_items());
  record->set_more(page.more);
  record->set_full(page.full);
  encode_clock(page.unnamed, record->mutable_unnamed());
  record->set_after(page.after);
  record->set_last(page.last);
  record->set_request(page.request);
  record->set_floor(page.floor.bits);
}

void encode(const ScrubRequest& request, Record& out) {
  auto* record = out.mutable_scrub_request();
  record->set_request(request.request);
  record->set_after(request.after);
  record->set_last(request.last);
  record->set_clock(request.clock);
  record->set_objects(request.objects);
}

void encode(const ScrubReply& reply, Record& out) {
  auto* record = out.mutable_scrub_reply();
  record->set_request(reply.request);
  record->set_verdict(static_cast<std::uint32_t>(reply.verdict));
  for (const Item& item : reply.items) encode_item(item, record->add_items());
  record->set_last(reply.last);
}

// ---- decoding -------------------------------------------------------------------------------------------------------
// One reader per message collects the first error, so that each decoder below reads as a list of its fields.

class Reader {
 public:
  Clock clock(const v1::ClockRecord& record) { return take(decode_clock(record)); }
  Object object(const v1::ObjectRecord& record) {
    return take(storage::object_from_record(record));
  }
  Version version(const v1::VersionRecord& record) {
    return take(storage::version_from_record(record));
  }

  storage::RequestRecord request(const v1::RequestRecord& record) {
    return take(storage::request_from_record(record));
  }

  std::string key(const std::string& key) {
    require(storage::is_storage_key(key), "key: no policy, no bucket or a size out of range");
    return key;
  }

  std::string value(const std::string& value) {
    require(value.size() <= kMaxValueBytes, "value: too large");
    return value;
  }

  template <typename Enum>
  Enum choice(std::uint32_t value, Enum last) {
    require(value >= 1 && value <= static_cast<std::uint32_t>(last), "enumerator out of range");
    return static_cast<Enum>(value);
  }

  Hlc hlc(std::uint64_t bits) {
    require(Hlc{bits} < kMaxHlc, "time out of range");
    return Hlc{bits};
  }

  void require(bool holds, std::string_view what) {
    if (!holds && status_.ok()) status_ = absl::InvalidArgumentError(std::string(what));
  }

  const absl::Status& status() const { return status_; }

 private:
  template <typename T>
  T take(absl::StatusOr<T> result) {
    if (result.ok()) return *std::move(result);
    require(false, std::string(result.status().message()));
    return T{};
  }

  absl::Status status_;
};

Item decode(Reader& in, const Record::Item& record) {
  Item item{in.key(record.key()), in.object(record.object()), in.clock(record.dots())};
  for (const auto& request : record.requests()) item.requests.push_back(in.request(request));
  return item;
}

RequestId decode_id(const Record::RequestId& record) { return {record.name(), record.digest()}; }

Delta decode(Reader& in, const Record::Delta& record) {
  Delta delta{in.key(record.key()), in.version(record.version()), in.clock(record.context()),
              record.wants_durable()};
  if (record.has_request_id()) delta.request = decode_id(record.request_id());
  in.require(delta.context.contains(delta.version.dot), "delta: context lacks its own dot");
  return delta;
}

Ack decode(Reader& in, const Record::Ack& record) {
  return {in.clock(record.dots()), record.durable()};
}

ReadRequest decode(Reader& in, const Record::ReadRequest& record) {
  return {record.request(), in.key(record.key())};
}

ReadReply decode(Reader& in, const Record::ReadReply& record) {
  return {record.request(), in.object(record.object()), in.clock(record.clock()),
          in.hlc(record.floor())};
}

ForwardRequest decode(Reader& in, const Record::ForwardRequest& record) {
  ForwardRequest request;
  request.request = record.request();
  request.key = in.key(record.key());
  in.require(record.has_value() != record.marker(),
             "forward: neither a value nor a marker, or both");
  if (record.has_value()) request.value = in.value(record.value());
  if (record.has_token())
    request.token = Token{in.clock(record.token_context()), in.hlc(record.token_hlc())};
  request.level = in.choice(record.level(), Level::kAll);
  request.durability = in.choice(record.durability(), Durability::kDisk);
  in.require(record.timeout_ms() <= kMaxDeadlineMs, "forward: timeout out of range");
  request.timeout_ms = record.timeout_ms();
  request.condition = in.choice(record.condition(), Condition::kCurrent);
  in.require(record.ttl_ms() >= 0 && record.ttl_ms() <= kMaxTtlMs, "ttl out of range");
  request.ttl_ms = record.ttl_ms();
  request.after = in.hlc(record.after());
  if (record.has_request_id()) request.request_id = decode_id(record.request_id());
  request.asked = record.asked();
  return request;
}

ForwardReply decode(Reader& in, const Record::ForwardReply& record) {
  ForwardReply reply;
  reply.request = record.request();
  reply.final = record.final();
  in.require(record.status() <= static_cast<std::uint32_t>(absl::StatusCode::kUnauthenticated),
             "status out of range");
  reply.result.code = static_cast<absl::StatusCode>(record.status());
  reply.result.message = record.message();
  reply.result.outcome = in.choice(record.outcome(), Outcome::kUnknown);
  in.require(record.counter() <= kMaxCounter && (record.counter() == 0 || record.actor() != 0),
             "dot out of range");
  reply.result.dot = {Actor{record.actor()}, record.counter()};
  reply.result.hlc = in.hlc(record.hlc());
  reply.result.acks = record.acks();
  return reply;
}

ScanChunkRequest decode(Reader&, const Record::ScanChunkRequest& record) {
  return {record.request(), record.from(), record.end(), record.max_items(), record.max_bytes()};
}

ScanChunkReply decode(Reader& in, const Record::ScanChunkReply& record) {
  ScanChunkReply reply{
      record.request(), {}, in.clock(record.clock()), record.more(), in.hlc(record.floor())};
  for (const auto& item : record.items()) reply.items.push_back(decode(in, item));
  in.require(!reply.more || !reply.items.empty(), "scan: cut short without an item");
  return reply;
}

Repair decode(Reader& in, const Record::Repair& record) {
  Repair repair{in.key(record.key()), in.version(record.version()), in.clock(record.known())};
  in.require(!in.status().ok() || storage::policy_of(repair.key).is_ordered(),
             "repair: of a key whose versions are not ordered");
  return repair;
}

RequestQuery decode(Reader&, const Record::RequestQuery& record) {
  return {record.request(), decode_id(record.id())};
}

RequestAnswer decode(Reader&, const Record::RequestAnswer& record) {
  return {record.request(), record.known()};
}

Probe decode(Reader&, const Record::Probe& record) {
  return {record.applied(), record.durable(), record.unfit()};
}

SyncRequest decode(Reader& in, const Record::SyncRequest& record) {
  return {in.clock(record.applied()),
          in.clock(record.durable()),
          record.full(),
          record.after(),
          record.request(),
          record.unfit()};
}

SyncPage decode(Reader& in, const Record::SyncPage& record) {
  SyncPage page;
  page.applied = in.clock(record.applied());
  page.durable = in.clock(record.durable());
  for (const auto& item : record.items()) page.items.push_back(decode(in, item));
  page.more = record.more();
  page.full = record.full();
  page.unnamed = in.clock(record.unnamed());
  page.after = record.after();
  page.last = record.last();
  page.request = record.request();
  page.floor = in.hlc(record.floor());
  in.require(!page.full || page.more == !page.last.empty(), "sync: the last page ends at the end");
  return page;
}

ScrubRequest decode(Reader&, const Record::ScrubRequest& record) {
  return {record.request(), record.after(), record.last(), record.clock(), record.objects()};
}

ScrubReply decode(Reader& in, const Record::ScrubReply& record) {
  ScrubReply reply;
  reply.request = record.request();
  reply.verdict = in.choice(record.verdict(), ScrubVerdict::kDifferent);
  for (const auto& item : record.items()) reply.items.push_back(decode(in, item));
  reply.last = record.last();
  return reply;
}

void decode_body(Reader& in, const Record& record, Message& out) {
  if (record.has_delta())
    out.body = decode(in, record.delta());
  else if (record.has_ack())
    out.body = decode(in, record.ack());
  else if (record.has_read_request())
    out.body = decode(in, record.read_request());
  else if (record.has_read_reply())
    out.body = decode(in, record.read_reply());
  else if (record.has_forward_request())
    out.body = decode(in, record.forward_request());
  else if (record.has_forward_reply())
    out.body = decode(in, record.forward_reply());
  else if (record.has_scan_request())
    out.body = decode(in, record.scan_request());
  else if (record.has_scan_reply())
    out.body = decode(in, record.scan_reply());
  else if (record.has_probe())
    out.body = decode(in, record.probe());
  else if (record.has_sync_request())
    out.body = decode(in, record.sync_request());
  else if (record.has_sync_page())
    out.body = decode(in, record.sync_page());
  else if (record.has_repair())
    out.body = decode(in, record.repair());
  else if (record.has_request_query())
    out.body = decode(in, record.request_query());
  else if (record.has_request_answer())
    out.body = decode(in, record.request_answer());
  else if (record.has_scrub_request())
    out.body = decode(in, record.scrub_request());
  else if (record.has_scrub_reply())
    out.body = decode(in, record.scrub_reply());
  else
    in.require(false, "message of a kind that this release does not know");
}

}  // namespace

std::string encode_message(const Message& message) {
  Scratch<Record> record;
  record->set_partition(message.partition.value);
  std::visit([&](const auto& body) { encode(body, *record); }, message.body);
  return record.bytes();
}

absl::StatusOr<Message> decode_message(std::string_view bytes) {
  Scratch<Record> record;
  if (!record.parse(bytes)) return absl::InvalidArgumentError("not a peer message");
  if (record->partition() >= kMaxAllPartitions)
    return absl::InvalidArgumentError("partition out of range");
  Message message{Partition{static_cast<std::uint16_t>(record->partition())}, {}};
  Reader in;
  decode_body(in, *record, message);
  if (!in.status().ok()) return in.status();
  return message;
}

absl::StatusOr<Partition> partition_of_message(std::string_view bytes) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  constexpr std::uint32_t kPartitionTag =
      1 << 3;  // field 1, varint; absent when 0, and first when present
  std::uint32_t value = 0;
  if (in.ReadTag() != kPartitionTag) return Partition{0};
  if (!in.ReadVarint32(&value) || value >= kMaxAllPartitions)
    return absl::InvalidArgumentError("partition out of range");
  return Partition{static_cast<std::uint16_t>(value)};
}

}  // namespace kv
