#include "node/storage/record_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <tuple>
#include <vector>

#include "kv/v1/record.pb.h"
#include "node/base/limits.h"
#include "node/base/sealed.h"

namespace kv::storage {
namespace {

// A clock of actor 1 with neither a base nor runs.
const std::string kEmptyEntry("\x01\0\0\0\0\0\0\0\0\0", 10);

using testing::HasSubstr;

Clock any_clock() {
  const auto dots = *rc::gen::container<std::vector<std::pair<std::uint64_t, std::uint64_t>>>(
      rc::gen::pair(rc::gen::element<std::uint64_t>(1, 2, UINT64_MAX),
                    rc::gen::inRange<std::uint64_t>(1, 40)));
  Clock clock;
  for (const auto& [actor, counter] : dots) clock.add({Actor{actor}, counter});
  return clock;
}

Object any_object() {
  std::map<Dot, Version> versions;
  const auto parts =
      *rc::gen::container<std::vector<std::tuple<std::uint64_t, std::uint64_t, std::string, bool>>>(
          rc::gen::tuple(
              rc::gen::element<std::uint64_t>(1, 2, UINT64_MAX),
              rc::gen::oneOf(rc::gen::inRange<std::uint64_t>(1, 9), rc::gen::just(kMaxCounter)),
              rc::gen::arbitrary<std::string>(), rc::gen::arbitrary<bool>()));
  for (const auto& [actor, counter, value, marker] : parts) {
    const Dot dot{Actor{actor}, counter};
    const Hlc hlc{*rc::gen::inRange<std::uint64_t>(0, kMaxHlc.bits)};
    versions[dot] = {dot, hlc, marker ? std::nullopt : std::optional(value)};
  }
  Object object;
  for (auto& [dot, version] : versions) object.versions.push_back(std::move(version));
  object.context = any_clock();
  return object;
}

RC_GTEST_PROP(RecordCodec, ObjectsRoundTrip, ()) {
  const Object object = any_object();
  const std::string bytes = encode_object(object);
  const auto back = decode_object(bytes);
  RC_ASSERT(back.ok());
  RC_ASSERT(*back == object);
  RC_ASSERT(encode_object(*back) == bytes);
}

RC_GTEST_PROP(RecordCodec, ReplicasRoundTrip,
              (std::uint64_t live_keys, std::uint64_t markers, std::uint64_t requests)) {
  const ReplicaState state{Actor{*rc::gen::nonZero<std::uint64_t>()},
                           any_clock(),
                           any_clock(),
                           live_keys,
                           markers,
                           Hlc{*rc::gen::inRange<std::uint64_t>(0, kMaxHlc.bits)},
                           requests,
                           any_clock(),
                           *rc::gen::arbitrary<bool>()};
  const auto back = decode_replica(encode_replica(state));
  RC_ASSERT(back.ok());
  RC_ASSERT(*back == state);
  RC_ASSERT(*decode_replica_clock(encode_replica(state)) == std::pair(state.actor, state.clock));
}

RC_GTEST_PROP(RecordCodec, RequestsRoundTrip,
              (std::uint64_t name, std::uint64_t digest, std::int64_t amount)) {
  const RequestRecord request{
      {name, digest},
      {Actor{*rc::gen::nonZero<std::uint64_t>()}, *rc::gen::inRange<std::uint64_t>(1, kMaxCounter)},
      Hlc{*rc::gen::inRange<std::uint64_t>(0, kMaxHlc.bits)},
      amount};
  const auto back = decode_request(encode_request(request));
  RC_ASSERT(back.ok());
  RC_ASSERT(*back == request);
}

RC_GTEST_PROP(RecordCodec, NodesRoundTrip, (std::uint32_t partitions, bool clean_shutdown)) {
  const auto text = rc::gen::container<std::string>(rc::gen::inRange<char>(' ', '~'));
  const NodeState state{*text, *text, partitions, *text, clean_shutdown, *text};
  const auto back = decode_node(encode_node(state));
  RC_ASSERT(back.ok());
  RC_ASSERT(*back == state);
}

TEST(RecordCodec, ValuesOfAnyBytesUpToTheLimitRoundTrip) {
  for (const std::string& value :
       {std::string(), std::string("\0\n\xff", 3), std::string(kMaxValueBytes, '\xfe')}) {
    const Object object{{{{Actor{1}, 1}, Hlc{5}, value}}, {}};
    const auto back = decode_object(encode_object(object));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, object);
  }
}

TEST(RecordCodec, ConflictsRoundTripWithTheirValueOrItsSizeAndAreOfAKey) {
  Conflict conflict{
      std::string("lb\0k", 4), {{Actor{1}, 2}, Hlc{9}, "v", WallMs{3}}, 0, {Actor{2}, 1}, Hlc{10}};
  EXPECT_EQ(*decode_conflict(encode_conflict(conflict)), conflict);
  conflict.lost = {{Actor{1}, 2}, Hlc{9}, std::nullopt};
  conflict.left_out = 100'000;
  EXPECT_EQ(*decode_conflict(encode_conflict(conflict)), conflict);
  conflict.lost.value = "both";
  EXPECT_EQ(decode_conflict(encode_conflict(conflict)).status().code(),
            absl::StatusCode::kDataLoss);
  conflict.left_out = 0;
  conflict.key = "no key";
  EXPECT_THAT(decode_conflict(encode_conflict(conflict)).status().message(),
              HasSubstr("no storage key"));
}

TEST(RecordCodec, AnEmptyValueIsNoMarker) {
  const Object value{{{{Actor{1}, 1}, Hlc{5}, ""}}, {}},
      marker{{{{Actor{1}, 1}, Hlc{5}, std::nullopt}}, {}};
  EXPECT_NE(encode_object(value), encode_object(marker));
  EXPECT_TRUE(decode_object(encode_object(value))->versions[0].value.has_value());
  EXPECT_FALSE(decode_object(encode_object(marker))->versions[0].value.has_value());
}

TEST(RecordCodec, AtRestAValueCostsFewBytesMoreThanItself) {
  const Object object{
      {{{Actor{UINT64_MAX}, 1'000'000}, Hlc{kMaxHlc.bits - 1}, std::string(100, 'v')}}, {}};
  EXPECT_LE(encode_object(object).size(), 100U + 5U + 28U);
}

// Each kind of record: what its decoder says to bytes that no encoder made.
struct Kind {
  std::string name;
  std::string bytes;
  std::function<absl::Status(std::string_view)> decode;
};

std::vector<Kind> kinds() {
  const Clock clock{{Actor{1}, 1}, {Actor{1}, 3}, {Actor{2}, 1}};
  return {{"object record", encode_object({{{{Actor{1}, 2}, Hlc{9}, "value"}}, clock}),
           [](std::string_view bytes) { return decode_object(bytes).status(); }},
          {"replica record", encode_replica({Actor{1}, clock, Clock{{Actor{1}, 1}}, 17, 3, Hlc{9}}),
           [](std::string_view bytes) { return decode_replica(bytes).status(); }},
          {"request record", encode_request({{7, 70}, {Actor{1}, 2}, Hlc{9}, -5}),
           [](std::string_view bytes) { return decode_request(bytes).status(); }},
          {"conflict record",
           encode_conflict(
               {std::string("lb\0k", 4), {{Actor{1}, 2}, Hlc{9}, "v"}, 0, {Actor{2}, 1}, Hlc{10}}),
           [](std::string_view bytes) { return decode_conflict(bytes).status(); }},
          {"node record", encode_node({"cluster", "n1", 64, "boot", true, ""}),
           [](std::string_view bytes) { return decode_node(bytes).status(); }}};
}

TEST(RecordCodec, EveryFlippedBitIsDataLoss) {
  for (const Kind& kind : kinds()) {
    ASSERT_TRUE(kind.decode(kind.bytes).ok());
    for (std::size_t bit = 0; bit < kind.bytes.size() * 8; ++bit) {
      std::string damaged = kind.bytes;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      const absl::Status status = kind.decode(damaged);
      ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss) << kind.name << ", bit " << bit;
      ASSERT_THAT(std::string(status.message()), testing::StartsWith(kind.name + ": "));
    }
  }
}

