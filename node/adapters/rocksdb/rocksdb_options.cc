#include "node/adapters/rocksdb/rocksdb_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/flush_block_policy.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <string>

#include "node/storage/keys.h"

namespace kv::storage {
namespace {

constexpr double kBloomBitsPerKey = 10;  // 1 % false positives; most lookups of a new key end here
constexpr std::size_t kMinWriteBufferBytes = 1 << 20;

// Ends a block with its partition, too: what is damaged in one partition is in no other's way.
class BlockPerPartition final : public rocksdb::FlushBlockPolicy {
 public:
  explicit BlockPerPartition(std::unique_ptr<rocksdb::FlushBlockPolicy> by_size)
      : by_size_(std::move(by_size)) {}

  bool Update(const rocksdb::Slice& key, const rocksdb::Slice& value) override {
    const std::size_t bytes = partition_prefix(Partition{}).size();
    const std::string_view prefix(key.data(), std::min(bytes, key.size()));
    const bool is_next = !prefix_.empty() && prefix != prefix_;
    prefix_ = prefix;
    return by_size_->Update(key, value) || is_next;
  }

 private:
  const std::unique_ptr<rocksdb::FlushBlockPolicy> by_size_;
  std::string prefix_;
};

class BlocksPerPartition final : public rocksdb::FlushBlockPolicyFactory {
 public:
  const char* Name() const override { return "BlocksPerPartition"; }
  rocksdb::FlushBlockPolicy* NewFlushBlockPolicy(
      const rocksdb::BlockBasedTableOptions& options,
      const rocksdb::BlockBuilder& block) const override {
    return new BlockPerPartition(std::unique_ptr<rocksdb::FlushBlockPolicy>(
        rocksdb::FlushBlockBySizePolicyFactory().NewFlushBlockPolicy(options, block)));
  }
};

std::shared_ptr<rocksdb::TableFactory> table_factory(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  table.whole_key_filtering = true;
  // Indexes and filters live in the cache too, so that one number bounds what reading costs.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  // With the first and last key of each block in the index, whole, a scan reads no block of another partition.
  table.flush_block_policy_factory = std::make_shared<BlocksPerPartition>();
  table.index_type = rocksdb::BlockBasedTableOptions::kBinarySearchWithFirstKey;
  table.index_shortening = rocksdb::BlockBasedTableOptions::IndexShorteningMode::kNoShortening;
  return std::shared_ptr<rocksdb::TableFactory>(rocksdb::NewBlockBasedTableFactory(table));
}

}  // namespace

rocksdb::DBOptions database_options(const RocksdbOptions& options, LogHoles holes) {
  rocksdb::DBOptions db;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.paranoid_checks = true;

  // kTolerateCorruptedTailRecords accepts an incomplete last record, which is what a killed process
  // leaves, and fails on any other damage. kPointInTimeRecovery would silently drop everything from
  // a damaged record on, though acknowledged to clients; kAbsoluteConsistency would not start after
  // a kill. GapFilter closes the hole that the first one leaves.
  db.wal_recovery_mode = holes == LogHoles::kRefuse
                             ? rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords
                             : rocksdb::WALRecoveryMode::kPointInTimeRecovery;

  // The log of the last run becomes tables when it is replayed, so that a log is only ever read by
  // the start after it.
  db.avoid_flush_during_recovery = false;

  // Families fill at different speeds, and a log file lives until all of them are written out: this
  // bounds the replay.
  db.max_total_wal_size = 4 * std::max(options.write_buffer_bytes, kMinWriteBufferBytes);

  // Logs that no restart needs are kept, until change_log.h removes them: as if for ever.
  db.WAL_ttl_seconds = std::uint64_t{1} << 40;
  db.WAL_size_limit_MB = 0;

  // Several nodes share one small machine: few files, few threads, a short info log and no periodic
  // statistics.
  db.max_open_files = 256;
  db.max_background_jobs = 2;
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.max_log_file_size = 1 << 20;
  db.keep_log_file_num = 2;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.max_manifest_file_size = 4 << 20;

  // Tables are written out as they are made, not in one burst that would hold up the log's fsync.
  db.bytes_per_sync = 1 << 20;
  return db;
}

std::vector<rocksdb::ColumnFamilyDescriptor> column_families(const RocksdbOptions& options) {
  const auto cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  rocksdb::ColumnFamilyOptions family;
  family.table_factory = table_factory(cache);
  // LZ4 halves typical values for about a microsecond per block. Debian's RocksDB also has Snappy,
  // zlib, bzip2 and ZSTD: the first is no better, the others cost more CPU than two cores shared by
  // three nodes have to give.
  family.compression = rocksdb::kLZ4Compression;
  family.level_compaction_dynamic_level_bytes = true;

  rocksdb::ColumnFamilyOptions objects = family;
  objects.write_buffer_size = std::max(options.write_buffer_bytes, kMinWriteBufferBytes);
  rocksdb::ColumnFamilyOptions small = family;
  small.write_buffer_size = std::max(options.write_buffer_bytes / 8, kMinWriteBufferBytes);
  return {{rocksdb::kDefaultColumnFamilyName, small},
          {"objects", objects},
          {"log", small},
          {"meta", small}};
}

}  // namespace kv::storage
