#include "node/causality/clock_codec.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <tuple>
#include <vector>

#include "kv/v1/record.pb.h"

namespace kv {
namespace {

RC_GTEST_PROP(ClockCodec, RoundTrips, ()) {
  const auto runs =
      *rc::gen::container<std::vector<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>>>(
          rc::gen::tuple(rc::gen::element<std::uint64_t>(1, 2, 1ULL << 63, UINT64_MAX),
                         rc::gen::oneOf(rc::gen::inRange<std::uint64_t>(1, 30),
                                        rc::gen::inRange<std::uint64_t>(1, kMaxCounter - 5)),
                         rc::gen::inRange<std::uint64_t>(0, 6)));
  Clock clock;
  for (const auto& [actor, first, length] : runs)
    clock.add_run(Actor{actor}, {first, first + length});
  v1::ClockRecord record;
  encode_clock(clock, &record);
  const auto back = decode_clock(record);
  RC_ASSERT(back.ok());
  RC_ASSERT(*back == clock);
  v1::ClockRecord again;
  encode_clock(*back, &again);
  RC_ASSERT(again.SerializeAsString() == record.SerializeAsString());
}

TEST(ClockCodec, AMillionWritesOfThreeActorsAreAFewBytes) {
  Clock clock;
  for (std::uint64_t actor = 1; actor <= 3; ++actor)
    clock.add_run(Actor{actor << 60}, {1, 1'000'000});
  v1::ClockRecord record;
  encode_clock(clock, &record);
  EXPECT_LE(record.ByteSizeLong(), 3U * 16U);
}

class Forged : public testing::Test {
 protected:
  void entry(std::uint64_t actor, std::uint64_t base, const std::vector<std::uint64_t>& runs = {}) {
    for (int i = 0; i < 8; ++i)
      record_.mutable_dots()->push_back(static_cast<char>(actor >> 8 * i));
    number(base);
    number(runs.size() / 2);
    for (const std::uint64_t one : runs) number(one);
  }
  void number(std::uint64_t value) {
    for (; value >= 128; value >>= 7)
      record_.mutable_dots()->push_back(static_cast<char>(value | 128));
    record_.mutable_dots()->push_back(static_cast<char>(value));
  }
  std::string refusal() const {
    const auto clock = decode_clock(record_);
    if (clock.ok()) return "accepted as " + to_string(*clock);
    EXPECT_EQ(clock.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(clock.status().message());
  }

  v1::ClockRecord record_;
};

TEST_F(Forged, TheFormThatEncodingMakesIsAccepted) {
  entry(1, 3, {2, 0});  // a gap of 2 leaves one counter out
  entry(2, 0, {2, 4});  // nothing below: starts at 2
  EXPECT_EQ(refusal(), "accepted as {1:1-3,5 2:2-6}");
}

TEST_F(Forged, ActorsThatDoNotAscendAreRefused) {
  entry(2, 1);
  entry(1, 1);
  EXPECT_EQ(refusal(), "clock: actors not ascending");
}

TEST_F(Forged, AnActorNamedTwiceIsRefused) {
  entry(1, 1);
  entry(1, 2);
  EXPECT_EQ(refusal(), "clock: actors not ascending");
}

TEST_F(Forged, ActorZeroIsRefused) {
  entry(0, 1);
  EXPECT_EQ(refusal(), "clock: actors not ascending");
}

TEST_F(Forged, AnEntryWithoutDotsIsRefused) {
  entry(1, 0);
  EXPECT_EQ(refusal(), "clock: empty entry");
}

TEST_F(Forged, WhatIsCutShortIsRefused) {
  entry(1, 300, {2, 0, 200, 4});
  const std::string whole = record_.dots();
  for (std::size_t size = 1; size < whole.size(); ++size) {
    record_.set_dots(whole.substr(0, size));
    EXPECT_EQ(refusal(), "clock: cut short") << size;
  }
  record_.set_dots(whole + '\1');
  EXPECT_EQ(refusal(), "clock: cut short");
}

TEST_F(Forged, MoreRunsThanThereAreAreRefused) {
  entry(1, 3);
  record_.mutable_dots()->pop_back();
  number(UINT64_MAX);
  EXPECT_EQ(refusal(), "clock: cut short");
}

TEST_F(Forged, RunsThatTouchOrOverlapAreRefused) {
  for (const std::uint64_t gap : {0, 1}) {
    record_.Clear();
    entry(1, 3, {gap, 0});
    EXPECT_EQ(refusal(), "clock: run out of range");
  }
}

TEST_F(Forged, CountersThatCannotBeCountedOnAreRefused) {
  entry(1, kMaxCounter);
  EXPECT_EQ(refusal().substr(0, 8), "accepted");
  record_.Clear();
  entry(1, kMaxCounter + 1);
  EXPECT_EQ(refusal(), "clock: counter out of range");
  struct Counters {
    std::uint64_t base, gap, length;
  };
  for (const auto& [base, gap, length] :
       {Counters{1, kMaxCounter, 0}, Counters{1, 2, kMaxCounter - 2}, Counters{kMaxCounter, 2, 0},
        Counters{1, kMaxCounter, kMaxCounter}}) {
    record_.Clear();
    entry(1, base, {gap, length});
    EXPECT_EQ(refusal(), "clock: counter out of range") << base << " " << gap << " " << length;
  }
  for (const auto& [base, gap, length] : {Counters{1, UINT64_MAX, 0}, Counters{1, 2, UINT64_MAX}}) {
    record_.Clear();
    entry(1, base, {gap, length});
    EXPECT_EQ(refusal(), "clock: run out of range") << gap << " " << length;
  }
}

}  // namespace
}  // namespace kv
