// The only source of randomness in the core: seeded by whoever runs it, the same everywhere for the same seed
// (the standard fixes mt19937_64's output, but not that of its distributions, so the range reduction is here).
// Not thread-safe.
#pragma once

#include <cstdint>
#include <random>

#include "node/base/check.h"

namespace kv {

class Rng {
 public:
  explicit Rng(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t next() { return engine_(); }

  // Uniform in [0, bound). bound > 0.
  std::uint64_t below(std::uint64_t bound) {
    KV_CHECK(bound > 0, "an empty range has no element");
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
  }

  // Uniform in [low, high].
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace kv
