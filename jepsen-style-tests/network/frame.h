// Ethernet frames that carry IPv4, as far as a switch looks into them, and the resets that it makes up.
//
// Pure functions; thread-safe. A frame is the bytes as a wire has them, from the destination's hardware address on, without the
// checksum at the end.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kv::network {

using Mac = std::array<std::uint8_t, 6>;

std::string to_string(const Mac& mac);  // "02:00:0a:4e:00:01"

struct Tcp {
  std::uint16_t from_port = 0;
  std::uint16_t to_port = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledged = 0;
  bool syn = false;
  bool ack = false;
  bool rst = false;
  std::size_t payload_bytes = 0;
};

struct Frame {
  Mac to{};
  Mac from{};
  std::uint32_t from_ip = 0;  // in the order of the host: 10.78.0.1 is 0x0a4e0001
  std::uint32_t to_ip = 0;
  std::optional<Tcp> tcp{};  // of IPv4 and TCP, whole
};

// Empty: no IPv4, or cut short.
std::optional<Frame> parse(std::string_view bytes);

void set_destination(std::string& bytes, const Mac& mac);

// The frame that resets a connection, as its one end would send it to the other: taken for true if the receiver expects this
// sequence number next.
std::string make_reset(const Frame& addresses, std::uint32_t sequence);

// What the sender of this must be told to give its connection up, as if by its receiver; and what the receiver must be told.
std::string reset_of_sender(const Frame& frame);
std::string reset_of_receiver(const Frame& frame);

}  // namespace kv::network
