#include "node/storage/keys.h"

#include <algorithm>
#include <cstdint>

#include "node/base/check.h"
#include "node/base/limits.h"
#include "node/storage/collections.h"

namespace kv::storage {
namespace {

constexpr std::size_t kPartitionBytes = 2;
constexpr std::size_t kDotBytes = 16;
constexpr std::size_t kLogKeyBytes = kPartitionBytes + kDotBytes;

// Flags of a log entry.
constexpr int kPerishable = 1;
constexpr int kRequested = 2;

void append_big_endian(std::string& out, std::uint64_t value, std::size_t bytes) {
  char all[8];
  for (std::size_t i = 8; i-- > 0; value >>= 8) all[i] = static_cast<char>(value);
  out.append(all + 8 - bytes, bytes);
}

std::uint64_t read_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

// The partition, and room for what follows.
std::string start_of_key(Partition partition, std::size_t more_bytes) {
  std::string out;
  out.reserve(kPartitionBytes + more_bytes);
  append_big_endian(out, partition.value, kPartitionBytes);
  return out;
}

void append_dot(std::string& out, Dot dot) {
  append_big_endian(out, dot.actor.id, 8);
  append_big_endian(out, dot.counter, 8);
}

Dot read_dot(std::string_view bytes) {
  return {Actor{read_big_endian(bytes.substr(0, 8))}, read_big_endian(bytes.substr(8, 8))};
}

void append_time(std::string& out, WallMs at) {
  append_big_endian(out, static_cast<std::uint64_t>(std::max<std::int64_t>(at.ms, 0)), 8);
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
  if (entry.request.has_value()) append_big_endian(out, *entry.request, 8);
  return out.append(entry.storage_key);
}

LogEntry log_entry(std::string_view log_value) {
  KV_CHECK(!log_value.empty(), "made by log_value");
  LogEntry entry{(log_value[0] & kPerishable) != 0, log_value.substr(1), {}};
  if ((log_value[0] & kRequested) == 0) return entry;
  KV_CHECK(log_value.size() >= 9, "made by log_value");
  entry.request = read_big_endian(log_value.substr(1, 8));
  entry.storage_key = log_value.substr(9);
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
  KV_CHECK(due_key.size() > kTimeAt + 8, "made by due_key");
  return {WallMs{static_cast<std::int64_t>(read_big_endian(due_key.substr(kTimeAt, 8)))},
          due_key.substr(kTimeAt + 8)};
}

std::string requests_prefix(Partition partition) { return "q" + partition_prefix(partition); }

std::string request_prefix(Partition partition, std::uint64_t name) {
  std::string out = requests_prefix(partition);
  append_big_endian(out, name, 8);
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
  append_big_endian(out, age.name, 8);
  append_dot(out, age.dot);
  return out;
}

RequestAge request_age_of_key(std::string_view key) {
  constexpr std::size_t kTimeAt = 1 + kPartitionBytes;
  KV_CHECK(key.size() == kTimeAt + 16 + kDotBytes, "made by request_age_key");
  return {WallMs{static_cast<std::int64_t>(read_big_endian(key.substr(kTimeAt, 8)))},
          read_big_endian(key.substr(kTimeAt + 8, 8)), read_dot(key.substr(kTimeAt + 16))};
}

std::string conflict_prefix(Partition partition) { return "j" + partition_prefix(partition); }

std::string conflict_key(Partition partition, WallMs at, Dot lost) {
  std::string out = conflict_prefix(partition);
  append_big_endian(out, static_cast<std::uint64_t>(std::max<std::int64_t>(at.ms, 0)), 8);
  append_big_endian(out, lost.actor.id, 8);
  append_big_endian(out, lost.counter, 8);
  return out;
}

NotedAt noted_at(std::string_view conflict_key) {
  constexpr std::size_t kTimeAt = 1 + kPartitionBytes;
  KV_CHECK(conflict_key.size() == kTimeAt + 24, "made by conflict_key");
  return {WallMs{static_cast<std::int64_t>(read_big_endian(conflict_key.substr(kTimeAt, 8)))},
          Dot{Actor{read_big_endian(conflict_key.substr(kTimeAt + 8, 8))},
              read_big_endian(conflict_key.substr(kTimeAt + 16, 8))}};
}

std::string replica_prefix() { return "r"; }

std::string replica_key(Partition partition) {
  return replica_prefix() + partition_prefix(partition);
}

std::string node_key() { return "node"; }

}  // namespace kv::storage
