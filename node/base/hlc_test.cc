#include "node/base/hlc.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

constexpr std::int64_t kSkewMs = 500;

TEST(Hlc, TicksAreStrictlyIncreasingWhileTheWallClockStandsOrGoesBackWithinTheLimit) {
  HlcClock clock(kSkewMs);
  Hlc last;
  for (std::int64_t wall : {1000, 1000, 1000, 600, 1001, 502}) {
    const Hlc next = clock.tick(WallMs{wall}, Hlc{});
    EXPECT_GT(next, last);
    last = next;
  }
  EXPECT_EQ(last.wall_ms(), 1001);
}

TEST(Hlc, ATimeOfBeforeTheWallClockWasSetBackIsForgotten) {
  HlcClock clock(kSkewMs);
  const Hlc wrong = clock.tick(WallMs{1'000'000}, Hlc{});
  EXPECT_EQ(clock.tick(WallMs{1000}, Hlc{}).wall_ms(), 1000);
  EXPECT_GT(clock.tick(WallMs{1000}, wrong), wrong) << "what it replaces is honoured";
}

TEST(Hlc, AWriteIsOrderedAfterWhatItSawHoweverFarAheadThatIs) {
  HlcClock clock(kSkewMs);
  const Hlc seen = hlc_from_wall(WallMs{1'000'000});
  EXPECT_EQ(clock.tick(WallMs{1000}, seen).bits, seen.bits + 1);
}

TEST(Hlc, ATimeBeyondTheSkewLimitIsNotAdopted) {
  HlcClock clock(kSkewMs);
  EXPECT_FALSE(clock.observe(WallMs{1000}, hlc_from_wall(WallMs{1501})));
  clock.tick(WallMs{1000}, hlc_from_wall(WallMs{1'000'000}));
  EXPECT_LE(clock.tick(WallMs{1000}, Hlc{}).wall_ms(), 1000);
}

TEST(Hlc, ATimeWithinTheSkewLimitIsAdopted) {
  HlcClock clock(kSkewMs);
  const Hlc remote{hlc_from_wall(WallMs{1500}).bits};
  EXPECT_TRUE(clock.observe(WallMs{1000}, remote));
  EXPECT_GT(clock.tick(WallMs{1000}, Hlc{}), remote);
}

TEST(Hlc, SeenTimesOfOneObjectDoNotRepeatEachOther) {
  HlcClock clock(kSkewMs);
  const Hlc ahead = hlc_from_wall(WallMs{9'000});
  const Hlc first = clock.tick(WallMs{1000}, ahead);
  EXPECT_GT(clock.tick(WallMs{1000}, first), first);
}

TEST(Hlc, WallTimesOutsideTheRangeAreClamped) {
  EXPECT_EQ(hlc_from_wall(WallMs{-5}).bits, 0U);
  EXPECT_LT(hlc_from_wall(WallMs{INT64_MAX}), kMaxHlc);
}

TEST(Hlc, Prints) { EXPECT_EQ(to_string(Hlc{(1700000000000ULL << 16) + 3}), "1700000000000.3"); }

}  // namespace
}  // namespace kv
