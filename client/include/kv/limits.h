// Limits of the service, and the checks that the client makes against them before it sends
// anything. Pure functions. A refusal is kInvalidArgument and names the field, its size and the
// limit.
#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include <chrono>
#include <cstddef>
#include <vector>

#include "kv/types.h"

namespace kv::client {

inline constexpr std::size_t kMaxKeyBytes = 4096;  // and at least 1
inline constexpr std::size_t kMaxValueBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kMaxTokenBytes = 64 * 1024;
inline constexpr std::size_t kMaxRequestIdBytes = 64;
inline constexpr std::size_t kMaxBatchOperations = 1000;
inline constexpr std::size_t kMaxBatchBytes = 4 * 1024 * 1024;  // keys, values and tokens together
inline constexpr std::size_t kMaxSamples = 64;                  // of a bucket of policy custom
inline constexpr std::size_t kMaxSamplesBytes = 1024 * 1024;    // together
inline constexpr std::chrono::milliseconds kMaxTimeout{60'000};

absl::Status check_timeout(std::chrono::milliseconds timeout);
absl::Status check_key(absl::string_view key);
absl::Status check_write(absl::string_view key, absl::string_view value, absl::string_view token);
absl::Status check_session(const Session* session);   // null: none
absl::Status check_request_id(absl::string_view id);  // empty: none
absl::Status check_batch(const std::vector<Operation>& operations);
absl::Status check_scan(const ScanOptions& options);
absl::Status check_watch(const WatchOptions& options);

}  // namespace kv::client
