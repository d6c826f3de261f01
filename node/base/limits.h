// Every bound that a user can run into, in one place. Sizes in bytes unless the name says otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kv {

constexpr std::size_t kMaxKeyBytes = 4 * 1024;
constexpr std::size_t kMaxValueBytes = 4 * 1024 * 1024;
constexpr std::size_t kMaxFieldBytes =
    1024;  // of a map; an element of a set is as long as a key may be
constexpr std::size_t kMaxPathFields = 8;
constexpr std::size_t kMaxBucketBytes = 128;
constexpr std::size_t kMaxTokenBytes = 64 * 1024;
constexpr std::size_t kMaxBatchOperations = 1000;
constexpr std::size_t kMaxBatchBytes = 4 * 1024 * 1024;
constexpr std::size_t kMaxScanPageBytes = 1024 * 1024;
constexpr std::uint64_t kMaxScanPageItems = 10'000;
constexpr std::size_t kMaxSiblings =
    100;  // at one replica; concurrent writes at several may make more
constexpr std::size_t kMaxSiblingBytes = 4 * 1024 * 1024;

// What a replica keeps of versions that lost unseen, per partition; the oldest go first (node/replica/conflicts.h).
constexpr std::size_t kMaxConflicts = 1000;
constexpr std::size_t kMaxConflictBytes = 1024 * 1024;  // of the notes as stored
constexpr std::size_t kMaxConflictValueBytes =
    16 * 1024;  // of a larger value only the size is kept
constexpr std::int64_t kMaxConflictAgeMs = 7LL * 24 * 3600 * 1000;

constexpr std::size_t kMaxDecimalBytes = 100;  // a number in a bucket of policy max or min
constexpr std::size_t kMaxMergeSourceBytes = 16 * 1024;  // of a bucket of policy custom
constexpr std::size_t kMaxMergeValueBytes = 256 * 1024;  // in such a bucket
constexpr std::size_t kMaxMergeSamples = 64;
constexpr std::size_t kMaxMergeSamplesBytes = 1024 * 1024;  // together
constexpr std::int64_t kMaxTtlMs = 100LL * 365 * 24 * 3600 * 1000;
constexpr std::int64_t kMaxExpiresMs = 1LL << 48;  // as far as an HLC reaches
constexpr std::size_t kMaxRequestIdBytes = 64;
// For how long a write with a request id is known again, from its time on; and how many of a partition at most.
constexpr std::int64_t kRequestWindowMs = 10LL * 60 * 1000;
constexpr std::uint64_t kMaxRequestsPerPartition = 50'000;
constexpr std::int64_t kWatchHeartbeatMs =
    5'000;  // a watch with nothing to tell says so this often
constexpr std::int64_t kDefaultDeadlineMs = 2'000;
constexpr std::int64_t kMaxDeadlineMs = 60'000;

constexpr std::size_t kMaxNodes = 128;
constexpr std::size_t kMaxPartitions = 4096;
constexpr std::size_t kMaxReplicas = 7;
// The key space, the catalog, and a key space for each number of replicas that a bucket may have (node/ring/ring.h).
constexpr std::size_t kMaxAllPartitions = kMaxPartitions + 1 + kMaxReplicas * kMaxPartitions;

}  // namespace kv