TEST(RecordCodec, EveryTruncationIsDataLoss) {
  for (const Kind& kind : kinds())
    for (std::size_t n = 0; n < kind.bytes.size(); ++n)
      ASSERT_EQ(kind.decode(kind.bytes.substr(0, n)).code(), absl::StatusCode::kDataLoss)
          << kind.name << " " << n;
}

TEST(RecordCodec, ContentsThatAreNoRecordAreDataLoss) {
  for (const Kind& kind : kinds())
    EXPECT_EQ(kind.decode(seal("\xff\xff\xff")),
              absl::DataLossError(kind.name + ": its fields cannot be read"));
}

TEST(RecordCodec, AReplicaNeedsAnActorAndSoundClocks) {
  const auto refusal = [](const v1::ReplicaRecord& record) {
    const auto state = decode_replica(seal(record.SerializeAsString()));
    EXPECT_EQ(state.status().code(), absl::StatusCode::kDataLoss);
    return std::string(state.status().message());
  };
  const auto refusal_of_clock = [](const v1::ReplicaRecord& record) {
    return std::string(decode_replica_clock(seal(record.SerializeAsString())).status().message());
  };
  v1::ReplicaRecord record;
  EXPECT_EQ(refusal(record), "replica record: no actor");
  EXPECT_EQ(refusal_of_clock(record), "replica record: no actor");
  record.set_actor(1);
  EXPECT_TRUE(decode_replica(seal(record.SerializeAsString())).ok());
  record.mutable_pruned()->set_dots(kEmptyEntry);
  EXPECT_EQ(refusal(record), "replica record: pruned: clock: empty entry");
  record.mutable_clock()->set_dots(kEmptyEntry);
  EXPECT_EQ(refusal(record), "replica record: clock: empty entry");
  EXPECT_EQ(refusal_of_clock(record), "replica record: clock: empty entry");
}

