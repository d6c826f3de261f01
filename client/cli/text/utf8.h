// Whether bytes are text. Pure.
#pragma once

#include <absl/strings/string_view.h>

#include <cstddef>

namespace kv::cli {

// The length in bytes of the UTF-8 sequence that `bytes` begins with; 0 when it begins with none.
// Strict: no overlong forms, no surrogates, nothing above U+10FFFF (RFC 3629).
std::size_t utf8_sequence(absl::string_view bytes);

bool is_utf8(absl::string_view bytes);

// Columns that `text` takes on a terminal, counting one for each character. Bytes that are no text
// count one each.
std::size_t display_width(absl::string_view text);

}  // namespace kv::cli
