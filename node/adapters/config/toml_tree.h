// A TOML document as a plain tree with line numbers. Keeps toml++, which is slow to compile and has
// exceptions to hide, in one file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace kv {

struct TomlMember;

struct TomlValue {
  enum class Kind { kString, kInteger, kFloat, kBoolean, kDate, kArray, kTable };

  Kind kind = Kind::kTable;
  int line = 0;
  std::string text;                 // a string's content; a number or boolean as TOML writes it
  std::int64_t integer = 0;         // kInteger
  std::vector<TomlValue> elements;  // kArray
  std::vector<TomlMember> members;  // kTable, by key

  const TomlMember* find(std::string_view key) const;
};

struct TomlMember {
  std::string key;
  int line = 0;  // of the key
  TomlValue value;
};

// The root table. Bytes beyond ASCII, which no setting may have and comments may, are replaced by
// '?'. INVALID_ARGUMENT, as "FILE:LINE: ...", for what is not TOML, and for what is
// nested deeper than any configuration.
absl::StatusOr<TomlValue> parse_toml(std::string_view text, const std::string& filename);

}  // namespace kv
