#include "node/coordinator/validate.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "node/base/hash.h"
#include "node/base/limits.h"
#include "node/storage/keys.h"

namespace kv {

absl::Status check_bucket(std::string_view bucket) {
  if (bucket.empty() || bucket == kDefaultBucket) return absl::OkStatus();
  if (bucket.size() > kMaxBucketBytes)
    return absl::InvalidArgumentError(
        absl::StrCat("bucket name of ", bucket.size(), " bytes; the limit is ", kMaxBucketBytes));
  return absl::NotFoundError(absl::StrCat("there is no bucket \"", std::string(bucket),
                                          "\"; this cluster has: ", std::string(kDefaultBucket)));
}

absl::StatusOr<std::string> checked_key(std::string_view bucket, std::string_view key) {
  const absl::Status status = check_bucket(bucket);
  if (!status.ok()) return status;
  if (key.empty()) return absl::InvalidArgumentError("empty key; a key has 1 to 4096 bytes");
  if (key.size() > kMaxKeyBytes)
    return absl::InvalidArgumentError(
        absl::StrCat("key of ", key.size(), " bytes; the limit is ", kMaxKeyBytes));
  return storage::storage_key(bucket.empty() ? kDefaultBucket : bucket, key);
}

absl::Status check_value(std::string_view value) {
  if (value.size() <= kMaxValueBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("value of ", value.size(), " bytes; the limit is ", kMaxValueBytes));
}

absl::StatusOr<std::optional<Token>> checked_token(std::string_view bytes,
                                                   std::string_view storage_key) {
  if (bytes.empty()) return std::nullopt;
  auto token = decode_token(bytes, stable_hash(storage_key));
  if (!token.ok()) return token.status();
  // Half of what a version may have: the writes that must come after it need the rest.
  if (token->hlc.bits >= kMaxHlc.bits / 2)
    return absl::InvalidArgumentError("token: its time is out of range");
  return *std::move(token);
}

std::string make_token(const Token& token, std::string_view storage_key) {
  return encode_token(token, stable_hash(storage_key));
}

std::string token_after_write(std::optional<Token> sent, Dot dot, Hlc hlc,
                              std::string_view storage_key) {
  Token token = std::move(sent).value_or(Token{});
  token.context.add(dot);
  token.hlc = std::max(token.hlc, hlc);
  return make_token(token, storage_key);
}

absl::StatusOr<std::int64_t> checked_timeout_ms(std::int64_t left_ms) {
  if (left_ms < 0) return kDefaultDeadlineMs;
  if (left_ms > kMaxDeadlineMs)
    return absl::InvalidArgumentError(
        absl::StrCat("deadline in ", left_ms, " ms; the limit is ", kMaxDeadlineMs, " ms"));
  return left_ms;
}

}  // namespace kv
