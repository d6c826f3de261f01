// Records as JSON objects, one a line. Pure.
//
//   {"key":"user:1","value":"Ada"}                  both are UTF-8
//   {"key_base64":"/w==","value_base64":"AAE="}     for bytes that are not
//   {"key":"user:1","value":{"name":"Ada"}}         read only: an object or array is stored as its
//   own text, without
//                                                   the white space between its parts
//
//   parse_json_line(format_json_line(record)) == record, for any bytes
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <string>

#include "client/cli/records/record.h"

namespace kv::cli {

// Deeper nesting is refused.
inline constexpr std::size_t kMaxJsonDepth = 256;

// Without the line's end. `base64`: both members in base64 even where they are text.
std::string format_json_line(const Record& record, bool base64);

// kInvalidArgument says what is wrong, and where for what is no JSON. Exactly one of the two
// members for the key and exactly one of the two for the value must be there, and nothing else.
// Does not check sizes.
absl::StatusOr<Record> parse_json_line(absl::string_view line);

}  // namespace kv::cli
