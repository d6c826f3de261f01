#include "kv/codec.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <array>
#include <charconv>
#include <cstdint>

namespace kv::client {
namespace {

constexpr absl::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr absl::string_view kUrlSafe =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kActorDigits = 16;

// Without padding.
std::string encode(absl::string_view bytes, absl::string_view alphabet) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char byte : bytes) {
    buffer = buffer << 8 | static_cast<unsigned char>(byte);
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text.push_back(alphabet[buffer >> bits & 0x3f]);
    }
    buffer &= (1U << bits) - 1;
  }
  if (bits > 0) text.push_back(alphabet[buffer << (6 - bits) & 0x3f]);
  return text;
}

std::array<int, 256> reversed(absl::string_view alphabet) {
  std::array<int, 256> values;
  values.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<int>(i);
  }
  return values;
}

// `text` has no padding. `what` names the encoding in errors.
absl::StatusOr<std::string> decode(absl::string_view text, const std::array<int, 256>& values,
                                   absl::string_view what) {
  if (text.size() % 4 == 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("not ", what, ": no bytes encode to ", text.size(), " digits"));
  }
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int value = values[static_cast<unsigned char>(text[i])];
    if (value < 0)
      return absl::InvalidArgumentError(
          absl::StrCat("not ", what, ": wrong character at position ", i + 1));
    buffer = buffer << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<char>(buffer >> bits & 0xff));
    }
    buffer &= (1U << bits) - 1;
  }
  // Bits that belong to no byte must be zero; otherwise several texts would mean the same bytes.
  if (buffer != 0)
    return absl::InvalidArgumentError(
        absl::StrCat("not ", what, ": the last character has stray bits"));
  return bytes;
}

bool is_lower_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

}  // namespace

std::string format_dot(const Dot& dot) {
  return absl::StrCat(absl::Hex(dot.actor, absl::kZeroPad16), ":", dot.counter);
}

absl::StatusOr<Dot> parse_dot(absl::string_view text) {
  const auto malformed = [] {
    return absl::InvalidArgumentError(
        "not a dot: it is 16 lower-case hexadecimal digits, a colon and a decimal number of at "
        "least 1");
  };
  if (text.size() < kActorDigits + 2 || text[kActorDigits] != ':') return malformed();
  for (const char c : text.substr(0, kActorDigits)) {
    if (!is_lower_hex(c)) return malformed();
  }
  Dot dot;
  std::from_chars(text.data(), text.data() + kActorDigits, dot.actor, 16);
  const absl::string_view counter = text.substr(kActorDigits + 1);
  const char* end = counter.data() + counter.size();
  const auto [stop, error] = std::from_chars(counter.data(), end, dot.counter, 10);
  if (error != std::errc() || stop != end || counter.front() == '0') return malformed();
  return dot;
}

std::string encode_token(absl::string_view token) { return encode(token, kUrlSafe); }

absl::StatusOr<std::string> decode_token(absl::string_view text) {
  static const std::array<int, 256> kValues = reversed(kUrlSafe);
  return decode(text, kValues, "base64url");
}

std::string encode_base64(absl::string_view bytes) {
  std::string text = encode(bytes, kStandard);
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

absl::StatusOr<std::string> decode_base64(absl::string_view text) {
  static const std::array<int, 256> kValues = reversed(kStandard);
  if (text.size() % 4 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("not base64: its length is ", text.size(), ", which is not a multiple of 4"));
  }
  for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i) text.remove_suffix(1);
  return decode(text, kValues, "base64");
}

}  // namespace kv::client
