#include "node/adapters/rocksdb/log_replay.h"

#include <rocksdb/write_batch.h>

#include <bit>
#include <cstring>

namespace kv::storage {
namespace {

// A batch in the log starts with the number of its first change, 8 bytes, little-endian. Part of
// RocksDB's disk format.
std::uint64_t first_number(const rocksdb::WriteBatch& batch) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t number = 0;
  std::memcpy(&number, batch.Data().data(), sizeof(number));
  return number;
}

}  // namespace

rocksdb::WalFilter::WalProcessingOption GapFilter::LogRecordFound(
    unsigned long long /*log_number*/, const std::string& /*log_file*/,
    const rocksdb::WriteBatch& batch, rocksdb::WriteBatch* /*new_batch*/, bool* /*batch_changed*/) {
  const std::uint64_t number = first_number(batch);
  if (next_ != 0 && number != next_) return at_gap_;
  next_ = number + batch.Count();
  return WalProcessingOption::kContinueProcessing;
}

}  // namespace kv::storage
