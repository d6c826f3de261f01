// Hybrid logical clock (Kulkarni, Demirbas, Madappa, Avva, Leone: "Logical Physical Clocks", OPODIS 2014).
//
// 48 bits of wall-clock milliseconds and 16 bits of logical counter in one integer, so that comparing integers compares
// times. It breaks ties between writes that did not see each other; causality is the dots' business.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "node/base/time.h"

namespace kv {

struct Hlc {
  std::uint64_t bits = 0;
  auto operator<=>(const Hlc&) const = default;

  std::int64_t wall_ms() const { return static_cast<std::int64_t>(bits >> 16); }
  std::uint64_t logical() const { return bits & 0xffff; }
};

// Values from outside at or above this are refused: they leave no room for the writes that must come after them.
constexpr Hlc kMaxHlc{1ULL << 63};

Hlc hlc_from_wall(WallMs wall);
std::string to_string(Hlc hlc);  // "1700000000000.3"

// One shard's clock. Not thread-safe.
class HlcClock {
 public:
  // `max_skew_ms`: how far ahead of the wall clock a remote time may be and still be adopted.
  explicit HlcClock(std::int64_t max_skew_ms) : max_skew_ms_(max_skew_ms) {}

  // The time of a new local write: after `seen`, the greatest time among the versions that the write replaces, and after
  // everything issued or adopted here, unless that is ahead of the wall clock by more than the limit: then the wall clock has
  // been set back since, and the wrong time of before must not live on. `seen` is honoured however far ahead it is (a write must never be ordered
  // before one that it saw, or replicas would disagree about the winner), but is only adopted within the skew limit.
  Hlc tick(WallMs wall, Hlc seen);

  // Notes a time that came from another node. False, and nothing changes, if it is beyond the skew limit.
  bool observe(WallMs wall, Hlc remote);

  // The latest time that another node's wall clock may show, if all clocks keep within the skew limit.
  Hlc latest_elsewhere(WallMs wall) const;

  Hlc last() const { return last_; }

 private:
  std::int64_t max_skew_ms_;
  Hlc last_;
};

}  // namespace kv
