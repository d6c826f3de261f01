// RocksDB's statuses as ours, in words for whoever runs the node.
#pragma once

#include <rocksdb/status.h>

#include <string>

#include "absl/status/status.h"

namespace kv::storage {

// DATA_LOSS for damage, RESOURCE_EXHAUSTED for a full disk, PERMISSION_DENIED, UNAVAILABLE for what
// may pass by itself, INTERNAL for all else. The text names the directory.
absl::Status from_rocksdb(const rocksdb::Status& status, const std::string& data_dir);

// The same for a failure to open, with what to do about it. FAILED_PRECONDITION when the directory
// is in use.
absl::Status from_failed_open(const rocksdb::Status& status, const std::string& data_dir);

}  // namespace kv::storage
