// A RocksDB engine on a directory of its own, whose process can be killed and whose machine can
// lose power: for tests.
//
// Killing is copying: what another process could read of the files while the engine is alive is
// what a kill would leave. A power loss cuts the copied log somewhere behind what the last sync
// covered.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "node/adapters/rocksdb/rocksdb_engine.h"
#include "node/storage/engine_contract.h"

namespace kv::storage {

// Copies the directory of an engine that is open. It may remove a file of its own that it needs no
// more in the midst of that: then the copy is made anew.
inline void copy_alive(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code error;
  do {
    std::filesystem::remove_all(to);
    error.clear();
    std::filesystem::copy(from, to, std::filesystem::copy_options::recursive, error);
  } while (error == std::errc::no_such_file_or_directory);
  ASSERT_FALSE(error) << error.message();
}

class TempDir {
 public:
  TempDir() {
    std::string pattern = testing::TempDir() + "kv_rocksdb_XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "cannot create " << pattern;
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The log files of a data directory, oldest first.
inline std::vector<std::filesystem::path> log_files(const std::filesystem::path& data_dir) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(data_dir))
    if (entry.path().extension() == ".log") found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

class RocksdbHarness final : public EngineHarness {
 public:
  RocksdbHarness() { start(); }

  Engine& engine() override { return *engine_; }
  RocksdbEngine& rocksdb() { return *engine_; }
  std::filesystem::path data_dir() const { return root_.path() / std::to_string(generation_); }

  absl::Status sync() override {
    const absl::Status status = engine_->sync();
    if (status.ok()) note_synced();
    return status;
  }

  void reopen() override {
    leave_as_killed();
    start();
  }

  void crash(std::uint64_t random) override {
    leave_as_killed();
    cut_unsynced(random);
    start();
    note_synced();  // what was on the disk when the machine started stays there
  }

  void overflow_changes() override {
    const std::uint64_t before = engine_->position();
    WriteBatch batch;
    batch.put(Family::kObjects, "filler", std::string(1 << 20, 'x'));
    for (int i = 0; i < 1000 && engine_->changes(before).ok(); ++i) {
      ASSERT_TRUE(engine_->commit(batch).ok());
      ASSERT_TRUE(sync().ok());
    }
    ASSERT_FALSE(engine_->changes(before).ok()) << "the archive is not trimmed";
  }

  // The process dies; its directory, as it is at this moment, is data_dir() and nobody has it open.
  void leave_as_killed() {
    namespace fs = std::filesystem;
    const fs::path old = data_dir();
    ++generation_;
    copy_alive(old, data_dir());
    engine_.reset();
    fs::remove_all(old);
  }

 private:
  void start() {
    auto engine = RocksdbEngine::open({.data_dir = data_dir().string(),
                                       .block_cache_bytes = 8 << 20,
                                       .write_buffer_bytes = 8 << 20,
                                       .reserve_bytes = 0,
                                       .change_log_bytes = 8 << 20,
                                       .boot_id = ""});
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = std::move(*engine);
  }

  void note_synced() {
    synced_.clear();
    for (const auto& file : log_files(data_dir()))
      synced_[file.filename()] = std::filesystem::file_size(file);
  }

  void cut_unsynced(std::uint64_t random) {
    const auto files = log_files(data_dir());
    std::uintmax_t unsynced = 0;
    for (const auto& file : files)
      unsynced += std::filesystem::file_size(file) - synced_[file.filename()];
    std::uintmax_t keep = random % (unsynced + 1);
    for (const auto& file : files) {
      const std::uintmax_t synced = synced_[file.filename()];
      const std::uintmax_t kept = std::min(keep, std::filesystem::file_size(file) - synced);
      std::filesystem::resize_file(file, synced + kept);
      keep -= kept;
    }
  }

  TempDir root_;
  int generation_ = 0;
  std::map<std::filesystem::path, std::uintmax_t> synced_;  // by name: how much of a log file is
  std::unique_ptr<RocksdbEngine> engine_;
};

}  // namespace kv::storage
