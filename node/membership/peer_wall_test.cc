#include "node/membership/peer_wall.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

constexpr std::int64_t kWallMs = 1'700'000'000'000;

Instant ms(std::int64_t at) { return Instant{at * 1000}; }

// The answer, at `received`, of a clock that is `ahead_ms` ahead of ours and was read `read` after the start.
void answer(PeerWall& peer, std::int64_t sent, std::int64_t read, std::int64_t received,
            std::int64_t ahead_ms) {
  peer.add(ms(sent), ms(received), WallMs{kWallMs + read + ahead_ms});
}

void expect_bounds(const PeerWall& peer, std::int64_t low_ms, std::int64_t high_ms) {
  ASSERT_TRUE(peer.bounds().has_value());
  EXPECT_EQ(peer.bounds()->low_us, (kWallMs + low_ms) * 1000);
  EXPECT_EQ(peer.bounds()->high_us, (kWallMs + high_ms) * 1000 + 999);
}

TEST(PeerWall, IsUnknownBeforeTheFirstAnswer) {
  PeerWall peer;
  EXPECT_EQ(peer.bounds(), std::nullopt);
  answer(peer, 0, 5, 10, 0);
  peer.clear();
  EXPECT_EQ(peer.bounds(), std::nullopt);
}

TEST(PeerWall, OneAnswerSaysAsMuchAsItsRoundTrip) {
  PeerWall peer;
  answer(peer, 100, 110, 150, 700);
  expect_bounds(peer, 660, 710);
}

TEST(PeerWall, AnswersThatAgreeSayWhatTheyHaveInCommon) {
  PeerWall peer;
  answer(peer, 0, 10, 100, 700);     // 610 to 710
  answer(peer, 200, 290, 300, 700);  // 690 to 790
  expect_bounds(peer, 690, 710);
  answer(peer, 400, 450, 1400, 700);  // -250 to 750: a slow one adds nothing
  expect_bounds(peer, 690, 710);
}

TEST(PeerWall, AnAnswerThatAgreesWithNoneBeforeItTellsThatTheClockWasSet) {
  PeerWall peer;
  answer(peer, 0, 1, 2, 700);
  answer(peer, 10, 11, 12, 700);
  answer(peer, 20, 25, 30, -3000);
  expect_bounds(peer, -3005, -2995);
}

TEST(PeerWall, OnlyTheLatestEightCount) {
  PeerWall peer;
  answer(peer, 0, 1, 2, 0);
  for (int i = 1; i < 8; ++i) answer(peer, 100 * i, 100 * i + 10, 100 * i + 20, 0);
  expect_bounds(peer, -1, 1);
  answer(peer, 800, 810, 820, 0);
  expect_bounds(peer, -10, 10);
}

TEST(PeerWall, TheOffsetIsThatOfTheMiddleRoundedToTheNearestMillisecond) {
  const Now now{ms(50), WallMs{kWallMs + 50}};
  PeerWall peer;
  answer(peer, 0, 25, 50, 700);
  EXPECT_EQ(offset_ms(*peer.bounds(), now), 700);
  EXPECT_EQ(offset_ms(*peer.bounds(), {now.mono, WallMs{kWallMs + 1050}}), -300) << "ours was set";
  EXPECT_EQ(offset_ms(own_wall(now), now), 0);
  const std::int64_t own_us = own_wall(now).middle_us();
  EXPECT_EQ(offset_ms({own_us + 501, own_us + 501}, now), 1);
  EXPECT_EQ(offset_ms({own_us - 501, own_us - 501}, now), -1);
  EXPECT_EQ(offset_ms({own_us - 499, own_us - 499}, now), 0);
}

}  // namespace
}  // namespace kv
