// What is refused before anything happens: every limit of a client's request, each error naming what, how large and the
// limit. INVALID_ARGUMENT. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node/base/hlc.h"
#include "node/causality/token_codec.h"
#include "node/storage/collections.h"

namespace kv {

// The storage key of a key in a bucket that exists and does not hold collections.
absl::StatusOr<std::string> checked_key(const storage::Bucket& bucket, std::string_view key);

// Of what a set or map holds, in a bucket of that policy.
absl::StatusOr<std::string> checked_leaf(const storage::Bucket& bucket, std::string_view key,
                                         const storage::Leaf& leaf);
// All that it holds at or below a path.
absl::StatusOr<storage::KeyRange> checked_leaves(const storage::Bucket& bucket,
                                                 std::string_view key, const storage::Path& path);

// The storage keys that a watch means: of one key, of a set or map all that it holds; or of all that begin with a prefix.
absl::StatusOr<storage::KeyRange> checked_watch(const storage::Bucket& bucket,
                                                std::string_view key);
absl::StatusOr<storage::KeyRange> checked_watch_of_prefix(const storage::Bucket& bucket,
                                                          std::string_view prefix);

// Of a bucket to be created: letters, digits, "-", "_" and ".".
absl::Status check_bucket_name(std::string_view name);
absl::Status check_value(std::string_view value);

// 0: none, which every policy takes.
absl::Status check_ttl(std::uint64_t ttl_ms, PolicyKind kind);

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
