// An in-memory engine whose commits and syncs wait where a test wants them to, and which counts them.
//
// Threads: as the storage port says; everything of its own at any time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "node/base/check.h"
#include "node/storage/memory_engine.h"

namespace kv::storage {

class GatedEngine final : public Engine {
 public:
  // A commit or sync passes its gate before it does anything; those that wait do so until it opens.
  class Gate {
   public:
    void hold() { set(true); }
    void open() { set(false); }

    // How many have come to the gate, those that wait included.
    std::uint64_t arrived() const {
      const std::lock_guard lock(mutex_);
      return arrived_;
    }

    // Returns once somebody waits.
    void await_waiting() {
      await([this] { return waiting_ > 0; });
    }

    // Returns once so many have come.
    void await_arrived(std::uint64_t count) {
      await([&] { return arrived_ >= count; });
    }

    void pass() {
      std::unique_lock lock(mutex_);
      ++arrived_;
      ++waiting_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return !held_; });
      --waiting_;
    }

   private:
    template <typename Condition>
    void await(Condition condition) {
      std::unique_lock lock(mutex_);
      KV_CHECK(changed_.wait_for(lock, std::chrono::seconds(30), condition),
               "what is waited for comes in a fraction of this");
    }

    void set(bool held) {
      const std::lock_guard lock(mutex_);
      held_ = held;
      changed_.notify_all();
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool held_ = false;
    std::uint64_t arrived_ = 0;
    std::uint64_t waiting_ = 0;
  };

  absl::StatusOr<std::optional<std::string>> get(Family family,
                                                 std::string_view key) const override {
    return memory_.get(family, key);
  }
  absl::Status scan(Family family, std::string_view from, std::string_view to,
                    const Visitor& visit) const override {
    return memory_.scan(family, from, to, visit);
  }
  absl::Status commit(const WriteBatch& batch) override {
    commits_.pass();
    return memory_.commit(batch);
  }
  absl::Status sync() override {
    syncs_.pass();
    return memory_.sync();
  }
  std::uint64_t position() const override { return memory_.position(); }
  absl::StatusOr<std::unique_ptr<ChangeReader>> changes(std::uint64_t from) const override {
    return memory_.changes(from);
  }
  std::uint64_t disk_bytes() const override { return memory_.disk_bytes(); }

  Gate& commits() { return commits_; }
  Gate& syncs() { return syncs_; }
  MemoryEngine& memory() { return memory_; }

 private:
  MemoryEngine memory_;
  Gate commits_;
  Gate syncs_;
};

}  // namespace kv::storage
