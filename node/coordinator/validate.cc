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

namespace {

absl::Status check_size(const char* name, std::size_t bytes, std::size_t limit) {
  if (bytes == 0)
    return absl::InvalidArgumentError(
        absl::StrCat("empty ", name, "; it has 1 to ", limit, " bytes"));
  if (bytes > limit)
    return absl::InvalidArgumentError(
        absl::StrCat(name, " of ", bytes, " bytes; the limit is ", limit));
  return absl::OkStatus();
}

absl::Status check_path(const storage::Bucket& bucket, const storage::Path& path) {
  if (bucket.policy == PolicyKind::kSet && !path.empty())
    return absl::InvalidArgumentError(
        absl::StrCat("a path in bucket \"", bucket.name, "\", which holds sets"));
  if (path.size() > kMaxPathFields)
    return absl::InvalidArgumentError(
        absl::StrCat("path of ", path.size(), " fields; the limit is ", kMaxPathFields));
  for (const std::string& field : path)
    if (const absl::Status size = check_size("field", field.size(), kMaxFieldBytes); !size.ok())
      return size;
  return absl::OkStatus();
}

absl::Status check_collection(const storage::Bucket& bucket, std::string_view key) {
  if (!storage::is_collection(bucket.policy))
    return absl::InvalidArgumentError(absl::StrCat(
        "bucket \"", bucket.name, "\" is of policy ", std::string(policy(bucket.policy).name()),
        "; only sets and maps have elements and fields"));
  return check_size("key", key.size(), kMaxKeyBytes);
}

}  // namespace

absl::StatusOr<std::string> checked_key(const storage::Bucket& bucket, std::string_view key) {
  const absl::Status size = check_size("key", key.size(), kMaxKeyBytes);
  if (!size.ok()) return size;
  if (storage::is_collection(bucket.policy))
    return absl::InvalidArgumentError(absl::StrCat(
        "bucket \"", bucket.name, "\" holds ", std::string(policy(bucket.policy).name()),
        "s: what they hold is read, added and removed piece by piece (kv ",
        std::string(policy(bucket.policy).name()), ")"));
  return storage::storage_key(bucket, key);
}

absl::StatusOr<storage::KeyRange> checked_watch(const storage::Bucket& bucket,
                                                std::string_view key) {
  const absl::Status size = check_size("key", key.size(), kMaxKeyBytes);
  if (!size.ok()) return size;
  return storage::keys_of(bucket, key);
}

absl::StatusOr<storage::KeyRange> checked_watch_of_prefix(const storage::Bucket& bucket,
                                                          std::string_view prefix) {
  if (prefix.size() > kMaxKeyBytes)
    return absl::InvalidArgumentError(
        absl::StrCat("prefix of ", prefix.size(), " bytes; the limit is ", kMaxKeyBytes));
  return storage::keys_with_prefix(bucket, prefix);
}

absl::StatusOr<std::string> checked_leaf(const storage::Bucket& bucket, std::string_view key,
                                         const storage::Leaf& leaf) {
  for (const absl::Status& status : {check_collection(bucket, key), check_path(bucket, leaf.path)})
    if (!status.ok()) return status;
  const bool in_map = bucket.policy == PolicyKind::kMap;
  if (in_map && leaf.path.empty())
    return absl::InvalidArgumentError("a leaf of a map has a path of at least one field");
  if (in_map && !storage::is_leaf_policy(leaf.policy))
    return absl::InvalidArgumentError(
        absl::StrCat("a map holds no leaves of policy ", std::string(policy(leaf.policy).name()),
                     "; it holds registers, counters, flags and sets"));
  if (leaf.policy == PolicyKind::kSet) {
    const absl::Status size = check_size("element", leaf.element.size(), kMaxKeyBytes);
    if (!size.ok()) return size;
  } else if (!leaf.element.empty()) {
    return absl::InvalidArgumentError("only a set has elements");
  }
  return storage::leaf_key(bucket, key, leaf);
}

absl::StatusOr<storage::KeyRange> checked_leaves(const storage::Bucket& bucket,
                                                 std::string_view key, const storage::Path& path) {
  for (const absl::Status& status : {check_collection(bucket, key), check_path(bucket, path)})
    if (!status.ok()) return status;
  return storage::leaves_under(bucket, key, path);
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
    return absl::InvalidArgumentError(absl::StrCat(
        "a time to live in a bucket of policy ", std::string(policy(kind).name()),
        ", where a write sums up others; lww, siblings, fww, register, flag and set take one"));
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
