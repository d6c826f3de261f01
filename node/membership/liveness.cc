#include "node/membership/liveness.h"

#include <algorithm>

#include "node/base/check.h"

namespace kv {
Liveness::Liveness(LivenessOptions options) : options_(options) {
  KV_CHECK(options_.heartbeat_interval_ms >= 1, "heartbeats have an interval");
  KV_CHECK(options_.failure_timeout_ms >= 2 * options_.heartbeat_interval_ms,
           "one late answer does not make a peer dead");
}

LivenessActions Liveness::on_connected(Instant now, std::uint64_t session) {
  LivenessActions actions;
  if (session <= session_) return next(now, actions);
  actions.became_not_alive = alive_;
  end_session();
  actions.became_alive = true;
  alive_ = true;
  session_ = session;
  connected_at_ = now;
  next_heartbeat_ = now;  // at once: the peer's clock is of interest before its first write arrives
  counted_until_ = now;
  silent_us_ = 0;
  return next(now, actions);
}

LivenessActions Liveness::on_heartbeat_reply(Instant now, std::uint64_t session,
                                             std::uint64_t echoed_sent_us, WallMs peer_wall) {
  const Instant sent_at{static_cast<std::int64_t>(echoed_sent_us)};
  const bool possible = connected_at_ <= sent_at && sent_at <= now;
  if (!alive_ || session != session_ || !possible) return next(now, {});
  silent_us_ = 0;
  counted_until_ = std::max(counted_until_, now);

  const std::int64_t rtt_us = elapsed_us(sent_at, now);
  wall_.add(sent_at, now, peer_wall);
  smoothed_rtt_us_ =
      smoothed_rtt_us_ ? *smoothed_rtt_us_ + (rtt_us - *smoothed_rtt_us_) / 8 : rtt_us;
  return next(now, {});
}

LivenessActions Liveness::on_disconnected(Instant now, std::uint64_t session) {
  LivenessActions actions;
  if (session == session_ && alive_) {
    actions.became_not_alive = true;
    end_session();
  }
  return next(now, actions);
}

LivenessActions Liveness::tick(Instant now) {
  LivenessActions actions;
  if (alive_) {
    count_silence(now);
    if (silent_us_ >= options_.failure_timeout_ms * 1000) {
      actions.became_not_alive = true;
      actions.reset_connection = true;
      end_session();
    }
  }
  actions = next(now, actions);
  KV_CHECK(actions.wake_at > now, "a tick that asks for a tick at once would do so for ever");
  return actions;
}

// Sends what is due and says when to come back.
LivenessActions Liveness::next(Instant now, LivenessActions actions) {
  if (!alive_) return actions;
  if (now >= next_heartbeat_) {
    actions.send_heartbeat_sent_us = static_cast<std::uint64_t>(now.us);
    next_heartbeat_ = after_ms(now, options_.heartbeat_interval_ms);
  }
  const Instant failure_at =
      after_us(counted_until_, options_.failure_timeout_ms * 1000 - silent_us_);
  actions.wake_at = std::min(next_heartbeat_, failure_at);
  return actions;
}

void Liveness::count_silence(Instant now) {
  const std::int64_t most_us = 2 * options_.heartbeat_interval_ms * 1000;
  silent_us_ += std::clamp(elapsed_us(counted_until_, now), std::int64_t{0}, most_us);
  counted_until_ = std::max(counted_until_, now);
}

void Liveness::end_session() {
  alive_ = false;
  wall_.clear();
  smoothed_rtt_us_.reset();
}

}  // namespace kv
