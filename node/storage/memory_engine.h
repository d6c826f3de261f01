// An Engine in memory, for tests and simulation: a disk that can lose what was not synced, tear the
// batch that was being written, fill up and fail on demand.
//
// The disk is one table per family and a log. A commit appends one frame to the log; a sync moves the
// mark up to which the log is safe, and now and then folds it into the tables. After crash() the log is
// read back as a real one is: frame by frame, up to the first that is not whole. Rejected: undoing
// batches one by one, which is shorter but could not show that a torn batch is found; and folding
// the log at every sync, which simulations spent a tenth of their time on.
//
// Threads as the port says; set_faults, unsynced and crash belong to the thread that commits.
// crash() with nobody else inside.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
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

  static constexpr std::size_t kDefaultKeptChanges = 1000;

  MemoryEngine();

  absl::StatusOr<std::optional<std::string>> get(Family family,
                                                 std::string_view key) const override;
  absl::Status scan(Family family, std::string_view from, std::string_view to,
                    const Visitor& visit) const override;
  absl::Status commit(const WriteBatch& batch) override;
  absl::Status sync() override;
  std::uint64_t position() const override;
  absl::StatusOr<std::unique_ptr<ChangeReader>> changes(std::uint64_t from) const override;
  std::uint64_t disk_bytes() const override;

  // How many of the latest commits changes() can give back.
  void keep_changes(std::size_t commits);

  void set_faults(Faults faults);

  // Bits of what is stored under the key have rotted: reading it, or scanning over it, answers DATA_LOSS until a range that
  // holds it is erased.
  void damage(Family family, std::string key);

  // As scan, but sees through damage and faults: for whoever judges.
  void inspect(Family family, std::string_view from, std::string_view to,
               const Visitor& visit) const;

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
  class Reader;

  Map& writable(Family family);
  void erase_live(Family family, std::string_view from, std::string_view to);
  void change_live(Family family, std::string_view key, std::optional<std::string_view> value);

  mutable std::mutex mutex_;
  // What readers see: tables and log. A scan holds on to its family's map, so that it sees one
  // moment without blocking anyone; a commit that finds a map held copies it first.
  std::shared_ptr<Map> live_[kFamilies];
  std::uint64_t live_bytes_ = 0;
  Map tables_[kFamilies];
  std::string log_;                      // every commit since the tables were made
  std::size_t synced_end_ = 0;           // in log_
  std::uint64_t synced_bytes_ = 0;       // what was live then
  std::vector<std::size_t> frame_ends_;  // in log_, one per unsynced commit
  std::set<std::string, std::less<>> damaged_[kFamilies];
  std::deque<std::shared_ptr<const CommittedChange>>
      changes_;  // the latest commits; their positions follow each other
  std::size_t kept_changes_ = kDefaultKeptChanges;
  std::uint64_t position_ = 1;
  absl::Status failed_;  // of the first failed sync: nothing after it can be trusted
  Faults faults_;
};

}  // namespace kv::storage
