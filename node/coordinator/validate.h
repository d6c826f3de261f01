// What is refused before anything happens: every limit of a client's request, each error naming what, how large and the
// limit. INVALID_ARGUMENT, or NOT_FOUND for the bucket. Pure; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node/base/hlc.h"
#include "node/causality/token_codec.h"

namespace kv {

constexpr std::string_view kDefaultBucket = "default";

// The storage key of a checked bucket ("" means the default one) and key.
absl::StatusOr<std::string> checked_key(std::string_view bucket, std::string_view key);

absl::Status check_bucket(std::string_view bucket);
absl::Status check_value(std::string_view value);

// The token of a checked request, or none for "".
absl::StatusOr<std::optional<Token>> checked_token(std::string_view bytes,
                                                   std::string_view storage_key);

std::string make_token(const Token& token, std::string_view storage_key);

// What a write hands back: the token it was sent plus its own dot, and nothing else. More would let the client overwrite
// values that it has never read.
std::string token_after_write(std::optional<Token> sent, Dot dot, Hlc hlc,
                              std::string_view storage_key);

// `left_ms`: until the client's deadline, or a negative number if it set none.
absl::StatusOr<std::int64_t> checked_timeout_ms(std::int64_t left_ms);

}  // namespace kv
