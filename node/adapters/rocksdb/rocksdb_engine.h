// The storage port on RocksDB (node/storage/engine.h has the contract): one column family per
// family, one write batch per commit, the write-ahead log on but synced only by sync().
//
// What a start does with the log that the last process left:
//   - A torn last batch is dropped: the process was killed while writing it, and it was never
//   acknowledged.
//   - Any other damage, and any gap in the numbering of batches, is DATA_LOSS: what follows a hole
//   is never used.
//   - Unless the machine has been restarted since. A power loss may leave holes in whatever was not
//   synced, so then
//     everything before the first hole is kept, the rest is dropped, and recovery_note() says so.
//     The replicas on this node must treat it as lost writes (2-protocol, section 6); comparing
//     boot ids tells them the same.
//
// The log of changes is the write-ahead log itself (change_log.h).
//
// Threads: as the port says; commit() itself may also be called from several. The directory is
// locked while the engine lives, against other processes and other engines in this one. Everything
// is released by the destructor, which syncs nothing.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "node/storage/engine.h"

namespace kv::storage {

struct RocksdbOptions {
  std::string data_dir;  // created if absent
  std::size_t block_cache_bytes = 64 << 20;
  // Memory for what is not yet in tables. At most about twice this is used, while the older half is
  // being written out.
  std::size_t write_buffer_bytes = 16 << 20;
  // Commits are refused while the file system has less free than this, so that what was accepted
  // can still be written out and a full disk is an answer instead of a broken log.
  std::size_t reserve_bytes = 64 << 20;
  // Of the write-ahead log, what is kept for changes() beyond what a restart needs: whole files, of up to four write buffers
  // each. It may be exceeded by an eighth.
  std::size_t change_log_bytes = 128 << 20;
  // Identifies one run of the machine (/proc/sys/kernel/random/boot_id). Empty: unknown, holes in
  // the log are refused.
  std::string boot_id;
};

class RocksdbEngine final : public Engine {
 public:
  // FAILED_PRECONDITION: the directory is in use, or not ours. PERMISSION_DENIED,
  // RESOURCE_EXHAUSTED (disk full), DATA_LOSS (damaged) and INTERNAL (other I/O errors) as named.
  // The text is for the operator: which directory, and what to do. What to do about DATA_LOSS depends on the other nodes, and
  // is for the caller to say.
  static absl::StatusOr<std::unique_ptr<RocksdbEngine>> open(const RocksdbOptions& options);

  ~RocksdbEngine() override;

  absl::StatusOr<std::optional<std::string>> get(Family family,
                                                 std::string_view key) const override;
  absl::Status scan(Family family, std::string_view from, std::string_view to,
                    const Visitor& visit) const override;

  // Waits while compaction is behind. RESOURCE_EXHAUSTED: the disk is full, nothing was changed,
  // and writing resumes when there is space. After any other failure of the write itself, or of a
  // sync, whether the last batch is there is unknown, and every later commit and sync fails with
  // the same text: only a restart knows. An error of RocksDB's background work is returned while it
  // lasts. If it was damage that it came upon (DATA_LOSS), the directory is of no use any more: the
  // next open() will say so, too.
  absl::Status commit(const WriteBatch& batch) override;

  absl::Status sync() override;

  std::uint64_t position() const override;
  absl::StatusOr<std::unique_ptr<ChangeReader>> changes(std::uint64_t from) const override;

  std::uint64_t disk_bytes() const override;  // everything in the directory

  // What was dropped while opening; empty in the ordinary case. To be logged as a warning.
  const std::string& recovery_note() const;

  // What tells the directory from every copy of it (boot_file.h): as it was when open() found it, and as it is now.
  const std::string& directory_found() const;
  std::string directory() const;

 private:
  struct Impl;
  explicit RocksdbEngine(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace kv::storage
