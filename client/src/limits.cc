#include "kv/limits.h"

#include <absl/strings/str_cat.h>

namespace kv::client {
namespace {

absl::Status check_size(absl::string_view name, std::size_t size, std::size_t limit) {
  if (size <= limit) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " has ", size, " bytes; the limit is ", limit));
}

}  // namespace

absl::Status check_timeout(std::chrono::milliseconds timeout) {
  if (timeout.count() > 0 && timeout <= kMaxTimeout) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("timeout is ", timeout.count(),
                                                 " ms; it must be more than 0 and at most ",
                                                 kMaxTimeout.count(), " ms"));
}

absl::Status check_key(absl::string_view key) {
  if (key.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("key is empty; it must have 1 to ", kMaxKeyBytes, " bytes"));
  }
  return check_size("key", key.size(), kMaxKeyBytes);
}

absl::Status check_write(absl::string_view key, absl::string_view value, absl::string_view token) {
  if (absl::Status status = check_key(key); !status.ok()) return status;
  if (absl::Status status = check_size("value", value.size(), kMaxValueBytes); !status.ok())
    return status;
  return check_size("token", token.size(), kMaxTokenBytes);
}

absl::Status check_session(const Session* session) {
  if (session == nullptr) return absl::OkStatus();
  return check_size("session", session->bytes.size(), kMaxTokenBytes);
}

absl::Status check_request_id(absl::string_view id) {
  return check_size("request id", id.size(), kMaxRequestIdBytes);
}

absl::Status check_batch(const std::vector<Operation>& operations) {
  if (operations.size() > kMaxBatchOperations) {
    return absl::InvalidArgumentError(absl::StrCat(
        "batch has ", operations.size(), " operations; the limit is ", kMaxBatchOperations));
  }
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const Operation& operation = operations[i];
    absl::Status status = check_write(operation.key, operation.value, operation.token);
    if (status.ok()) status = check_request_id(operation.request_id);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("operation ", i + 1, ": ", status.message()));
    }
    bytes += operation.key.size() + operation.value.size() + operation.token.size() +
             operation.leaf.element.size() + operation.change.value.size();
    for (const std::string& field : operation.leaf.path) bytes += field.size();
  }
  return check_size("batch", bytes, kMaxBatchBytes);
}

absl::Status check_scan(const ScanOptions& options) {
  if (absl::Status status = check_timeout(options.timeout); !status.ok()) return status;
  if (absl::Status status = check_size("prefix", options.prefix.size(), kMaxKeyBytes); !status.ok())
    return status;
  if (absl::Status status = check_size("start", options.start.size(), kMaxKeyBytes); !status.ok())
    return status;
  return check_size("end", options.end.size(), kMaxKeyBytes);
}

absl::Status check_watch(const WatchOptions& options) {
  if (options.key.has_value()) {
    if (absl::Status status = check_key(*options.key); !status.ok()) return status;
  }
  if (absl::Status status = check_size("prefix", options.prefix.size(), kMaxKeyBytes); !status.ok())
    return status;
  return check_size("token", options.token.size(), kMaxTokenBytes);
}

}  // namespace kv::client
