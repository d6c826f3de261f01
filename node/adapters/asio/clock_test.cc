#include "node/adapters/asio/clock.h"

#include <gtest/gtest.h>

#include <chrono>

namespace kv {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(Clock, TheMonotonicClockCountsMicroseconds) {
  const auto machine_us = [] {
    return duration_cast<microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
  };
  const std::int64_t before = machine_us();
  const Instant first = monotonic_now();
  const Instant second = now().mono;
  EXPECT_LE(before, first.us);
  EXPECT_LE(first, second);
  EXPECT_LE(second.us, machine_us());
}

TEST(Clock, TheWallClockCountsMillisecondsSince1970) {
  // Whoever sets the clock of the machine meanwhile moves it by less than an hour, or by chance.
  constexpr std::int64_t kHourMs = 3'600'000;
  const std::int64_t machine_ms =
      duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_NEAR(static_cast<double>(wall_now().ms), static_cast<double>(machine_ms), kHourMs);
  EXPECT_NEAR(static_cast<double>(now().wall.ms), static_cast<double>(machine_ms), kHourMs);
}

}  // namespace
}  // namespace kv
