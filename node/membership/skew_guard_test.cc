#include "node/membership/skew_guard.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace kv {
namespace {

constexpr std::int64_t kNowMs = 1'700'000'000'000;
constexpr std::int64_t kLimitMs = 500;
constexpr NodeIndex kA{1};
constexpr NodeIndex kB{2};
constexpr NodeIndex kC{3};
constexpr NodeIndex kD{4};

// `ms` after the start, by a wall clock that is `ahead_ms` ahead.
Now at(std::int64_t ms, std::int64_t ahead_ms = 0) {
  return {Instant{ms * 1000}, WallMs{kNowMs + ms + ahead_ms}};
}

// A clock so far ahead of ours at the start, known to `error_ms`.
WallBounds ahead(std::int64_t ms, std::int64_t error_ms = 1) {
  const std::int64_t us = (kNowMs + ms) * 1000;
  return {us - error_ms * 1000, us + error_ms * 1000};
}

SkewGuard hearing(const std::vector<WallBounds>& walls, Now now = at(0)) {
  SkewGuard guard(kLimitMs);
  std::uint16_t node = 1;
  for (const WallBounds& wall : walls) guard.hear(NodeIndex{node++}, wall, now);
  return guard;
}

TEST(SkewGuard, AMajorityThatIsFurtherOffThanTheLimitIsNeeded) {
  EXPECT_TRUE(hearing({ahead(600), ahead(700)}).is_off(at(0)));
  EXPECT_TRUE(hearing({ahead(-600), ahead(-5000)}).is_off(at(0)));
  EXPECT_FALSE(hearing({ahead(600), ahead(499)}).is_off(at(0)));
  EXPECT_FALSE(hearing({ahead(600), ahead(-600)}).is_off(at(0))) << "the median is ours";
  EXPECT_FALSE(hearing({ahead(600), ahead(600), ahead(0)}).is_off(at(0))) << "two against two";
  EXPECT_TRUE(hearing({ahead(600), ahead(600), ahead(600)}).is_off(at(0)));
  EXPECT_FALSE(hearing({ahead(9000), ahead(-9000), ahead(0), ahead(1)}).is_off(at(0)));
}

TEST(SkewGuard, OfTwoNodesNeitherIsOffAndALoneOneNeverIs) {
  EXPECT_FALSE(hearing({ahead(1'000'000)}).is_off(at(0)));
  EXPECT_EQ(hearing({ahead(1'000'000)}).skew_ms(at(0)), 0);
  EXPECT_FALSE(hearing({}).is_off(at(0, 1'000'000)));
}

TEST(SkewGuard, WhatIsNotCertainCondemnsNobody) {
  EXPECT_FALSE(hearing({ahead(700, 300), ahead(700, 300)}).is_off(at(0)));
  EXPECT_TRUE(hearing({ahead(700, 150), ahead(700, 150)}).is_off(at(0)));
}

TEST(SkewGuard, AChangeOfOurOwnClockIsSeenAtOnce) {
  const SkewGuard guard = hearing({ahead(0), ahead(1)});
  EXPECT_FALSE(guard.is_off(at(60'000)));
  EXPECT_TRUE(guard.is_off(at(60'000, 600)));
  EXPECT_EQ(guard.skew_ms(at(60'000, 600)), 599);
  EXPECT_TRUE(guard.is_off(at(60'000, -600)));
}

TEST(SkewGuard, WhoLosesItsPeersStaysCondemnedUntilItsClockIsSet) {
  SkewGuard guard = hearing({ahead(0), ahead(0)}, at(0, 5000));
  guard.lose(kA, at(10, 5000));
  EXPECT_TRUE(guard.is_off(at(20, 5000)));
  guard.lose(kB, at(20, 5000));
  EXPECT_TRUE(guard.is_off(at(3'600'000, 5000)));
  EXPECT_EQ(guard.skew_ms(at(3'600'000, 5000)), 5000);
  EXPECT_FALSE(guard.is_off(at(3'600'000, 10)));
}

TEST(SkewGuard, AClockThatNobodyTouchedDoesNotComeBackByRounding) {
  const Now first{Instant{999}, WallMs{kNowMs + kLimitMs + 1}};
  const Now later{Instant{1500}, WallMs{kNowMs + kLimitMs + 1}};
  SkewGuard guard = hearing({ahead(0, 0), ahead(0, 0)}, first);
  EXPECT_TRUE(guard.is_off(first));
  guard.lose(kA, first);
  EXPECT_TRUE(guard.is_off(later));
}

TEST(SkewGuard, AMajorityThatComesToOurTimeAcquits) {
  SkewGuard guard = hearing({ahead(5000), ahead(5000)});
  guard.hear(kA, ahead(10), at(100));
  EXPECT_FALSE(guard.is_off(at(100))) << "the median is within the limit";
  guard.lose(kB, at(110));
  EXPECT_FALSE(guard.is_off(at(110))) << "and that is remembered";
}

TEST(SkewGuard, ASlowLinkDoesNotAcquit) {
  SkewGuard guard = hearing({ahead(5000), ahead(5000)});
  guard.hear(kA, ahead(3000, 3000), at(100));
  guard.hear(kB, ahead(3000, 3000), at(100));
  EXPECT_TRUE(guard.is_off(at(100)));
}

TEST(SkewGuard, WhoWasNeverOutvotedGoesOnAlone) {
  SkewGuard guard = hearing({ahead(0), ahead(0)});
  guard.lose(kA, at(10));
  guard.lose(kB, at(10));
  EXPECT_FALSE(guard.is_off(at(20, 9000))) << "nobody is heard who could tell";
}

TEST(SkewGuard, JudgesPeersByAllThatItHearsItselfIncluded) {
  const SkewGuard guard = hearing({ahead(5000), ahead(0)});
  EXPECT_TRUE(guard.seems_off(kA, at(0)));
  EXPECT_FALSE(guard.seems_off(kB, at(0)));
  EXPECT_FALSE(guard.seems_off(kC, at(0))) << "not heard";
  EXPECT_FALSE(hearing({ahead(5000)}).seems_off(kA, at(0))) << "one against one";
}

// The model: with exact clocks, off is what is further from the median than the limit.
RC_GTEST_PROP(SkewGuard, FollowsTheMedian, (std::vector<std::int16_t> offsets)) {
  if (offsets.size() > 9) offsets.resize(9);
  SkewGuard guard(kLimitMs);
  std::vector<std::int64_t> all;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    all.push_back(offsets[i]);
    const std::int64_t us = (kNowMs + offsets[i]) * 1000;
    guard.hear(NodeIndex{static_cast<std::uint16_t>(i)}, {us, us + 999}, at(0, 0));
  }
  const std::int64_t skew = own_skew(all);
  RC_ASSERT(guard.skew_ms(at(0)) == skew);
  if (std::abs(std::abs(skew) - kLimitMs) > 1)
    RC_ASSERT(guard.is_off(at(0)) == (std::abs(skew) > kLimitMs));
}

TEST(SkewGuard, ExtremeClocksDoNotOverflow) {
  for (const std::int64_t wall : {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, INT64_MAX}) {
    PeerWall peer;
    peer.add(Instant{0}, Instant{1000}, WallMs{wall});
    SkewGuard guard(3'600'000);
    guard.hear(kA, *peer.bounds(), at(1));
    guard.hear(kD, *peer.bounds(), at(1));
    EXPECT_TRUE(guard.is_off(at(1)));
    EXPECT_EQ(guard.skew_ms(at(1)) > 0, wall < kNowMs);
    EXPECT_TRUE(guard.is_off({Instant{1000}, WallMs{wall == INT64_MAX ? 0 : INT64_MAX}}));
  }
}

TEST(OwnSkew, IsTheDistanceToTheMedian) {
  EXPECT_EQ(own_skew({}), 0);
  EXPECT_EQ(own_skew({10, 1000}), -10);
  EXPECT_EQ(own_skew({1000, 1000}), -1000) << "two peers agree that we are behind";
  EXPECT_EQ(own_skew({-1000, -990}), 990) << "or ahead";
  EXPECT_EQ(own_skew({-1000, 1000}), 0);
  EXPECT_EQ(own_skew({0, 5'000'000}), 0) << "one mad peer";
  EXPECT_EQ(own_skew({600, 610, 620, 630}), -610);
}

TEST(OwnSkew, WithoutAMajorityNobodyIsOff) {
  EXPECT_EQ(own_skew({1000}), 0);
  EXPECT_EQ(own_skew({-1000}), 0);
  EXPECT_EQ(own_skew({0, 1000, 1000}), 0) << "two against two";
  EXPECT_EQ(own_skew({1000, 1010, 1020}), -1000)
      << "three against us, and the nearest of the middle two";
}

RC_GTEST_PROP(OwnSkew, NeitherFewerThanHalfNorTheirOrderMatter,
              (std::vector<std::int64_t> offsets)) {
  const std::int64_t skew = own_skew(offsets);
  std::reverse(offsets.begin(), offsets.end());
  RC_ASSERT(own_skew(offsets) == skew);
  // As many clocks as ours with value 0 outvote whatever the others say.
  offsets.insert(offsets.end(), offsets.size(), 0);
  RC_ASSERT(own_skew(offsets) == 0);
}

TEST(OwnSkew, ExtremesDoNotOverflow) {
  EXPECT_EQ(own_skew({INT64_MIN, INT64_MIN}), INT64_MAX);
  EXPECT_EQ(own_skew({INT64_MAX, INT64_MAX}), -INT64_MAX);
}

}  // namespace
}  // namespace kv
