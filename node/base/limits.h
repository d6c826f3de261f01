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
constexpr std::size_t kMaxDecimalBytes = 100;  // a number in a bucket of policy max or min
constexpr std::int64_t kMaxTtlMs = 100LL * 365 * 24 * 3600 * 1000;
constexpr std::int64_t kMaxExpiresMs = 1LL << 48;  // as far as an HLC reaches
constexpr std::int64_t kDefaultDeadlineMs = 2'000;
constexpr std::int64_t kMaxDeadlineMs = 60'000;

constexpr std::size_t kMaxNodes = 128;
constexpr std::size_t kMaxPartitions = 4096;
constexpr std::size_t kMaxReplicas = 7;

}  // namespace kv
