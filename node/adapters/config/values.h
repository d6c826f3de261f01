// Sizes, addresses and names as people write them. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kv {

// "512", "512B", "32KiB", "32MiB", "1GiB"; a space may stand before the unit. Empty when it is none
// of these, or does not fit.
std::optional<std::uint64_t> parse_size(std::string_view text);

// "host:port", where host is a name, an IPv4 address, or an IPv6 address in brackets, and port is 1
// to 65535.
bool is_address(std::string_view text);

// 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-': names of clusters, nodes and zones.
bool is_name(std::string_view text);

}  // namespace kv
