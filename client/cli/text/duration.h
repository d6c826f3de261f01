// Durations as people write them: "500ms", "2s", "1.5m", "1h". Pure.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <chrono>

namespace kv::cli {

// A decimal number, perhaps with a fraction, and a unit: ms, s, m or h. At most 1000 hours; whole
// milliseconds. kInvalidArgument says what was expected.
absl::StatusOr<std::chrono::milliseconds> parse_duration(absl::string_view text);

}  // namespace kv::cli
