// Small types that every folder shares.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace kv {

// A node's place in the list of all configured nodes sorted by id: the same on every node, checked at the handshake.
struct NodeIndex {
  std::uint16_t value = 0;
  auto operator<=>(const NodeIndex&) const = default;
};

struct Partition {
  std::uint16_t value = 0;
  auto operator<=>(const Partition&) const = default;
};

enum class Level : std::uint8_t { kOne = 1, kQuorum = 2, kAll = 3 };
enum class Durability : std::uint8_t { kOs = 1, kDisk = 2 };

// What names a write that its client may send again (node/coordinator/request_id.h).
struct RequestId {
  std::uint64_t name = 0;    // hash of the key and of the id that the client chose
  std::uint64_t digest = 0;  // hash of all that was asked: the same at every attempt
  auto operator<=>(const RequestId&) const = default;
};

// How many of n replicas a level needs.
std::size_t needed(Level level, std::size_t n);

constexpr const char* to_string(Level level) {
  switch (level) {
    case Level::kOne:
      return "ONE";
    case Level::kQuorum:
      return "QUORUM";
    case Level::kAll:
      return "ALL";
  }
  return "?";
}

}  // namespace kv
