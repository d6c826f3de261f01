// Time as the core sees it: handed in with every event, never read.
//
// Two kinds exist and do not mix. `Instant` is monotonic and only good for timeouts; `WallMs` is what the machine
// believes the date to be, may jump either way, and only feeds the hybrid logical clock.
#pragma once

#include <compare>
#include <cstdint>

namespace kv {

struct Instant {
  std::int64_t us =
      0;  // microseconds since an arbitrary start, the same for one run of the process
  auto operator<=>(const Instant&) const = default;
};

constexpr Instant kNever{INT64_MAX};

constexpr Instant after_us(Instant start, std::int64_t us) {
  return us >= kNever.us - start.us ? kNever : Instant{start.us + us};
}
constexpr Instant after_ms(Instant start, std::int64_t ms) { return after_us(start, ms * 1000); }
constexpr std::int64_t elapsed_us(Instant from, Instant to) { return to.us - from.us; }

struct WallMs {
  std::int64_t ms = 0;  // since 1970-01-01 UTC
  auto operator<=>(const WallMs&) const = default;
};

struct Now {
  Instant mono;
  WallMs wall;
};

}  // namespace kv
