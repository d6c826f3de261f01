#include "node/base/hlc.h"

#include <algorithm>

#include "node/base/check.h"
#include "node/base/simulation.h"

namespace kv {

Hlc hlc_from_wall(WallMs wall) {
  constexpr std::int64_t kMaxMs = (1LL << 47) - 1;  // keeps the result below kMaxHlc
  return Hlc{static_cast<std::uint64_t>(std::clamp<std::int64_t>(wall.ms, 0, kMaxMs)) << 16};
}

std::string to_string(Hlc hlc) {
  return std::to_string(hlc.wall_ms()) + "." + std::to_string(hlc.logical());
}

Hlc HlcClock::latest_elsewhere(WallMs wall) const {
  return hlc_from_wall(WallMs{wall.ms + max_skew_ms_});
}

bool HlcClock::observe(WallMs wall, Hlc remote) {
  if (remote > latest_elsewhere(wall)) {
    KV_MARK(kTimeAhead);
    return false;
  }
  last_ = std::max(last_, remote);
  return true;
}

Hlc HlcClock::tick(WallMs wall, Hlc seen) {
  KV_CHECK(seen < kMaxHlc, "times from outside are bounded where they enter");
  observe(wall, seen);
  if (last_ > latest_elsewhere(wall)) {
    KV_MARK(kTimeSetBack);
    if (!KV_PLANTED(kTimeKeptAhead)) last_ = Hlc{};
  }
  const Hlc base = std::max({hlc_from_wall(wall), last_, seen});
  const Hlc next{base.bits + 1};
  if (base != seen || base == last_) last_ = next;
  KV_CHECK(next > seen, "a write is ordered after what it saw");
  return next;
}

}  // namespace kv
