// The log of changes (node/storage/changes.h) out of RocksDB's write-ahead log.
//
// RocksDB hands the batches of its log back, those of earlier runs and those just written alike, and moves a log file that no
// restart needs any more to the folder "archive" when it is told to. There we keep as many as fit a bound, by ourselves: its
// own bound is looked at every ten minutes only. A position is RocksDB's number of a batch's first change. That these follow
// each other without a gap, over files and restarts, is what tells that nothing is missing.
#pragma once

#include <rocksdb/db.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "node/storage/changes.h"

namespace kv::storage {

// `objects`: number of the column family that holds them. The database outlives the reader.
absl::StatusOr<std::unique_ptr<ChangeReader>> read_change_log(rocksdb::DB& db,
                                                              std::uint32_t objects,
                                                              std::uint64_t from,
                                                              const std::string& data_dir);

// Keeps the archive within its bound, which it may exceed by an eighth and by what is being moved there. wrote() may be called
// from any thread, the rest by one at a time. The database outlives it.
class ChangeLogTrimmer {
 public:
  ChangeLogTrimmer(rocksdb::DB& db, const std::string& data_dir, std::uint64_t max_bytes)
      : db_(db), archive_(data_dir + "/archive"), max_bytes_(max_bytes) {}

  void wrote(std::uint64_t bytes) { written_.fetch_add(bytes, std::memory_order_relaxed); }
  void trim_if_due();  // once enough has been written since the last time
  void trim();

 private:
  rocksdb::DB& db_;
  const std::string archive_;
  const std::uint64_t max_bytes_;
  std::atomic<std::uint64_t> written_{0};  // since the last trim
};

}  // namespace kv::storage
