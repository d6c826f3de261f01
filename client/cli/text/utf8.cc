#include "client/cli/text/utf8.h"

namespace kv::cli {
namespace {

bool in(unsigned char byte, unsigned char low, unsigned char high) {
  return byte >= low && byte <= high;
}

}  // namespace

std::size_t utf8_sequence(absl::string_view bytes) {
  if (bytes.empty()) return 0;
  const auto at = [bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const std::size_t length = in(first, 0xc2, 0xdf)   ? 2
                             : in(first, 0xe0, 0xef) ? 3
                             : in(first, 0xf0, 0xf4) ? 4
                                                     : 0;
  if (length == 0 || bytes.size() < length) return 0;
  // The second byte's range is narrower after some first bytes: that is what excludes overlong
  // forms and surrogates.
  const unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (!in(at(1), low, high)) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (!in(at(i), 0x80, 0xbf)) return 0;
  }
  return length;
}

bool is_utf8(absl::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = utf8_sequence(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::size_t display_width(absl::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    text.remove_prefix(length == 0 ? 1 : length);
    ++width;
  }
  return width;
}

}  // namespace kv::cli
