// An Engine in memory, for tests and simulation: a disk that can lose what was not synced, tear the
// batch that was being written, fill up and fail on demand.
//
// The disk is one table per family and a log. A commit appends one frame to the log; a sync folds
// the log into the tables. After crash() the log is read back as a real one is: frame by frame, up
// to the first that is not whole. Rejected: undoing batches one by one, which is shorter but could
// not show that a torn batch is found.
//
// Threads as the port says; set_faults, unsynced and crash belong to the thread that commits.
// crash() with nobody else inside.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "node/storage/engine.h"

namespace kv::storage {

class MemoryEngine final : public Engine {
 public:
  // What is wrong with the disk. A status that is not OK is what that operation answers, having
  // done nothing.
  struct Faults {
    absl::Status get = absl::OkStatus();
    absl::Status scan = absl::OkStatus();
    absl::Status commit = absl::OkStatus();
    absl::Status sync = absl::OkStatus();
    std::uint64_t capacity_bytes =
        UINT64_MAX;  // a commit that needs more answers RESOURCE_EXHAUSTED
  };

  MemoryEngine();

  absl::StatusOr<std::optional<std::string>> get(Family family,
                                                 std::string_view key) const override;
  absl::Status scan(Family family, std::string_view from, std::string_view to,
                    const Visitor& visit) const override;
  absl::Status commit(const WriteBatch& batch) override;
  absl::Status sync() override;
  std::uint64_t disk_bytes() const override;

  void set_faults(Faults faults);

  // How many commits a power loss may still take. The death of the process alone takes none: go on
  // with this engine.
  std::size_t unsynced() const;

  // A copy of the disk as it is now, as an operator's backup or a clone of the machine would be; without faults.
  std::unique_ptr<MemoryEngine> copy() const;

  // Power loss. The first `keep` unsynced commits had reached the disk (precondition: there are as
  // many), and so had `torn_bytes` bytes of the next one, at most all but one: it is found to be
  // torn, and the whole batch is absent. Faults stay as set; the refusal of commits after a failed
  // sync ends.
  void crash(std::size_t keep, std::size_t torn_bytes = 0);

 private:
  using Map = std::map<std::string, std::string, std::less<>>;

  Map& writable(Family family);

  mutable std::mutex mutex_;
  // What readers see: tables and log. A scan holds on to its family's map, so that it sees one
  // moment without blocking anyone; a commit that finds a map held copies it first.
  std::shared_ptr<Map> live_[kFamilies];
  Map tables_[kFamilies];
  std::uint64_t table_bytes_ = 0;
  std::string log_;
  std::vector<std::size_t> frame_ends_;  // in log_, one per unsynced commit
  absl::Status failed_;  // of the first failed sync: nothing after it can be trusted
  Faults faults_;
};

}  // namespace kv::storage
