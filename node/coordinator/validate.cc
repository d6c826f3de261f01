#include "node/coordinator/validate.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "node/base/hash.h"
#include "node/base/limits.h"

namespace kv {

absl::Status check_bucket_name(std::string_view name) {
  if (name.empty()) return absl::InvalidArgumentError("empty bucket name");
  if (name.size() > kMaxBucketBytes)
    return absl::InvalidArgumentError(
        absl::StrCat("bucket name of ", name.size(), " bytes; the limit is ", kMaxBucketBytes));
  const auto is_allowed = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  };
  if (!std::all_of(name.begin(), name.end(), is_allowed))
    return absl::InvalidArgumentError(
        "a bucket name is made of letters, digits, \"-\", \"_\" and \".\"");
  return absl::OkStatus();
}

absl::StatusOr<std::string> checked_key(const storage::Bucket& bucket, std::string_view key) {
  if (key.empty()) return absl::InvalidArgumentError("empty key; a key has 1 to 4096 bytes");
  if (key.size() > kMaxKeyBytes)
    return absl::InvalidArgumentError(
        absl::StrCat("key of ", key.size(), " bytes; the limit is ", kMaxKeyBytes));
  return storage::storage_key(bucket, key);
}

absl::Status check_value(std::string_view value) {
  if (value.size() <= kMaxValueBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("value of ", value.size(), " bytes; the limit is ", kMaxValueBytes));
}

absl::Status check_ttl(std::uint64_t ttl_ms, PolicyKind kind) {
  if (ttl_ms > static_cast<std::uint64_t>(kMaxTtlMs))
    return absl::InvalidArgumentError(
        absl::StrCat("time to live of ", ttl_ms, " ms; the limit is ", kMaxTtlMs));
  if (ttl_ms > 0 && !policy(kind).values_expire())
    return absl::InvalidArgumentError(
        absl::StrCat("a time to live in a bucket of policy ", std::string(policy(kind).name()),
                     ", where a write sums up others; lww, siblings and fww take one"));
  return absl::OkStatus();
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
