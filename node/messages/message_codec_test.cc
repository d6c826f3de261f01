#include "node/messages/message_codec.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "kv/v1/peer.pb.h"
#include "node/base/check.h"
#include "node/base/limits.h"
#include "node/storage/keys.h"

namespace kv {
namespace {

using Record = v1::PeerMessage;

// ---- Any message ------------------------------------------------------------------------------------------------------

std::uint64_t up_to(std::uint64_t last) { return *rc::gen::inRange<std::uint64_t>(0, last + 1); }
bool coin() { return *rc::gen::arbitrary<bool>(); }
std::string any_bytes() { return *rc::gen::arbitrary<std::string>(); }

Dot any_dot() {
  const std::uint64_t counter =
      coin() ? 1 + up_to(20) : *rc::gen::element<std::uint64_t>(1, kMaxCounter);
  return {Actor{coin() ? 1 + up_to(3) : *rc::gen::element<std::uint64_t>(1, UINT64_MAX)}, counter};
}

Clock any_clock() {
  Clock clock;
  for (std::uint64_t i = up_to(6); i > 0; --i) clock.add(any_dot());
  return clock;
}

std::string any_key() {
  std::string user_key = *rc::gen::nonEmpty(rc::gen::arbitrary<std::string>());
  if (up_to(20) == 0) user_key.assign(kMaxKeyBytes, '\xff');
  const PolicyKind policy = coin() ? PolicyKind::kLww : PolicyKind::kSiblings;
  return storage::storage_key(
      {policy, up_to(20) == 0 ? std::string(kMaxBucketBytes, 'b') : "default"}, user_key);
}

Hlc any_hlc() { return coin() ? Hlc{up_to(100)} : Hlc{kMaxHlc.bits - 1 - up_to(3)}; }
std::optional<std::string> any_value() {
  return coin() ? std::optional(any_bytes()) : std::nullopt;
}
Version any_version() { return {any_dot(), any_hlc(), any_value()}; }

Object any_object() {
  Object object;
  std::map<Dot, Version> versions;
  for (std::uint64_t i = up_to(3); i > 0; --i) {
    const Version version = any_version();
    versions[version.dot] = version;
  }
  for (const auto& [dot, version] : versions) object.versions.push_back(version);
  object.context = any_clock();
  return object;
}

RequestId any_id() {
  return {*rc::gen::arbitrary<std::uint64_t>(), *rc::gen::arbitrary<std::uint64_t>()};
}
std::optional<RequestId> maybe_id() { return coin() ? std::optional(any_id()) : std::nullopt; }

std::vector<Item> any_items() {
  std::vector<Item> items;
  for (std::uint64_t i = up_to(3); i > 0; --i) {
    items.push_back({any_key(), any_object(), any_clock()});
    for (std::uint64_t j = up_to(2); j > 0; --j)
      items.back().requests.push_back(
          {any_id(), any_dot(), any_hlc(), *rc::gen::arbitrary<std::int64_t>()});
  }
  return items;
}

Delta any_delta() {
  Delta delta{any_key(), any_version(), any_clock(), coin(), maybe_id()};
  delta.context.add(delta.version.dot);
  return delta;
}

ForwardRequest any_forward_request() {
  ForwardRequest request{up_to(9), any_key(), any_value(), {}, Level::kOne, Durability::kOs, 0};
  if (coin()) request.token = Token{any_clock(), any_hlc()};
  request.level = *rc::gen::element(Level::kOne, Level::kQuorum, Level::kAll);
  request.durability = *rc::gen::element(Durability::kOs, Durability::kDisk);
  request.timeout_ms = static_cast<std::uint32_t>(up_to(kMaxDeadlineMs));
  request.condition =
      *rc::gen::element(Condition::kAlways, Condition::kAbsent, Condition::kCurrent);
  request.after = any_hlc();
  request.request_id = maybe_id();
  request.asked = coin();
  return request;
}

WriteResult any_result() {
  WriteResult result;
  result.outcome = *rc::gen::element(Outcome::kApplied, Outcome::kNotApplied, Outcome::kUnknown);
  result.code = static_cast<absl::StatusCode>(up_to(16));
  result.message = coin() ? "ünable to read it" : "";
  if (coin()) result.dot = any_dot();
  result.hlc = any_hlc();
  result.acks = static_cast<std::uint32_t>(up_to(7));
  return result;
}

ScanChunkReply any_scan_reply() {
  ScanChunkReply reply{up_to(9), any_items(), any_clock(), false, any_hlc()};
  reply.more = !reply.items.empty() && coin();
  return reply;
}

SyncPage any_page() {
  SyncPage page;
  page.applied = any_clock();
  page.durable = any_clock();
  page.items = any_items();
  page.more = coin();
  page.full = coin();
  page.unnamed = any_clock();
  page.after = any_bytes();
  page.request = up_to(9);
  page.floor = any_hlc();
  if (!page.full || page.more) page.last = *rc::gen::nonEmpty(rc::gen::arbitrary<std::string>());
  return page;
}

decltype(Message::body) any_body(std::size_t kind) {
  const auto number = [] { return static_cast<std::uint32_t>(up_to(UINT32_MAX)); };
  switch (kind) {
    case 0:
      return any_delta();
    case 1:
      return Ack{any_clock(), coin()};
    case 2:
      return ReadRequest{*rc::gen::arbitrary<std::uint64_t>(), any_key()};
    case 3:
      return ReadReply{up_to(9), any_object(), any_clock(), any_hlc()};
    case 4:
      return any_forward_request();
    case 5:
      return ForwardReply{up_to(9), coin(), any_result()};
    case 6:
      return ScanChunkRequest{up_to(9), any_bytes(), any_bytes(), number(), number()};
    case 7:
      return any_scan_reply();
    case 8:
      return Probe{*rc::gen::arbitrary<std::uint64_t>(), *rc::gen::arbitrary<std::uint64_t>()};
    case 9:
      return SyncRequest{any_clock(), any_clock(), coin(), any_bytes(), up_to(9)};
    case 10:
      return any_page();
    case 11:
      return Repair{storage::storage_key(storage::default_bucket(), "k"), any_version(),
                    any_clock()};
    case 12:
      return RequestQuery{up_to(9), any_id()};
    case 13:
      return RequestAnswer{up_to(9), coin()};
    case 14:
      return ScrubRequest{up_to(9), any_bytes(), any_bytes(), *rc::gen::arbitrary<std::uint64_t>(),
                          *rc::gen::arbitrary<std::uint64_t>()};
    default:
      return ScrubReply{up_to(9), static_cast<ScrubVerdict>(1 + up_to(2)), any_items(),
                        any_bytes()};
  }
}

constexpr std::size_t kKinds = std::variant_size_v<decltype(Message::body)>;

RC_GTEST_PROP(MessageCodec, EveryKindRoundTrips, ()) {
  const Partition partition{
      static_cast<std::uint16_t>(coin() ? up_to(2) : kMaxAllPartitions - 1 - up_to(2))};
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    const Message message{partition, any_body(kind)};
    RC_ASSERT(message.body.index() == kind);
    const std::string bytes = encode_message(message);
    const auto decoded = decode_message(bytes);
    RC_ASSERT(decoded.ok());
    RC_ASSERT(*decoded == message);
    RC_ASSERT(partition_of_message(bytes).value() == partition);
  }
}

RC_GTEST_PROP(MessageCodec, CutShortOrChangedItIsRefusedOrReadAsSomethingValid, ()) {
  std::string bytes = encode_message({Partition{1}, any_body(up_to(kKinds - 1))});
  RC_PRE(!bytes.empty());
  if (coin())
    bytes.resize(up_to(bytes.size() - 1));
  else
    bytes[up_to(bytes.size() - 1)] = static_cast<char>(up_to(255));
  const auto decoded = decode_message(bytes);
  if (decoded.ok())
    RC_ASSERT(decode_message(encode_message(*decoded)).value() == *decoded);
  else
    RC_ASSERT(decoded.status().code() == absl::StatusCode::kInvalidArgument);
}

// ---- What is refused --------------------------------------------------------------------------------------------------

const Dot kDot{Actor{0xa}, 7};
const std::string kKey = storage::storage_key(storage::default_bucket(), "k");

// The message of `body` with one thing made wrong.
template <typename Body, typename Spoil>
std::string spoilt(Body body, Spoil spoil) {
  Record record;
  KV_CHECK(record.ParseFromString(encode_message({Partition{3}, std::move(body)})), "encoded");
  spoil(record);
  return record.SerializeAsString();
}

std::string refusal(const std::string& bytes) {
  const auto decoded = decode_message(bytes);
  if (decoded.ok()) return "accepted";
  EXPECT_EQ(decoded.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(decoded.status().message());
}

template <typename Body, typename Spoil>
std::string refusal_of(Body body, Spoil spoil) {
  EXPECT_EQ(refusal(spoilt(body, [](Record&) {})), "accepted") << "refused before it was spoilt";
  return refusal(spoilt(body, spoil));
}

const std::string kBadKey = "key: no policy, no bucket or a size out of range";

TEST(MessageCodec, RefusesKeysOutOfBounds) {
  const auto with_key = [](const std::string& key) {
    return refusal_of(ReadRequest{1, kKey},
                      [&](Record& r) { r.mutable_read_request()->set_key(key); });
  };
  EXPECT_EQ(with_key("no separator"), kBadKey);
  EXPECT_EQ(with_key(std::string("l\0k", 3)), kBadKey);
  EXPECT_EQ(with_key(""), kBadKey);
  EXPECT_EQ(with_key(storage::storage_key({PolicyKind::kLww, std::string(kMaxBucketBytes + 1, 'b')},
                                          "k")),
            kBadKey);
  EXPECT_EQ(with_key(storage::storage_key(storage::default_bucket(), "")), kBadKey);
  EXPECT_EQ(
      with_key(storage::storage_key(storage::default_bucket(), std::string(kMaxKeyBytes + 1, 'k'))),
      kBadKey);
  EXPECT_EQ(
      with_key(storage::storage_key(storage::default_bucket(), std::string(kMaxKeyBytes, 'k'))),
      "accepted");
  EXPECT_EQ(with_key(std::string("lb\0\0", 4)), "accepted") << "the user's key may hold zero bytes";
}

TEST(MessageCodec, ChecksTheKeysOfEveryKind) {
  const Delta delta{kKey, {kDot, Hlc{1}, "v"}, Clock{kDot}, false};
  EXPECT_EQ(refusal_of(delta, [](Record& r) { r.mutable_delta()->set_key("k"); }), kBadKey);
  EXPECT_EQ(refusal_of(ForwardRequest{1, kKey, "v", {}, Level::kOne, Durability::kOs, 5},
                       [](Record& r) { r.mutable_forward_request()->set_key("k"); }),
            kBadKey);
  EXPECT_EQ(refusal_of(ScanChunkReply{1, {{kKey, {}, {}}}, {}, false, Hlc{}},
                       [](Record& r) { r.mutable_scan_reply()->mutable_items(0)->set_key("k"); }),
            kBadKey);
  EXPECT_EQ(refusal_of(SyncPage{{}, {}, {{kKey, {}, {}}}, false, false, {}, "", "", 0, Hlc{}},
                       [](Record& r) { r.mutable_sync_page()->mutable_items(0)->set_key("k"); }),
            kBadKey);
}

TEST(MessageCodec, RefusesDeltasThatCouldNotHaveBeenIssued) {
  const Delta delta{kKey, {kDot, Hlc{1}, "v"}, Clock{{Actor{0xa}, 3}, kDot}, false};
  EXPECT_EQ(
      refusal_of(delta, [](Record& r) { r.mutable_delta()->mutable_context()->clear_dots(); }),
      "delta: context lacks its own dot");
  EXPECT_EQ(refusal_of(delta, [](Record& r) { r.mutable_delta()->clear_context(); }),
            "delta: context lacks its own dot");
  EXPECT_EQ(
      refusal_of(delta, [](Record& r) { r.mutable_delta()->mutable_version()->set_counter(0); }),
      "version: counter out of range");
  EXPECT_EQ(refusal_of(delta,
                       [](Record& r) {
                         r.mutable_delta()->mutable_version()->set_counter(kMaxCounter + 1);
                       }),
            "version: counter out of range");
  EXPECT_EQ(
      refusal_of(delta, [](Record& r) { r.mutable_delta()->mutable_version()->set_actor(0); }),
      "version: no actor");
  EXPECT_EQ(
      refusal_of(delta,
                 [](Record& r) { r.mutable_delta()->mutable_version()->set_hlc(kMaxHlc.bits); }),
      "version: time out of range");
  EXPECT_EQ(refusal_of(delta, [](Record& r) { r.mutable_delta()->clear_version(); }),
            "version: no actor");
}

TEST(MessageCodec, RefusesForwardsOutOfBounds) {
  const ForwardRequest request{
      1, kKey, "v", Token{Clock{kDot}, Hlc{9}}, Level::kAll, Durability::kDisk, 5};
  const auto spoil = [&](auto change) {
    return refusal_of(request, [&](Record& r) { change(*r.mutable_forward_request()); });
  };
  const std::string content = "forward: neither a value nor a marker, or both";
  EXPECT_EQ(spoil([](auto& f) { f.clear_value(); }), content);
  EXPECT_EQ(spoil([](auto& f) { f.set_marker(true); }), content);
  EXPECT_EQ(spoil([](auto& f) { f.set_level(0); }), "enumerator out of range");
  EXPECT_EQ(spoil([](auto& f) { f.set_level(4); }), "enumerator out of range");
  EXPECT_EQ(spoil([](auto& f) { f.set_durability(3); }), "enumerator out of range");
  EXPECT_EQ(spoil([](auto& f) { f.set_timeout_ms(kMaxDeadlineMs + 1); }),
            "forward: timeout out of range");
  EXPECT_EQ(spoil([](auto& f) { f.set_token_hlc(kMaxHlc.bits); }), "time out of range");
  EXPECT_EQ(spoil([](auto& f) { f.set_value(std::string(kMaxValueBytes + 1, 'v')); }),
            "value: too large");
  EXPECT_EQ(spoil([](auto& f) { f.set_value(std::string(kMaxValueBytes, 'v')); }), "accepted");
}

TEST(MessageCodec, RefusesRepliesThatSayNothingThatIsSo) {
  const ForwardReply reply{
      1, true, {Outcome::kApplied, absl::StatusCode::kOk, "", kDot, Hlc{1}, 2}};
  const auto spoil = [&](auto change) {
    return refusal_of(reply, [&](Record& r) { change(*r.mutable_forward_reply()); });
  };
  EXPECT_EQ(spoil([](auto& f) { f.set_status(17); }), "status out of range");
  EXPECT_EQ(spoil([](auto& f) { f.set_outcome(0); }), "enumerator out of range");
  EXPECT_EQ(spoil([](auto& f) { f.set_outcome(4); }), "enumerator out of range");
  EXPECT_EQ(spoil([](auto& f) { f.set_actor(0); }), "dot out of range");
  EXPECT_EQ(spoil([](auto& f) { f.set_counter(kMaxCounter + 1); }), "dot out of range");
  EXPECT_EQ(spoil([](auto& f) { f.set_hlc(kMaxHlc.bits); }), "time out of range");

  EXPECT_EQ(refusal_of(ScanChunkReply{1, {}, {}, false, Hlc{}},
                       [](Record& r) { r.mutable_scan_reply()->set_more(true); }),
            "scan: cut short without an item");
  const SyncPage last{{}, {}, {}, false, true, {}, "a", "", 0, Hlc{}};
  EXPECT_EQ(refusal_of(last, [](Record& r) { r.mutable_sync_page()->set_last("b"); }),
            "sync: the last page ends at the end");
  EXPECT_EQ(refusal_of(last, [](Record& r) { r.mutable_sync_page()->set_more(true); }),
            "sync: the last page ends at the end");
}

TEST(MessageCodec, RefusesRequestsOfNoWrite) {
  SyncPage page;
  page.items.push_back({kKey, {}, Clock{kDot}, {{{1, 2}, kDot, Hlc{3}, 0}}});
  const auto spoil = [&](auto change) {
    return refusal_of(page, [&](Record& r) {
      change(*r.mutable_sync_page()->mutable_items(0)->mutable_requests(0));
    });
  };
  EXPECT_EQ(spoil([](auto& request) { request.set_actor(0); }), "request: no actor");
  EXPECT_EQ(spoil([](auto& request) { request.set_counter(0); }), "request: counter out of range");
  EXPECT_EQ(spoil([](auto& request) { request.set_hlc(kMaxHlc.bits); }),
            "request: time out of range");
}

TEST(MessageCodec, AWriteWithoutARequestIdTakesNoByteMore) {
  Delta delta{kKey, {kDot, Hlc{1}, "v"}, Clock{kDot}, false};
  const std::size_t plain = encode_message({Partition{1}, delta}).size();
  Record record;
  ASSERT_TRUE(record.ParseFromString(encode_message({Partition{1}, delta})));
  EXPECT_FALSE(record.delta().has_request_id());
  delta.request = RequestId{1, 2};
  EXPECT_EQ(encode_message({Partition{1}, delta}).size(), plain + 20);
}

TEST(MessageCodec, RefusesUnknownKindsAndPartitionsOutOfRange) {
  Record record;
  record.set_partition(1);
  EXPECT_EQ(refusal(record.SerializeAsString()),
            "message of a kind that this release does not know");
  EXPECT_EQ(refusal(""), "message of a kind that this release does not know");
  EXPECT_EQ(refusal("\x08"), "not a peer message");
  EXPECT_EQ(refusal_of(Probe{1, 2}, [](Record& r) { r.set_partition(kMaxAllPartitions); }),
            "partition out of range");
  const std::string last =
      spoilt(Probe{1, 2}, [](Record& r) { r.set_partition(kMaxAllPartitions - 1); });
  EXPECT_EQ(partition_of_message(last).value(), Partition{kMaxAllPartitions - 1});
  for (const std::uint32_t partition :
       {static_cast<std::uint32_t>(kMaxAllPartitions), UINT32_MAX}) {
    const std::string bytes = spoilt(Probe{1, 2}, [&](Record& r) { r.set_partition(partition); });
    EXPECT_EQ(partition_of_message(bytes).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(partition_of_message("\x08").ok()) << "cut off in the middle of the number";
}

}  // namespace
}  // namespace kv
