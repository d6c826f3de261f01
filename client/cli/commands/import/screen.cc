#include "client/cli/commands/import/screen.h"

namespace kv::cli {
namespace {

constexpr std::chrono::milliseconds kInterval{100};
constexpr const char* kEraseLine = "\r\x1b[K";

}  // namespace

void Screen::message(const std::string& line) {
  const std::lock_guard lock(mutex_);
  erase();
  console_.err << line << std::flush;
}

bool Screen::wants_progress() {
  if (!console_.err_is_terminal) return false;
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return false;
  next_ = now + kInterval;
  return true;
}

void Screen::progress(const std::string& line) {
  if (!console_.err_is_terminal) return;
  const std::lock_guard lock(mutex_);
  console_.err << kEraseLine << line << std::flush;
  shown_ = true;
}

void Screen::clear() {
  const std::lock_guard lock(mutex_);
  erase();
}

void Screen::erase() {
  if (shown_) console_.err << kEraseLine << std::flush;
  shown_ = false;
}

}  // namespace kv::cli
