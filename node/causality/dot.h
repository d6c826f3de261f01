// The name of one write.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace kv {

// One incarnation of one replica of one partition: 64 random bits, never reused, never 0.
struct Actor {
  std::uint64_t id = 0;
  auto operator<=>(const Actor&) const = default;
};

// An actor issues counters 1, 2, 3, ... without a hole. Counter 0 names nothing.
struct Dot {
  Actor actor;
  std::uint64_t counter = 0;
  auto operator<=>(const Dot&) const = default;
};

// Bounds what is accepted from outside, so that counting on from any accepted value cannot
// overflow.
constexpr std::uint64_t kMaxCounter = 1ULL << 62;

std::string to_string(Dot dot);  // "00c0ffee00c0ffee:17", as users see it

}  // namespace kv
