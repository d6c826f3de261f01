#include "node/causality/token_codec.h"

#include "absl/strings/str_cat.h"
#include "kv/v1/record.pb.h"
#include "node/base/limits.h"
#include "node/base/sealed.h"
#include "node/base/simulation.h"
#include "node/causality/clock_codec.h"
#include "node/causality/scratch.h"

namespace kv {

std::string encode_token(const Token& token, std::uint64_t binding) {
  Scratch<v1::TokenRecord> record;
  encode_clock(token.context, record->mutable_context());
  record->set_hlc(token.hlc.bits);
  record->set_binding(binding);
  return record.sealed();
}

absl::StatusOr<Token> decode_token(std::string_view bytes, std::uint64_t binding) {
  if (bytes.size() > kMaxTokenBytes)
    return absl::InvalidArgumentError(
        absl::StrCat("token of ", bytes.size(), " bytes; the limit is ", kMaxTokenBytes));
  const auto body = unseal(bytes);
  if (!body.ok())
    return absl::InvalidArgumentError(absl::StrCat("token: ", body.status().message()));
  Scratch<v1::TokenRecord> record;
  if (!record.parse(*body)) return absl::InvalidArgumentError("token: not a token");
  if (record->binding() != binding && !KV_PLANTED(kTokenOfAnyKey))
    return absl::InvalidArgumentError(
        "token: belongs to another bucket or key; read this key to get one for it");
  auto context = decode_clock(record->context());
  if (!context.ok())
    return absl::InvalidArgumentError(absl::StrCat("token: ", context.status().message()));
  const Hlc hlc{record->hlc()};
  if (hlc >= kMaxHlc) return absl::InvalidArgumentError("token: time out of range");
  return Token{std::move(*context), hlc};
}

}  // namespace kv
