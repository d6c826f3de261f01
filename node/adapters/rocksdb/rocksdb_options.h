// RocksDB's settings, each with its reason.
#pragma once

#include <rocksdb/db.h>

#include <vector>

#include "node/adapters/rocksdb/rocksdb_engine.h"

namespace kv::storage {

// In a directory that another run of the machine wrote, a hole in the log is what a power loss
// leaves.
enum class LogHoles { kRefuse, kStopThere };

rocksdb::DBOptions database_options(const RocksdbOptions& options, LogHoles holes);

// "default", which RocksDB insists on and which stays empty, and one per Family in the order of the
// enum.
std::vector<rocksdb::ColumnFamilyDescriptor> column_families(const RocksdbOptions& options);

}  // namespace kv::storage
