#include "node/membership/liveness.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace kv {
namespace {

constexpr std::int64_t kWall = 1'700'000'000'000;

Instant at_ms(std::int64_t ms) { return after_ms(Instant{5'000'000}, ms); }
std::uint64_t stamp(Instant now) { return static_cast<std::uint64_t>(now.us); }

Liveness make() { return Liveness({.heartbeat_interval_ms = 250, .failure_timeout_ms = 2000}); }

// An answer at `now` to the heartbeat sent `rtt_ms` earlier.
LivenessActions reply(Liveness& peer, Instant now, std::int64_t rtt_ms) {
  return peer.on_heartbeat_reply(now, peer.session(), stamp(after_ms(now, -rtt_ms)), WallMs{kWall});
}

TEST(Liveness, StartsNotAliveAndAsksForNothing) {
  Liveness peer = make();
  EXPECT_FALSE(peer.alive());
  EXPECT_EQ(peer.session(), 0u);
  const LivenessActions actions = peer.tick(at_ms(100'000));
  EXPECT_FALSE(actions.became_not_alive);
  EXPECT_FALSE(actions.reset_connection);
  EXPECT_EQ(actions.send_heartbeat_sent_us, std::nullopt);
  EXPECT_EQ(actions.wake_at, kNever);
}

TEST(Liveness, AConnectionMakesAliveAndSendsAHeartbeatAtOnce) {
  Liveness peer = make();
  const LivenessActions actions = peer.on_connected(at_ms(10), 1);
  EXPECT_TRUE(actions.became_alive);
  EXPECT_FALSE(actions.became_not_alive);
  EXPECT_FALSE(actions.reset_connection);
  EXPECT_EQ(actions.send_heartbeat_sent_us, stamp(at_ms(10)));
  EXPECT_EQ(actions.wake_at, at_ms(260));
  EXPECT_TRUE(peer.alive());
  EXPECT_EQ(peer.session(), 1u);
}

TEST(Liveness, HeartbeatsGoOutAtTheInterval) {
  Liveness peer = make();
  peer.on_connected(at_ms(0), 1);
  EXPECT_EQ(peer.tick(at_ms(249)).send_heartbeat_sent_us, std::nullopt);
  EXPECT_EQ(peer.tick(at_ms(249)).wake_at, at_ms(250));
  EXPECT_EQ(peer.tick(at_ms(250)).send_heartbeat_sent_us, stamp(at_ms(250)));
  EXPECT_EQ(peer.tick(at_ms(250)).send_heartbeat_sent_us, std::nullopt);
  EXPECT_EQ(peer.tick(at_ms(499)).send_heartbeat_sent_us, std::nullopt);
  // A late tick does not make up for the heartbeats it missed.
  EXPECT_EQ(peer.tick(at_ms(800)).send_heartbeat_sent_us, stamp(at_ms(800)));
  EXPECT_EQ(peer.tick(at_ms(801)).wake_at, at_ms(1050));
}

// Ticks whenever asked to; answers nothing. Returns when the peer was given up.
Instant silent_until(Liveness& peer, LivenessActions actions,
                     std::vector<Instant>* heartbeats = nullptr) {
  for (int i = 0; i < 1000; ++i) {
    const Instant now = actions.wake_at;
    actions = peer.tick(now);
    if (actions.send_heartbeat_sent_us && heartbeats != nullptr) heartbeats->push_back(now);
    if (actions.reset_connection) {
      EXPECT_TRUE(actions.became_not_alive);
      EXPECT_FALSE(actions.became_alive);
      EXPECT_EQ(actions.send_heartbeat_sent_us, std::nullopt);
      EXPECT_EQ(actions.wake_at, kNever);
      EXPECT_FALSE(peer.alive());
      return now;
    }
    EXPECT_FALSE(actions.became_not_alive);
    EXPECT_TRUE(peer.alive());
  }
  ADD_FAILURE() << "never given up";
  return kNever;
}

TEST(Liveness, SilenceForTheTimeoutResetsTheConnection) {
  Liveness peer = make();
  std::vector<Instant> heartbeats;
  EXPECT_EQ(silent_until(peer, peer.on_connected(at_ms(0), 1), &heartbeats), at_ms(2000));
  EXPECT_EQ(heartbeats.size(), 7u);  // 250 to 1750
  EXPECT_FALSE(peer.tick(at_ms(9000)).became_not_alive) << "said once";
}

TEST(Liveness, AnAnswerStartsTheTimeoutAgain) {
  Liveness peer = make();
  LivenessActions actions = peer.on_connected(at_ms(0), 1);
  while (actions.wake_at < at_ms(1900)) actions = peer.tick(actions.wake_at);
  actions = reply(peer, at_ms(1900), 150);
  EXPECT_FALSE(actions.became_alive);
  EXPECT_EQ(silent_until(peer, actions), at_ms(3900));
}

TEST(Liveness, TheTimeoutNeedNotBeAMultipleOfTheInterval) {
  Liveness peer({.heartbeat_interval_ms = 300, .failure_timeout_ms = 1000});
  EXPECT_EQ(silent_until(peer, peer.on_connected(at_ms(0), 1)), at_ms(1000));
}

TEST(Liveness, AnAnsweringPeerStaysAlive) {
  Liveness peer = make();
  LivenessActions actions = peer.on_connected(at_ms(0), 1);
  for (int i = 0; i < 1000; ++i) {
    const Instant now = actions.wake_at;
    actions = peer.tick(now);
    ASSERT_TRUE(peer.alive());
    if (actions.send_heartbeat_sent_us) actions = reply(peer, after_ms(now, 3), 3);
  }
}

TEST(Liveness, ADisconnectIsNotAliveAtOnceAndTheWayBackIsANewSession) {
  Liveness peer = make();
  LivenessActions actions = peer.on_connected(at_ms(0), 1);
  while (actions.wake_at <= at_ms(1000)) actions = peer.tick(actions.wake_at);
  actions = peer.on_disconnected(at_ms(1005), 1);
  EXPECT_TRUE(actions.became_not_alive);
  EXPECT_FALSE(actions.reset_connection) << "nothing is left to reset";
  EXPECT_EQ(actions.wake_at, kNever);
  EXPECT_FALSE(peer.alive());
  EXPECT_FALSE(peer.on_disconnected(at_ms(1006), 1).became_not_alive);

  actions = peer.on_connected(at_ms(1010), 2);
  EXPECT_TRUE(actions.became_alive);
  EXPECT_TRUE(peer.alive());
  EXPECT_EQ(silent_until(peer, actions), at_ms(3010)) << "the old silence is forgotten";
}

TEST(Liveness, ASessionThatReplacesAnOpenOneEndsIt) {
  Liveness peer = make();
  peer.on_connected(at_ms(0), 1);
  reply(peer, at_ms(20), 20);
  EXPECT_TRUE(peer.wall().has_value());
  const LivenessActions actions = peer.on_connected(at_ms(100), 2);
  EXPECT_TRUE(actions.became_not_alive);
  EXPECT_TRUE(actions.became_alive);
  EXPECT_EQ(actions.send_heartbeat_sent_us, stamp(at_ms(100)));
  EXPECT_EQ(peer.wall(), std::nullopt) << "measured on the old one";
}

TEST(Liveness, WhatConcernsAnOldSessionIsIgnored) {
  Liveness peer = make();
  peer.on_connected(at_ms(0), 1);
  peer.on_disconnected(at_ms(1), 1);
  peer.on_connected(at_ms(2), 2);
  EXPECT_FALSE(peer.on_disconnected(at_ms(3), 1).became_not_alive);
  EXPECT_TRUE(peer.alive());
  EXPECT_FALSE(peer.on_connected(at_ms(3), 1).became_alive);
  EXPECT_FALSE(peer.on_connected(at_ms(3), 2).became_alive);
  EXPECT_EQ(peer.session(), 2u);
  peer.on_heartbeat_reply(at_ms(4), 1, stamp(at_ms(2)), WallMs{kWall});
  EXPECT_EQ(peer.smoothed_rtt_us(), std::nullopt);
}

TEST(Liveness, AnswersToHeartbeatsThatWereNeverSentAreIgnored) {
  Liveness peer = make();
  LivenessActions actions = peer.on_connected(at_ms(0), 1);
  for (const std::uint64_t sent_us :
       {std::uint64_t{0}, stamp(at_ms(0)) - 1, stamp(at_ms(10)) + 1, UINT64_MAX}) {
    peer.on_heartbeat_reply(at_ms(10), 1, sent_us, WallMs{kWall});
    EXPECT_EQ(peer.wall(), std::nullopt) << sent_us;
  }
  EXPECT_EQ(silent_until(peer, actions), at_ms(2000)) << "they are no sign of life";
}

// The events of one wake-up come in any order: one that concerns nobody must not swallow the
// failure that is due.
TEST(Liveness, AnEventAfterTheTimeoutAsksForATickAtOnce) {
  Liveness peer = make();
  LivenessActions actions = peer.on_connected(at_ms(0), 1);
  while (actions.wake_at < at_ms(2000)) actions = peer.tick(actions.wake_at);
  actions = peer.on_disconnected(at_ms(2010), 0);
  EXPECT_LE(actions.wake_at, at_ms(2010));
  EXPECT_TRUE(peer.tick(at_ms(2010)).reset_connection);
}

TEST(Liveness, APauseOfOurOwnIsNoSilenceOfThePeer) {
  Liveness peer = make();
  LivenessActions actions = peer.on_connected(at_ms(0), 1);
  actions = reply(peer, at_ms(5), 5);
  actions = peer.tick(at_ms(60'000));  // stopped for a minute
  EXPECT_TRUE(peer.alive());
  EXPECT_EQ(actions.send_heartbeat_sent_us, stamp(at_ms(60'000)));
  EXPECT_EQ(silent_until(peer, actions), at_ms(61'500)) << "two intervals of it were counted";
}

TEST(Liveness, TimeThatSeemsToRunBackwardsChangesNothing) {
  Liveness peer = make();
  peer.on_connected(at_ms(0), 1);
  LivenessActions actions = peer.tick(at_ms(300));
  actions = peer.tick(at_ms(200));
  EXPECT_EQ(actions.send_heartbeat_sent_us, std::nullopt);
  EXPECT_EQ(silent_until(peer, actions), at_ms(2000));
}

TEST(Liveness, AnAnswerBoundsThePeersClockByItsRoundTrip) {
  Liveness peer = make();
  peer.on_connected(at_ms(0), 1);
  EXPECT_EQ(peer.wall(), std::nullopt);
  peer.on_heartbeat_reply(at_ms(50), 1, stamp(at_ms(0)), WallMs{kWall});
  ASSERT_TRUE(peer.wall().has_value());
  EXPECT_EQ(peer.wall()->low_us, kWall * 1000 - at_ms(50).us);
  EXPECT_EQ(peer.wall()->high_us, kWall * 1000 + 999 - at_ms(0).us);
  EXPECT_EQ(peer.smoothed_rtt_us(), 50'000);
}

TEST(Liveness, TheRoundTripIsSmoothed) {
  Liveness peer = make();
  peer.on_connected(at_ms(0), 1);
  reply(peer, at_ms(1000), 8);
  EXPECT_EQ(peer.smoothed_rtt_us(), 8000);
  reply(peer, at_ms(1010), 16);
  EXPECT_EQ(peer.smoothed_rtt_us(), 9000);
  for (int i = 0; i < 100; ++i) reply(peer, at_ms(1100 + i), 16);
  EXPECT_NEAR(static_cast<double>(*peer.smoothed_rtt_us()), 16'000, 10);
}

TEST(Liveness, MeasurementsEndWithTheSession) {
  Liveness peer = make();
  peer.on_connected(at_ms(0), 1);
  reply(peer, at_ms(10), 10);
  peer.on_disconnected(at_ms(11), 1);
  EXPECT_EQ(peer.wall(), std::nullopt);
  EXPECT_EQ(peer.smoothed_rtt_us(), std::nullopt);
}

TEST(LivenessDeathTest, ATimeoutOfLessThanTwoIntervalsIsABug) {
  EXPECT_DEATH(Liveness({.heartbeat_interval_ms = 250, .failure_timeout_ms = 499}), "late answer");
  EXPECT_DEATH(Liveness({.heartbeat_interval_ms = 0, .failure_timeout_ms = 2000}), "interval");
}

}  // namespace
}  // namespace kv
