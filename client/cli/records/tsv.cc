#include "client/cli/records/tsv.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

#include <optional>

#include "client/cli/text/utf8.h"
#include "kv/codec.h"

namespace kv::cli {
namespace {

constexpr absl::string_view kHexDigits = "0123456789abcdef";

void append_hex(std::string* text, char byte) {
  const auto value = static_cast<unsigned char>(byte);
  absl::StrAppend(text, "\\x", kHexDigits.substr(value >> 4, 1), kHexDigits.substr(value & 0xf, 1));
}

std::optional<unsigned> hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return std::nullopt;
}

// The short escape of `byte`, or 0.
char short_escape(char byte) {
  switch (byte) {
    case '\t':
      return 't';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\\':
      return '\\';
    default:
      return 0;
  }
}

// What a backslash and `letter` stand for.
std::optional<char> short_meaning(char letter) {
  switch (letter) {
    case 't':
      return '\t';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case '\\':
      return '\\';
    default:
      return std::nullopt;
  }
}

// Whether a line that begins with `first` is taken for JSON, or may be after white space or a byte
// order mark.
bool looks_like_json(char first) { return first == '{' || first == ' ' || first == '\xef'; }

std::string encode_key(absl::string_view key) {
  if (key.empty() || !looks_like_json(key.front())) return escape(key);
  // Escaped by hand as a whole, when its first character has several bytes: the rest of it is no
  // text of its own.
  const std::size_t length = std::max<std::size_t>(utf8_sequence(key), 1);
  std::string text;
  for (const char byte : key.substr(0, length)) append_hex(&text, byte);
  return absl::StrCat(text, escape(key.substr(length)));
}

}  // namespace

std::string escape(absl::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = utf8_sequence(bytes);
    const char first = bytes.front();
    if (const char letter = short_escape(first); letter != 0) {
      text += '\\';
      text += letter;
    } else if (length == 0 || static_cast<unsigned char>(first) < 0x20 || first == 0x7f) {
      append_hex(&text, first);
    } else {
      absl::StrAppend(&text, bytes.substr(0, length));
    }
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

absl::StatusOr<std::string> unescape(absl::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes += text[i];
      continue;
    }
    if (++i == text.size())
      return absl::InvalidArgumentError("a backslash at the end; write \\\\ for one");
    if (const std::optional<char> meaning = short_meaning(text[i]); meaning.has_value()) {
      bytes += *meaning;
      continue;
    }
    const bool has_digits = text[i] == 'x' && i + 2 < text.size();
    const std::optional<unsigned> high = has_digits ? hex_value(text[i + 1]) : std::nullopt;
    const std::optional<unsigned> low = has_digits ? hex_value(text[i + 2]) : std::nullopt;
    if (!high.has_value() || !low.has_value()) {
      return absl::InvalidArgumentError("an unknown escape; known are \\t \\n \\r \\\\ and \\xNN");
    }
    bytes += static_cast<char>(*high << 4 | *low);
    i += 2;
  }
  return bytes;
}

std::string format_tsv(const Record& record, bool base64) {
  if (base64)
    return absl::StrCat(client::encode_base64(record.key), "\t",
                        client::encode_base64(record.value));
  return absl::StrCat(encode_key(record.key), "\t", escape(record.value));
}

absl::StatusOr<Record> parse_tsv(absl::string_view line, bool base64) {
  absl::ConsumeSuffix(&line, "\r");
  const std::size_t tab = line.find('\t');
  if (tab == absl::string_view::npos)
    return absl::InvalidArgumentError("no tab between key and value");
  if (line.find('\t', tab + 1) != absl::string_view::npos) {
    return absl::InvalidArgumentError(
        "more than two columns; write a tab inside a key or value as \\t");
  }
  const auto decode = [base64](absl::string_view column) {
    return base64 ? client::decode_base64(column) : unescape(column);
  };
  absl::StatusOr<std::string> key = decode(line.substr(0, tab));
  if (!key.ok()) return absl::InvalidArgumentError(absl::StrCat("key: ", key.status().message()));
  absl::StatusOr<std::string> value = decode(line.substr(tab + 1));
  if (!value.ok())
    return absl::InvalidArgumentError(absl::StrCat("value: ", value.status().message()));
  return Record{.key = *std::move(key), .value = *std::move(value)};
}

}  // namespace kv::cli
