// Durations as people write them: "500ms", "2s", "1.5m", "1h", "30d". Pure.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <chrono>

namespace kv::cli {

// A decimal number, perhaps with a fraction, and a unit: ms, s, m, h or d. At most 36,500 days; whole
// milliseconds. kInvalidArgument says what was expected.
absl::StatusOr<std::chrono::milliseconds> parse_duration(absl::string_view text);

}  // namespace kv::cli
