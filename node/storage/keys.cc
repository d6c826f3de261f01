#include "node/storage/keys.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "node/base/check.h"
#include "node/base/limits.h"
#include "node/storage/collections.h"

namespace kv::storage {
namespace {

constexpr std::size_t kPartitionBytes = 2;
constexpr std::size_t kNumberBytes = 8;
constexpr std::size_t kDotBytes = 2 * kNumberBytes;
constexpr std::size_t kLogKeyBytes = kPartitionBytes + kDotBytes;

// Flags of a log entry.
constexpr int kPerishable = 1;
constexpr int kRequested = 2;

std::uint64_t big_endian(std::uint64_t value) {
  return std::endian::native == std::endian::big ? value : __builtin_bswap64(value);
}

void append_number(std::string& out, std::uint64_t value) {
  const std::uint64_t bytes = big_endian(value);
  out.append(reinterpret_cast<const char*>(&bytes), kNumberBytes);
}

// Of the first bytes. Precondition: there are enough.
std::uint64_t read_number(std::string_view bytes) {
  std::uint64_t value = 0;
  KV_CHECK(bytes.size() >= kNumberBytes, "keys are made here");
  std::memcpy(&value, bytes.data(), kNumberBytes);
  return big_endian(value);
}

// The partition, and room for what follows.
std::string start_of_key(Partition partition, std::size_t more_bytes) {
  std::string out;
  out.reserve(kPartitionBytes + more_bytes);
  out.push_back(static_cast<char>(partition.value >> 8));
  out.push_back(static_cast<char>(partition.value));
  return out;
}

void append_dot(std::string& out, Dot dot) {
  const std::uint64_t bytes[] = {big_endian(dot.actor.id), big_endian(dot.counter)};
  static_assert(sizeof bytes == kDotBytes);
  out.append(reinterpret_cast<const char*>(bytes), kDotBytes);
}

Dot read_dot(std::string_view bytes) {
  return {Actor{read_number(bytes)}, read_number(bytes.substr(kNumberBytes))};
}

void append_time(std::string& out, WallMs at) {
  append_number(out, static_cast<std::uint64_t>(std::max<std::int64_t>(at.ms, 0)));
}

WallMs read_time(std::string_view bytes) {
  return WallMs{static_cast<std::int64_t>(read_number(bytes))};
}

std::size_t separator(std::string_view storage_key) {
  const std::size_t at = storage_key.find('\0', 1);
  KV_CHECK(at != std::string_view::npos, "a storage key holds a zero byte after its bucket");
  return at;
}

}  // namespace

const Bucket& default_bucket() {
  static const Bucket bucket{PolicyKind::kLww, "default", 0};
  return bucket;
}

std::string storage_key(const Bucket& bucket, std::string_view user_key) {
  KV_CHECK(bucket.name.find('\0') == std::string::npos,
           "bucket names are checked where they enter");
  std::string out;
  out.reserve(1 + bucket.name.size() + 1 + user_key.size());
  out.push_back(static_cast<char>(bucket.policy));
  out.append(bucket.name).push_back('\0');
  return out.append(user_key);
}

std::string_view bucket_of(std::string_view storage_key) {
  return storage_key.substr(1, separator(storage_key) - 1);
}

std::string_view user_key_of(std::string_view storage_key) {
  return storage_key.substr(separator(storage_key) + 1);
}

const Policy& policy_of(std::string_view storage_key) {
  const PolicyKind kind{storage_key.front()};
  if (kind != PolicyKind::kMap) return policy(kind);
  const auto leaf = leaf_policy(storage_key);
  KV_CHECK(leaf.has_value(), "what enters is checked");
  return policy(*leaf);
}

bool is_storage_key(std::string_view bytes) {
  const std::size_t zero = bytes.find('\0', 1);
  if (zero == std::string_view::npos || !is_policy(bytes.front())) return false;
  if (zero < 2 || zero - 1 > kMaxBucketBytes) return false;
  if (is_collection(PolicyKind{bytes.front()})) return leaf_of(bytes).has_value();
  const std::size_t key_bytes = bytes.size() - zero - 1;
  return key_bytes >= 1 && key_bytes <= kMaxKeyBytes;
}

std::string next_key(std::string_view key) { return key.empty() ? "" : std::string(key) + '\0'; }

std::string partition_prefix(Partition partition) { return start_of_key(partition, 0); }

std::string prefix_end(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

std::string partition_end(Partition partition) { return prefix_end(partition_prefix(partition)); }

std::string object_key(Partition partition, std::string_view storage_key) {
  return start_of_key(partition, storage_key.size()).append(storage_key);
}

std::string log_key(Partition partition, Dot dot) {
  std::string out = start_of_key(partition, kDotBytes);
  append_dot(out, dot);
  return out;
}

Dot dot_of_log_key(std::string_view log_key) {
  KV_CHECK(log_key.size() == kLogKeyBytes, "made by log_key");
  return read_dot(log_key.substr(kPartitionBytes));
}

std::string log_value(const LogEntry& entry) {
  std::string out(1, static_cast<char>((entry.perishable ? kPerishable : 0) |
                                       (entry.request.has_value() ? kRequested : 0)));
  if (entry.request.has_value()) append_number(out, *entry.request);
  return out.append(entry.storage_key);
}

LogEntry log_entry(std::string_view log_value) {
  KV_CHECK(!log_value.empty(), "made by log_value");
  LogEntry entry{(log_value[0] & kPerishable) != 0, log_value.substr(1), {}};
  if ((log_value[0] & kRequested) == 0) return entry;
  KV_CHECK(log_value.size() > kNumberBytes, "made by log_value");
  entry.request = read_number(log_value.substr(1));
  entry.storage_key = log_value.substr(1 + kNumberBytes);
  return entry;
}

std::string context_prefix(Partition partition) { return "c" + partition_prefix(partition); }

std::string context_key(Partition partition, std::string_view storage_key) {
  return context_prefix(partition).append(storage_key);
}

std::string due_prefix(Partition partition) { return "d" + partition_prefix(partition); }

std::string due_key(Partition partition, WallMs at, std::string_view storage_key) {
  std::string out = due_prefix(partition);
  append_time(out, at);
  return out.append(storage_key);
}

Due due_of_key(std::string_view due_key) {
  constexpr std::size_t kTimeAt = 1 + kPartitionBytes;
  KV_CHECK(due_key.size() > kTimeAt + kNumberBytes, "made by due_key");
  return {read_time(due_key.substr(kTimeAt)), due_key.substr(kTimeAt + kNumberBytes)};
}

std::string requests_prefix(Partition partition) { return "q" + partition_prefix(partition); }

std::string request_prefix(Partition partition, std::uint64_t name) {
  std::string out = requests_prefix(partition);
  append_number(out, name);
  return out;
}

std::string request_key(Partition partition, std::uint64_t name, Dot dot) {
  std::string out = request_prefix(partition, name);
  append_dot(out, dot);
  return out;
}

std::string request_age_prefix(Partition partition) { return "a" + partition_prefix(partition); }

std::string request_age_key(Partition partition, const RequestAge& age) {
  std::string out = request_age_prefix(partition);
  append_time(out, age.at);
  append_number(out, age.name);
  append_dot(out, age.dot);
  return out;
}

RequestAge request_age_of_key(std::string_view key) {
  constexpr std::size_t kTimeAt = 1 + kPartitionBytes;
  KV_CHECK(key.size() == kTimeAt + 2 * kNumberBytes + kDotBytes, "made by request_age_key");
  return {read_time(key.substr(kTimeAt)), read_number(key.substr(kTimeAt + kNumberBytes)),
          read_dot(key.substr(kTimeAt + 2 * kNumberBytes))};
}

std::string conflict_prefix(Partition partition) { return "j" + partition_prefix(partition); }

std::string conflict_key(Partition partition, WallMs at, Dot lost) {
  std::string out = conflict_prefix(partition);
  append_time(out, at);
  append_dot(out, lost);
  return out;
}

NotedAt noted_at(std::string_view conflict_key) {
  constexpr std::size_t kTimeAt = 1 + kPartitionBytes;
  KV_CHECK(conflict_key.size() == kTimeAt + kNumberBytes + kDotBytes, "made by conflict_key");
  return {read_time(conflict_key.substr(kTimeAt)),
          read_dot(conflict_key.substr(kTimeAt + kNumberBytes))};
}

std::string replica_prefix() { return "r"; }

std::string replica_key(Partition partition) {
  return replica_prefix() + partition_prefix(partition);
}

std::string node_key() { return "node"; }

}  // namespace kv::storage
