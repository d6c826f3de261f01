// The layout of keys on disk. Integers are big-endian, so that byte order is numeric order.
//
//   objects  partition (2), bucket, 0, user key          -> ObjectRecord
//   log      partition (2), actor (8), counter (8)       -> bucket, 0, user key
//   meta     'r', partition (2)                          -> ReplicaRecord
//            "node"                                      -> NodeRecord
//
// "Storage key" means bucket, 0, user key: it names a key within its partition and travels between
// nodes. Bucket names hold no zero byte, so a storage key splits in one way only.
#pragma once

#include <string>
#include <string_view>

#include "node/base/types.h"
#include "node/causality/dot.h"

namespace kv::storage {

std::string storage_key(std::string_view bucket, std::string_view user_key);
std::string_view bucket_of(std::string_view storage_key);    // precondition: holds a zero byte
std::string_view user_key_of(std::string_view storage_key);  // precondition: holds a zero byte

// The first possible key after `key`; "" for "", which stands for the beginning or the end.
std::string next_key(std::string_view key);

std::string partition_prefix(Partition partition);

// The first key after the partition's; empty after the last possible one.
std::string partition_end(Partition partition);

std::string object_key(Partition partition, std::string_view storage_key);
std::string log_key(Partition partition, Dot dot);
Dot dot_of_log_key(std::string_view log_key);  // precondition: made by log_key
std::string replica_key(Partition partition);
std::string node_key();

}  // namespace kv::storage
