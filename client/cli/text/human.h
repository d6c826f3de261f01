// Figures and tables for people. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace kv::cli {

// "60,123".
std::string with_commas(std::uint64_t number);

// "17 B", "1.5 KiB", "4.0 MiB".
std::string human_bytes(std::uint64_t bytes);

// "340 ms", "1.2 s", "2m05s", "1h02m".
std::string human_duration(std::chrono::milliseconds duration);

// Rows with their cells padded to common widths and two spaces between; no space at the end of a
// line. The widths only ever grow, so that a long table can be printed block by block.
class Table {
 public:
  explicit Table(std::vector<std::string> header);

  void add(std::vector<std::string> row);

  // The rows added since the last call, with the header the first time. Each line ends with a
  // newline.
  std::string take();

 private:
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::size_t> widths_;
};

}  // namespace kv::cli
