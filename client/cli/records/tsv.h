// Records as lines of two columns: key, TAB, value. Pure.
//
// In both columns \t, \n, \r and \\ stand for a tab, a newline, a carriage return and a backslash,
// and \xNN for any byte. Everything else stands for itself. format_tsv() writes so every control
// character, every byte that is no part of UTF-8 text, and a first character of the key that would
// make the file look like JSON lines.
//
//   parse_tsv(format_tsv(record)) == record, for any bytes
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <string>

#include "client/cli/records/record.h"

namespace kv::cli {

// `bytes` with the escapes above, on one line and without a tab.
std::string escape(absl::string_view bytes);

absl::StatusOr<std::string> unescape(absl::string_view text);

// Without the line's end. `base64`: the columns are base64 instead of escaped.
std::string format_tsv(const Record& record, bool base64);

// `line` is without its newline; one carriage return before that is dropped. kInvalidArgument says
// what is wrong. Does not check sizes.
absl::StatusOr<Record> parse_tsv(absl::string_view line, bool base64);

}  // namespace kv::cli
