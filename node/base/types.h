// Small types that every folder shares.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

#include "node/base/simulation.h"

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

// How many of n replicas a level needs.
constexpr std::size_t needed(Level level, std::size_t n) {
  switch (level) {
    case Level::kOne:
      return 1;
    case Level::kQuorum:
      return KV_PLANTED(kQuorumOffByOne) && n > 1 ? n / 2 : n / 2 + 1;
    case Level::kAll:
      return n;
  }
  return n;
}

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
