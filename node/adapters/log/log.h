// The node's log: one line per record, for people or as JSON, to stderr or to a file. Wraps spdlog,
// which no other header of ours includes.
//
//   human   2024-05-01T12:00:00.250Z WARN  n1 peer n3 has not answered for 2000 ms
//   json    {"time":"2024-05-01T12:00:00.250Z","level":"warn","node":"n1","message":"..."}
//
// A record is always one line, whatever the message contains: control characters are escaped in
// both formats, and JSON replaces what is not UTF-8 by U+FFFD. Messages often carry what came from
// outside; they must not be able to forge records or to move a terminal's cursor.
//
// Threads: log from any; init() only while no other thread logs. Until init() the log goes to
// stderr, for people, from info upwards. Every record from info upwards is flushed at once, so that
// what a node said before it was killed can be read; debug records are flushed with the next of
// those. A record that cannot be written is dropped, and stderr says so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace kv::log {

enum class Format : std::uint8_t { kHuman, kJson };
enum class Level : std::uint8_t { kDebug, kInfo, kWarn, kError };  // in ascending order

struct Options {
  Format format = Format::kHuman;
  Level level = Level::kInfo;  // the least that is written
  std::string node = "";       // stands in every record; may be empty
  std::string file = "";       // appended to; its folder is created. Empty: stderr
};

// From here on the log is as `options` say. When the file cannot be opened, the error names it and
// the old log stays.
absl::Status init(const Options& options);

void debug(std::string_view message);
void info(std::string_view message);
void warn(std::string_view message);
void error(std::string_view message);

// Whether records of this level are written: for messages that are dear to make.
bool enabled(Level level);

void flush();

}  // namespace kv::log
