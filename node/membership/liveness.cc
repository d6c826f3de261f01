#include "node/membership/liveness.h"

#include <algorithm>

#include "node/base/check.h"
#include "node/base/hlc.h"

namespace kv {
namespace {

// The wall clock of a node can be anything, but nothing beyond what an HLC can express makes a
// difference, and numbers in this range can be subtracted and multiplied by 1000 without overflow.
std::int64_t plausible_ms(WallMs wall) {
  return std::clamp(wall.ms, std::int64_t{0}, kMaxHlc.wall_ms());
}

std::int64_t rounded_to_ms(std::int64_t us) { return (us >= 0 ? us + 500 : us - 500) / 1000; }

}  // namespace

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
                                             std::uint64_t echoed_sent_us, WallMs peer_wall,
                                             WallMs own_wall) {
  const Instant sent_at{static_cast<std::int64_t>(echoed_sent_us)};
  const bool possible = connected_at_ <= sent_at && sent_at <= now;
  if (!alive_ || session != session_ || !possible) return next(now, {});
  silent_us_ = 0;
  counted_until_ = std::max(counted_until_, now);

  const std::int64_t rtt_us = elapsed_us(sent_at, now);
  const std::int64_t own_midpoint_us = plausible_ms(own_wall) * 1000 - rtt_us / 2;
  const std::int64_t offset_us = plausible_ms(peer_wall) * 1000 - own_midpoint_us;
  samples_[samples_taken_ % kSamples] = {rtt_us, rounded_to_ms(offset_us)};
  ++samples_taken_;
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

std::optional<std::int64_t> Liveness::clock_offset_ms() const {
  if (samples_taken_ == 0) return std::nullopt;
  // From the newest to the oldest, so that of equally quick ones the newest counts.
  const Sample* best = nullptr;
  for (std::size_t age = 1; age <= std::min(samples_taken_, kSamples); ++age) {
    const Sample& sample = samples_[(samples_taken_ - age) % kSamples];
    if (best == nullptr || sample.rtt_us < best->rtt_us) best = &sample;
  }
  return best->offset_ms;
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
  samples_taken_ = 0;
  smoothed_rtt_us_.reset();
}

std::int64_t own_skew_ms(std::vector<std::int64_t> peer_offsets_ms) {
  std::vector<std::int64_t>& clocks = peer_offsets_ms;  // each relative to our own
  clocks.push_back(0);
  std::sort(clocks.begin(), clocks.end());
  const std::int64_t low = clocks[(clocks.size() - 1) / 2];
  const std::int64_t high = clocks[clocks.size() / 2];
  const std::int64_t median = std::clamp(std::int64_t{0}, low, high);
  return median == INT64_MIN ? INT64_MAX : -median;
}

}  // namespace kv
