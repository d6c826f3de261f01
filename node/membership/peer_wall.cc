#include "node/membership/peer_wall.h"

#include <algorithm>

#include "node/base/check.h"
#include "node/base/hlc.h"
#include "node/base/simulation.h"

namespace kv {
namespace {

constexpr std::int64_t kTickUs = 1000;  // a wall clock is read in milliseconds

// The wall clock of a node can be anything, but nothing beyond what an HLC can express makes a
// difference, and numbers in this range can be subtracted and multiplied by 1000 without overflow.
std::int64_t plausible_us(WallMs wall) {
  return std::clamp(wall.ms, std::int64_t{0}, kMaxHlc.wall_ms()) * kTickUs;
}

}  // namespace

WallBounds own_wall(Now now) {
  const std::int64_t low_us = plausible_us(now.wall) - now.mono.us;
  return {low_us, low_us + kTickUs - 1};
}

std::int64_t offset_ms(const WallBounds& wall, Now now) {
  const std::int64_t us = wall.middle_us() - own_wall(now).middle_us();
  return (us >= 0 ? us + kTickUs / 2 : us - kTickUs / 2) / kTickUs;
}

void PeerWall::add(Instant sent, Instant received, WallMs wall) {
  KV_CHECK(sent <= received, "an answer comes after its question");
  const std::int64_t us = plausible_us(wall);
  const Instant earliest = KV_PLANTED(kSkewIgnoresRoundTrip) ? received : sent;
  samples_[taken_ % kSamples] = {us - received.us, us + kTickUs - 1 - earliest.us};
  ++taken_;
}

std::optional<WallBounds> PeerWall::bounds() const {
  if (taken_ == 0) return std::nullopt;
  WallBounds common = samples_[(taken_ - 1) % kSamples];
  for (std::size_t age = 2; age <= std::min(taken_, kSamples); ++age) {
    const WallBounds& older = samples_[(taken_ - age) % kSamples];
    const WallBounds both{std::max(common.low_us, older.low_us),
                          std::min(common.high_us, older.high_us)};
    if (both.low_us > both.high_us) break;
    common = both;
  }
  return common;
}

}  // namespace kv
