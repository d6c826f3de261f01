// The line that shows how far an import is, as text; who prints it, and when, is not decided here.
// Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace kv::cli {

struct Progress {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;                     // of the input, read so far
  std::optional<std::uint64_t> total_bytes{};  // of the input, where it is known
  std::chrono::milliseconds elapsed{0};
};

// One line of at most `width` columns, without a newline: with a known total percentage, bar and
// time left; always the records and their rate.
std::string format_progress(const Progress& progress, std::size_t width);

// Records per second; 0 before any time has passed.
std::uint64_t rate(std::uint64_t records, std::chrono::milliseconds elapsed);

}  // namespace kv::cli
