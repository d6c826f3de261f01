// Any bytes are a token or are refused; what is accepted survives encoding and decoding.
//
// The input is tried as it is and, because hardly any mutation gets past the checksum, as the
// contents under a right one.
#include <cstdint>
#include <string>
#include <string_view>

#include "node/base/check.h"
#include "node/base/sealed.h"
#include "node/causality/token_codec.h"

namespace {

constexpr std::uint64_t kBinding =
    0;  // absent from the encoding, so that short inputs can be accepted

void decode(std::string_view bytes) {
  const auto token = kv::decode_token(bytes, kBinding);
  if (!token.ok()) {
    KV_CHECK(token.status().code() == absl::StatusCode::kInvalidArgument,
             "the client is told that its token is bad");
    return;
  }
  const auto again = kv::decode_token(kv::encode_token(*token, kBinding), kBinding);
  KV_CHECK(again.ok() && *again == *token, "an accepted token round trips");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  decode(bytes);
  decode(kv::seal(bytes));
  return 0;
}
