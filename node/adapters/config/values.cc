#include "node/adapters/config/values.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace kv {
namespace {

// absl::SimpleAtoi also takes signs and spaces.
std::optional<std::uint64_t> parse_digits(std::string_view digits) {
  std::uint64_t value = 0;
  if (!std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(std::string(digits), &value)) {
    return std::nullopt;
  }
  return value;
}

bool consume_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

bool is_name_character(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
}

bool is_ipv6_character(char c) {
  return absl::ascii_isxdigit(static_cast<unsigned char>(c)) || c == ':' || c == '.';
}

bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    host.remove_prefix(1);
    return consume_suffix(host, "]") && host.size() >= 2 && host.size() <= 45 &&
           host.find(':') != std::string_view::npos &&
           std::all_of(host.begin(), host.end(), is_ipv6_character);
  }
  return !host.empty() && host.size() <= 253 && host.front() != '-' && host.front() != '.' &&
         std::all_of(host.begin(), host.end(), is_name_character);
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  unsigned shift = 0;
  for (const auto& [unit, unit_shift] : {std::pair{"KiB", 10U}, {"MiB", 20U}, {"GiB", 30U}}) {
    if (consume_suffix(text, unit)) {
      shift = unit_shift;
      break;
    }
  }
  const bool has_unit = shift != 0 || consume_suffix(text, "B");
  if (has_unit) consume_suffix(text, " ");
  const auto value = parse_digits(text);
  if (!value || *value > (std::numeric_limits<std::uint64_t>::max() >> shift)) return std::nullopt;
  return *value << shift;
}

bool is_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !is_host(text.substr(0, colon))) return false;
  const std::string_view port = text.substr(colon + 1);
  const auto number = parse_digits(port);
  // No port starts with a zero, so that equal addresses are equal texts.
  return number && *number <= 65535 && port.front() != '0';
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), is_name_character);
}

}  // namespace kv
