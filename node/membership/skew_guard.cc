#include "node/membership/skew_guard.h"

#include <algorithm>
#include <cstdlib>

#include "node/base/simulation.h"

namespace kv {

std::int64_t own_skew(std::vector<std::int64_t> offsets) {
  std::vector<std::int64_t>& clocks = offsets;
  clocks.push_back(0);
  std::sort(clocks.begin(), clocks.end());
  const std::int64_t low = clocks[(clocks.size() - 1) / 2];
  const std::int64_t high = clocks[clocks.size() / 2];
  const std::int64_t median = std::clamp(std::int64_t{0}, low, high);
  return median == INT64_MIN ? INT64_MAX : -median;
}

void SkewGuard::hear(NodeIndex peer, const WallBounds& wall, Now now) {
  heard_.insert_or_assign(peer, wall);
  settle(now);
}

void SkewGuard::lose(NodeIndex peer, Now now) {
  settle(now);
  heard_.erase(peer);
}

bool SkewGuard::is_outvoted(const WallBounds& wall, const NodeIndex* peer,
                            const WallBounds* another) const {
  std::size_t clocks = 1;
  std::size_t ahead = 0;
  std::size_t behind = 0;
  const auto count = [&](const WallBounds& other) {
    ++clocks;
    ahead += other.low_us - wall.high_us > limit_us_ ? 1U : 0U;
    behind += wall.low_us - other.high_us > limit_us_ ? 1U : 0U;
  };
  for (const auto& [node, other] : heard_)
    if (peer == nullptr || node != *peer) count(other);
  if (another != nullptr) count(*another);
  if (KV_PLANTED(kSkewOfHalf)) return clocks > 1 && 2 * std::max(ahead, behind) >= clocks;
  return 2 * std::max(ahead, behind) > clocks;
}

// Enough of them, each known to within the limit, say that it is right.
bool SkewGuard::is_cleared(Now now) const {
  if (KV_PLANTED(kSkewKeptForGood)) return false;
  std::vector<std::int64_t> offsets;
  for (const auto& [peer, wall] : heard_)
    if (wall.high_us - wall.low_us <= 2 * limit_us_) offsets.push_back(offset_ms(wall, now));
  const bool enough = offsets.size() >= 2 && 2 * (offsets.size() + 1) > heard_.size() + 1;
  return enough && std::abs(own_skew(std::move(offsets))) <= limit_ms();
}

// Whether the clock is, for certain, within the limit of the time that condemned it. What is read of a clock is up to a
// millisecond old: one that has not been touched must not seem to have come nearer.
bool SkewGuard::has_come_back(const WallBounds& own) const {
  const std::int64_t away_us =
      std::max(own.high_us - *condemned_by_us_, *condemned_by_us_ - own.low_us);
  return away_us <= limit_us_;
}

bool SkewGuard::is_off(Now now) const {
  if (KV_PLANTED(kSkewUnguarded)) return false;
  if (heard_.empty() && !condemned_by_us_.has_value()) return false;
  const WallBounds own = own_wall(now);
  if (is_outvoted(own, nullptr, nullptr)) return true;
  if (!condemned_by_us_.has_value() || is_cleared(now)) return false;
  if (!hears_enough()) KV_MARK(kSkewRemembered);
  return !has_come_back(own);
}

bool SkewGuard::seems_off(NodeIndex peer, Now now) const {
  const auto found = heard_.find(peer);
  if (found == heard_.end()) return false;
  const WallBounds own = own_wall(now);
  return is_outvoted(found->second, &peer, &own);
}

std::int64_t SkewGuard::skew_ms(Now now) const {
  if (!hears_enough() && condemned_by_us_.has_value())
    return -offset_ms({*condemned_by_us_, *condemned_by_us_}, now);
  std::vector<std::int64_t> offsets;
  for (const auto& [peer, wall] : heard_) offsets.push_back(offset_ms(wall, now));
  return own_skew(std::move(offsets));
}

void SkewGuard::settle(Now now) {
  const WallBounds own = own_wall(now);
  if (is_outvoted(own, nullptr, nullptr)) {
    std::vector<std::int64_t> offsets_us;
    for (const auto& [peer, wall] : heard_)
      offsets_us.push_back(wall.middle_us() - own.middle_us());
    if (!KV_PLANTED(kSkewForgotten))
      condemned_by_us_ = own.middle_us() - own_skew(std::move(offsets_us));
  } else if (condemned_by_us_.has_value() && !is_off(now)) {
    condemned_by_us_.reset();
  }
}

}  // namespace kv
