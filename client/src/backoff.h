// Exponential backoff with jitter, as pure arithmetic: how long to wait before each repetition, and
// no waiting here. The n-th wait is drawn evenly from the upper half of min(max, initial * 2^n), so
// that clients that failed together do not come back together, and none comes back at once. The
// same seed gives the same waits. Not thread-safe; one per request.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace kv::client {

class Backoff {
 public:
  using Milliseconds = std::chrono::milliseconds;

  static constexpr Milliseconds kInitial{20};
  static constexpr Milliseconds kMax{1000};

  explicit Backoff(std::uint64_t seed, Milliseconds initial = kInitial, Milliseconds max = kMax)
      : generator_(seed), next_(initial), max_(max) {}

  Milliseconds next() {
    const Milliseconds longest = next_;
    next_ = std::min(max_, next_ * 2);
    std::uniform_int_distribution<Milliseconds::rep> draw((longest.count() + 1) / 2,
                                                          longest.count());
    return Milliseconds(draw(generator_));
  }

 private:
  std::minstd_rand generator_;
  Milliseconds next_;
  Milliseconds max_;
};

}  // namespace kv::client
