// Lines of a stream, one at a time, in bounded memory.
// Not thread-safe. Does not own the stream. Waits for no more input than the next line needs.
#pragma once

#include <absl/strings/string_view.h>

#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>

namespace kv::cli {

struct Line {
  std::uint64_t number = 0;  // from 1
  absl::string_view text;    // without its newline; valid until the next call; empty when too long
  bool too_long = false;
};

class LineReader {
 public:
  // A line longer than this is reported as too long and skipped. It has room for any key and value
  // in any spelling.
  static constexpr std::size_t kMaxLine = 32 * 1024 * 1024;

  explicit LineReader(std::istream& in, std::size_t max_line = kMaxLine)
      : in_(in), max_line_(max_line) {}

  // False at the end of the stream, or when it cannot be read any further: failed() tells which. A
  // last line needs no newline.
  bool next(Line* line);

  // Whether reading broke off with an error.
  bool failed() const { return failed_; }

  std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  bool take(Line* line, std::size_t size, std::size_t newline);
  bool fill();

  std::istream& in_;
  const std::size_t max_line_;
  std::string buffer_;
  std::size_t start_ = 0;    // of the next line, in buffer_
  std::size_t scanned_ = 0;  // up to here buffer_ has no newline
  bool skipping_ = false;    // inside a line that is too long
  bool ended_ = false;
  bool failed_ = false;
  std::uint64_t number_ = 0;
  std::uint64_t bytes_read_ = 0;
};

}  // namespace kv::cli
