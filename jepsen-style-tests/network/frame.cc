#include "jepsen-style-tests/network/frame.h"

#include <absl/strings/str_format.h>

#include <algorithm>

namespace kv::network {
namespace {

constexpr std::size_t kEthernetBytes = 14;
constexpr std::size_t kIpBytes = 20;  // without options
constexpr std::size_t kTcpBytes = 20;
constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint8_t kTcpProtocol = 6;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kRst = 0x04;
constexpr std::uint8_t kAck = 0x10;

// Numbers are sent with their greatest byte first.
std::uint32_t number_at(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < size; ++i)
    number = number << 8 | static_cast<std::uint8_t>(bytes[at + i]);
  return number;
}

void append_number(std::string& bytes, std::uint64_t number, std::size_t size) {
  for (std::size_t i = size; i > 0; --i) bytes += static_cast<char>(number >> (8 * (i - 1)) & 0xff);
}

void append_mac(std::string& bytes, const Mac& mac) {
  for (const std::uint8_t byte : mac) bytes += static_cast<char>(byte);
}

Mac mac_at(std::string_view bytes, std::size_t at) {
  Mac mac;
  for (std::size_t i = 0; i < mac.size(); ++i) mac[i] = static_cast<std::uint8_t>(bytes[at + i]);
  return mac;
}

// The internet's checksum: the complement of the sum of all 16-bit words.
std::uint16_t checksum(std::string_view bytes) {
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) sum += number_at(bytes, at, 2);
  if (bytes.size() % 2 == 1) sum += number_at(bytes, bytes.size() - 1, 1) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void put_checksum(std::string& bytes, std::size_t at, std::uint16_t sum) {
  bytes[at] = static_cast<char>(sum >> 8);
  bytes[at + 1] = static_cast<char>(sum & 0xff);
}

std::optional<Tcp> parse_tcp(std::string_view segment) {
  if (segment.size() < kTcpBytes) return std::nullopt;
  const std::size_t header = number_at(segment, 12, 1) / 16 * 4;
  if (header < kTcpBytes || header > segment.size()) return std::nullopt;
  const std::uint32_t flags = number_at(segment, 13, 1);
  return Tcp{.from_port = static_cast<std::uint16_t>(number_at(segment, 0, 2)),
             .to_port = static_cast<std::uint16_t>(number_at(segment, 2, 2)),
             .sequence = number_at(segment, 4, 4),
             .acknowledged = number_at(segment, 8, 4),
             .syn = (flags & kSyn) != 0,
             .ack = (flags & kAck) != 0,
             .rst = (flags & kRst) != 0,
             .payload_bytes = segment.size() - header};
}

}  // namespace

std::string to_string(const Mac& mac) {
  return absl::StrFormat("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                         mac[5]);
}

std::optional<Frame> parse(std::string_view bytes) {
  if (bytes.size() < kEthernetBytes + kIpBytes || number_at(bytes, 12, 2) != kIpv4)
    return std::nullopt;
  const std::string_view packet = bytes.substr(kEthernetBytes);
  const std::size_t header = number_at(packet, 0, 1) % 16 * 4;
  const std::size_t size = number_at(packet, 2, 2);  // a frame may be filled up after it
  if (header < kIpBytes || size < header || size > packet.size()) return std::nullopt;
  Frame frame{.to = mac_at(bytes, 0),
              .from = mac_at(bytes, 6),
              .from_ip = number_at(packet, 12, 4),
              .to_ip = number_at(packet, 16, 4)};
  if (number_at(packet, 9, 1) == kTcpProtocol)
    frame.tcp = parse_tcp(packet.substr(header, size - header));
  return frame;
}

void set_destination(std::string& bytes, const Mac& mac) {
  std::transform(mac.begin(), mac.end(), bytes.begin(),
                 [](std::uint8_t byte) { return static_cast<char>(byte); });
}

std::string make_reset(const Frame& addresses, std::uint32_t sequence) {
  std::string segment;
  append_number(segment, addresses.tcp->from_port, 2);
  append_number(segment, addresses.tcp->to_port, 2);
  append_number(segment, sequence, 4);
  append_number(segment, 0, 4);                   // acknowledges nothing
  append_number(segment, kTcpBytes / 4 << 4, 1);  // five words of header
  append_number(segment, kRst, 1);
  append_number(segment, 0, 6);  // window, checksum, urgent pointer

  std::string pseudo;  // is summed up, too, though it is not sent
  append_number(pseudo, addresses.from_ip, 4);
  append_number(pseudo, addresses.to_ip, 4);
  append_number(pseudo, kTcpProtocol, 2);
  append_number(pseudo, kTcpBytes, 2);
  put_checksum(segment, 16, checksum(pseudo + segment));

  std::string packet;
  append_number(packet, 0x45, 1);  // version, words of header
  append_number(packet, 0, 1);
  append_number(packet, kIpBytes + kTcpBytes, 2);
  append_number(packet, 0, 4);   // in one piece
  append_number(packet, 64, 1);  // hops
  append_number(packet, kTcpProtocol, 1);
  append_number(packet, 0, 2);
  append_number(packet, addresses.from_ip, 4);
  append_number(packet, addresses.to_ip, 4);
  put_checksum(packet, 10, checksum(packet));

  std::string bytes;
  append_mac(bytes, addresses.to);
  append_mac(bytes, addresses.from);
  append_number(bytes, kIpv4, 2);
  return bytes + packet + segment;
}

std::string reset_of_sender(const Frame& frame) {
  Frame back{.to = frame.from, .from = frame.to, .from_ip = frame.to_ip, .to_ip = frame.from_ip};
  back.tcp = Tcp{.from_port = frame.tcp->to_port, .to_port = frame.tcp->from_port};
  return make_reset(back, frame.tcp->acknowledged);
}

std::string reset_of_receiver(const Frame& frame) { return make_reset(frame, frame.tcp->sequence); }

}  // namespace kv::network
