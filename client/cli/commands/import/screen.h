// Standard error of a command that shows progress: one line at the bottom that is redrawn, and
// messages above it. Thread-safe. Draws only on a terminal, and at most ten times a second.
#pragma once

#include <chrono>
#include <mutex>
#include <string>

#include "client/cli/commands/console.h"

namespace kv::cli {

class Screen {
 public:
  explicit Screen(Console& console) : console_(console) {}
  ~Screen() { clear(); }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // Prints `line`, which ends with a newline, above the progress.
  void message(const std::string& line);

  // Whether it is time to draw again; what is to be drawn need not be made otherwise.
  bool wants_progress();

  void progress(const std::string& line);

  // Takes the progress away. More may follow.
  void clear();

 private:
  void erase();

  Console& console_;
  std::mutex mutex_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_{};
};

}  // namespace kv::cli
