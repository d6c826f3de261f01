// Frames for tests, as two ends would send them.
#pragma once

#include <string>

#include "jepsen-style-tests/network/switch.h"

namespace kv::network {

constexpr std::uint8_t kSynFlag = 0x02;
constexpr std::uint8_t kRstFlag = 0x04;
constexpr std::uint8_t kAckFlag = 0x10;

inline const std::vector<End> kEnds{{"n1", {2, 0, 0, 0, 0, 1}, 0x0a000001},
                                    {"n2", {2, 0, 0, 0, 0, 2}, 0x0a000002},
                                    {"c1", {2, 0, 0, 0, 0, 9}, 0x0a000009}};
inline constexpr Ports kPorts{.peers = 7201, .clients = 7101};
inline constexpr Mac kSwitchMac{2, 0, 0, 0, 0, 0xff};

struct Segment {
  std::uint16_t from_port = 40'000;
  std::uint16_t to_port = 7201;
  std::uint32_t sequence = 1000;
  std::uint32_t acknowledged = 2000;
  std::uint8_t flags = kAckFlag;
  std::string payload = "data";
};

inline void append(std::string& bytes, std::uint64_t number, int size) {
  for (int i = size; i > 0; --i) bytes += static_cast<char>(number >> (8 * (i - 1)) & 0xff);
}

// Without checksums, at which the switch does not look.
inline std::string frame(const End& from, const End& to, const Segment& segment = {}) {
  std::string bytes;
  for (const std::uint8_t byte : kSwitchMac) append(bytes, byte, 1);
  for (const std::uint8_t byte : from.mac) append(bytes, byte, 1);
  append(bytes, 0x0800, 2);
  append(bytes, 0x4500, 2);
  append(bytes, 40 + segment.payload.size(), 2);
  append(bytes, 0, 4);
  append(bytes, 64, 1);
  append(bytes, 6, 1);
  append(bytes, 0, 2);
  append(bytes, from.ip, 4);
  append(bytes, to.ip, 4);
  append(bytes, segment.from_port, 2);
  append(bytes, segment.to_port, 2);
  append(bytes, segment.sequence, 4);
  append(bytes, segment.acknowledged, 4);
  append(bytes, 0x50, 1);
  append(bytes, segment.flags, 1);
  append(bytes, 0, 6);
  return bytes + segment.payload;
}

}  // namespace kv::network
