#include "jepsen-style-tests/process/jepsen/recorder.h"

#include "jepsen-style-tests/history/history_codec.h"

namespace kv::jepsen {

Recorder::Recorder(const std::filesystem::path& file, history::Setup setup,
                   std::chrono::steady_clock::time_point begin)
    : begin_(begin), file_(file) {
  history_.setup = std::move(setup);
  file_ << history::to_line(history_.setup) << '\n';
}

template <typename T>
void Recorder::note(std::vector<T>& all, T item) {
  const std::string line = history::to_line(item) + "\n";
  const std::lock_guard lock(mutex_);
  file_ << line;
  all.push_back(std::move(item));
}

void Recorder::add(history::Operation operation) {
  {
    const std::lock_guard lock(mutex_);
    acknowledged_ += operation.outcome == history::Outcome::kOk && !operation.final ? 1 : 0;
  }
  note(history_.operations, std::move(operation));
}

void Recorder::add(history::Told told) { note(history_.told, std::move(told)); }
void Recorder::add(history::Condition condition) {
  note(history_.conditions, std::move(condition));
}
void Recorder::add(history::DiskLoss loss) { note(history_.disk_losses, std::move(loss)); }
void Recorder::add(history::Memory memory) { note(history_.memory, std::move(memory)); }
void Recorder::add(history::Stall stall) { note(history_.stalls, stall); }
void Recorder::add(history::Rest rest) { note(history_.rests, std::move(rest)); }
void Recorder::add(history::Fault fault) { note(history_.faults, std::move(fault)); }

void Recorder::death(std::string what) {
  const std::lock_guard lock(mutex_);
  file_ << history::death_line(what) << '\n';
  history_.deaths.push_back(std::move(what));
}

void Recorder::complete() {
  const std::lock_guard lock(mutex_);
  history_.complete = true;
  file_ << history::end_line() << std::endl;
}

void Recorder::flush() {
  const std::lock_guard lock(mutex_);
  file_.flush();
}

std::uint64_t Recorder::acknowledged() const {
  const std::lock_guard lock(mutex_);
  return acknowledged_;
}

}  // namespace kv::jepsen
