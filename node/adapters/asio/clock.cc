#include "node/adapters/asio/clock.h"

#include <chrono>

namespace kv {

Instant monotonic_now() {
  const auto since_start = std::chrono::steady_clock::now().time_since_epoch();
  return Instant{std::chrono::duration_cast<std::chrono::microseconds>(since_start).count()};
}

WallMs wall_now() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return WallMs{std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count()};
}

}  // namespace kv
