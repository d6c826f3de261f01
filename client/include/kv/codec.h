// How dots, tokens and bytes are written as text.
//
//   dot      ACTORHEX:COUNTER, the actor as 16 lower-case hexadecimal digits: "00000000deadbeef:7"
//   token    base64url without padding (RFC 4648, section 5)
//   bytes    base64 with padding (RFC 4648, section 4)
//
// Pure functions. Each value has exactly one text: decoders refuse every other spelling
// (kInvalidArgument).
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <string>

#include "kv/types.h"

namespace kv::client {

std::string format_dot(const Dot& dot);
// Refuses counter 0: no write has it.
absl::StatusOr<Dot> parse_dot(absl::string_view text);

std::string encode_token(absl::string_view token);
absl::StatusOr<std::string> decode_token(absl::string_view text);

std::string encode_base64(absl::string_view bytes);
absl::StatusOr<std::string> decode_base64(absl::string_view text);

}  // namespace kv::client
