#include "node/adapters/grpc/calls.h"

#include <algorithm>
#include <chrono>

#include "node/adapters/asio/clock.h"
#include "node/coordinator/validate.h"

namespace kv {
namespace {

// The client stops waiting at its deadline, so the answer that a write's outcome is unknown must leave before it.
constexpr std::int64_t kMaxMarginUs = 100'000;

}  // namespace

absl::StatusOr<Instant> deadline_of(const grpc::CallbackServerContext& context) {
  std::int64_t left_us = -1;
  if (context.deadline() != std::chrono::system_clock::time_point::max()) {
    const auto left = context.deadline() - std::chrono::system_clock::now();
    left_us = std::max<std::int64_t>(
        0, std::chrono::duration_cast<std::chrono::microseconds>(left).count());
  }
  const auto checked_ms = checked_timeout_ms(left_us < 0 ? -1 : left_us / 1000);
  if (!checked_ms.ok()) return checked_ms.status();
  if (left_us < 0) left_us = *checked_ms * 1000;
  return after_us(monotonic_now(), left_us - std::min(left_us / 10, kMaxMarginUs));
}

}  // namespace kv
