// Notes what happens in a run: in memory for the checkers, and in the history's file as it happens.
//
// Thread-safe. The file holds every line at the latest when the recorder is flushed.
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>

#include "jepsen-style-tests/history/history.h"

namespace kv::jepsen {

class Recorder {
 public:
  // `begin`: from when times are counted.
  Recorder(const std::filesystem::path& file, history::Setup setup,
           std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now());

  // On the clock of all processes of this machine.
  std::int64_t begin_us() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(begin_.time_since_epoch()).count();
  }

  std::int64_t now_us() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                                 begin_)
        .count();
  }

  void add(history::Operation operation);
  void add(history::Told told);
  void add(history::Condition condition);
  void add(history::DiskLoss loss);
  void add(history::Memory memory);
  void add(history::Stall stall);
  void add(history::Rest rest);
  void add(history::Fault fault);
  void death(std::string what);
  void complete();
  void flush();

  // Once all others have stopped to add.
  const history::History& history() const { return history_; }
  // Acknowledged so far, without the reads at the end.
  std::uint64_t acknowledged() const;

 private:
  template <typename T>
  void note(std::vector<T>& all, T item);

  const std::chrono::steady_clock::time_point begin_;
  mutable std::mutex mutex_;
  history::History history_;
  std::ofstream file_;
  std::uint64_t acknowledged_ = 0;
};

}  // namespace kv::jepsen
