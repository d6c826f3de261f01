// What RocksDB's own recovery modes leave out: the batches in its log must follow each other
// without a gap.
//
// RocksDB numbers every change. In the mode that tolerates a torn last record (the one we need: a
// killed process leaves such a tail), it tolerates one at the end of *each* log file, and goes on
// with the next file: a power loss that took the end of an older file would leave a hole, and
// batches after it would be used. This filter sees each batch as it is replayed and stops at the
// first whose number is not the successor of the last.
//
// Used by one rocksdb::DB::Open call. Not thread-safe.
#pragma once

#include <rocksdb/wal_filter.h>

#include <cstdint>
#include <string>

namespace kv::storage {

class GapFilter final : public rocksdb::WalFilter {
 public:
  // What to do at a gap: `option`, which is kCorruptedRecord (open fails) or kStopReplay (the rest
  // is dropped).
  explicit GapFilter(WalProcessingOption option) : at_gap_(option) {}

  const char* Name() const override {
    return "a hole in the log, in front of";
  }  // ends RocksDB's error text

  WalProcessingOption LogRecordFound(unsigned long long log_number, const std::string& log_file,
                                     const rocksdb::WriteBatch& batch,
                                     rocksdb::WriteBatch* new_batch, bool* batch_changed) override;

 private:
  WalProcessingOption at_gap_;
  std::uint64_t next_ = 0;  // 0: nothing seen yet
};

}  // namespace kv::storage
