// What a peer's wall clock shows, as far as its answers to heartbeats can tell.
//
// Intuition: an answer says what the peer's clock showed at some moment between the question and the answer, no more. So it
// bounds the difference of that clock and our monotonic one by an interval as wide as the round trip. Answers that agree bound
// it by what their intervals have in common; one that has nothing in common with a newer one is from before that clock was set.
//
// Measured against the monotonic clock, not against our wall clock: whoever compares the two later sees a change of our own
// wall clock at once, without another heartbeat.
// Rejected: the quickest of the latest answers; for some seconds after a peer's clock was set it tells of the old one.
//
// Pure. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "node/base/time.h"

namespace kv {

// Between which numbers a wall clock minus our monotonic clock is, in microseconds.
struct WallBounds {
  std::int64_t low_us = 0;
  std::int64_t high_us = 0;

  std::int64_t middle_us() const { return low_us + (high_us - low_us) / 2; }
  bool operator==(const WallBounds&) const = default;
};

WallBounds own_wall(Now now);

// The clock minus our own, rounded to milliseconds.
std::int64_t offset_ms(const WallBounds& wall, Now now);

class PeerWall {
 public:
  // The peer's clock showed `wall`, any value, at a moment between these two. Precondition: sent <= received.
  void add(Instant sent, Instant received, WallMs wall);
  void clear() { taken_ = 0; }

  std::optional<WallBounds> bounds() const;  // empty before the first answer

 private:
  static constexpr std::size_t kSamples = 8;
  std::array<WallBounds, kSamples> samples_;  // a ring buffer
  std::size_t taken_ = 0;
};

}  // namespace kv