class ForgedObject : public testing::Test {
 protected:
  ForgedObject() { version(7, 3); }

  v1::VersionRecord* version(std::uint64_t actor, std::uint64_t counter) {
    auto* out = record_.add_versions();
    out->set_actor(actor);
    out->set_counter(counter);
    out->set_value("v");
    return out;
  }

  // Of the pieces, INVALID_ARGUMENT; of the record on disk, DATA_LOSS with the same reason.
  std::string refusal() const {
    const auto object = object_from_record(record_);
    const auto stored = decode_object(seal(record_.SerializeAsString()));
    EXPECT_EQ(object.ok(), stored.ok());
    if (object.ok()) return "accepted";
    EXPECT_EQ(object.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(stored.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(stored.status().message()),
                HasSubstr(std::string(object.status().message())));
    return std::string(object.status().message());
  }

  v1::VersionRecord* first() { return record_.mutable_versions(0); }

  v1::ObjectRecord record_;
};

TEST_F(ForgedObject, TheHonestOneIsAccepted) {
  version(7, 4);
  version(8, 1);
  EXPECT_EQ(refusal(), "accepted");
}

TEST_F(ForgedObject, DotsThatNameNothingAreRefused) {
  first()->set_actor(0);
  EXPECT_EQ(refusal(), "version: no actor");
  first()->set_actor(7);
  for (const std::uint64_t counter : {std::uint64_t{0}, kMaxCounter + 1, UINT64_MAX}) {
    first()->set_counter(counter);
    EXPECT_EQ(refusal(), "version: counter out of range") << counter;
  }
  first()->set_counter(kMaxCounter);
  EXPECT_EQ(refusal(), "accepted");
}

TEST_F(ForgedObject, TimesThatLeaveNoRoomAreRefused) {
  first()->set_hlc(kMaxHlc.bits);
  EXPECT_EQ(refusal(), "version: time out of range");
  first()->set_hlc(kMaxHlc.bits - 1);
  EXPECT_EQ(refusal(), "accepted");
}

TEST_F(ForgedObject, AVersionIsAValueOrAMarker) {
  first()->set_value("v");
  first()->set_marker(true);
  EXPECT_EQ(refusal(), "version: both a value and a marker");
  first()->clear_value();
  first()->clear_marker();
  EXPECT_EQ(refusal(), "version: neither a value nor a marker");
  first()->set_marker(false);
  EXPECT_EQ(refusal(), "version: neither a value nor a marker");
  first()->set_marker(true);
  EXPECT_EQ(refusal(), "accepted");
}

TEST_F(ForgedObject, AValueAboveTheLimitIsNamedWithItsSizeAndTheLimit) {
  first()->set_value(std::string(kMaxValueBytes + 1, 'x'));
  EXPECT_EQ(refusal(), "version: value of 4194305 bytes; the limit is 4194304");
}

TEST_F(ForgedObject, VersionsOutOfOrderAreRefused) {
  version(7, 2);
  EXPECT_EQ(refusal(), "object: versions not by ascending dot");
  record_.mutable_versions(1)->set_counter(3);
  EXPECT_EQ(refusal(), "object: versions not by ascending dot") << "one dot twice";
}

TEST_F(ForgedObject, AnUnsoundContextIsRefused) {
  record_.mutable_context()->set_dots(kEmptyEntry);
  EXPECT_EQ(refusal(), "clock: empty entry");
}

}  // namespace
}  // namespace kv::storage
