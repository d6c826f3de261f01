#include "node/storage/keys.h"

#include <cstdint>

#include "node/base/check.h"

namespace kv::storage {
namespace {

constexpr std::size_t kPartitionBytes = 2;
constexpr std::size_t kLogKeyBytes = kPartitionBytes + 16;

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(value >> shift));
}

std::uint64_t read_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::size_t separator(std::string_view storage_key) {
  const std::size_t at = storage_key.find('\0');
  KV_CHECK(at != std::string_view::npos, "a storage key holds a zero byte after its bucket");
  return at;
}

}  // namespace

std::string storage_key(std::string_view bucket, std::string_view user_key) {
  KV_CHECK(bucket.find('\0') == std::string_view::npos,
           "bucket names are checked where they enter");
  std::string out;
  out.reserve(bucket.size() + 1 + user_key.size());
  out.append(bucket).push_back('\0');
  return out.append(user_key);
}

std::string_view bucket_of(std::string_view storage_key) {
  return storage_key.substr(0, separator(storage_key));
}

std::string_view user_key_of(std::string_view storage_key) {
  return storage_key.substr(separator(storage_key) + 1);
}

std::string next_key(std::string_view key) { return key.empty() ? "" : std::string(key) + '\0'; }

std::string partition_prefix(Partition partition) {
  std::string out;
  append_big_endian(out, partition.value, kPartitionBytes);
  return out;
}

std::string partition_end(Partition partition) {
  if (partition.value == UINT16_MAX) return {};
  return partition_prefix(Partition{static_cast<std::uint16_t>(partition.value + 1)});
}

std::string object_key(Partition partition, std::string_view storage_key) {
  return partition_prefix(partition).append(storage_key);
}

std::string log_key(Partition partition, Dot dot) {
  std::string out = partition_prefix(partition);
  append_big_endian(out, dot.actor.id, 8);
  append_big_endian(out, dot.counter, 8);
  return out;
}

Dot dot_of_log_key(std::string_view log_key) {
  KV_CHECK(log_key.size() == kLogKeyBytes, "made by log_key");
  return {Actor{read_big_endian(log_key.substr(kPartitionBytes, 8))},
          read_big_endian(log_key.substr(kPartitionBytes + 8, 8))};
}

std::string replica_key(Partition partition) { return "r" + partition_prefix(partition); }

std::string node_key() { return "node"; }

}  // namespace kv::storage
