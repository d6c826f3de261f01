// Any bytes are a session or are refused; what is accepted survives encoding and decoding.
//
// The input is tried as it is and, because hardly any mutation gets past the checksum, as the
// contents under a right one.
#include <cstdint>
#include <string_view>

#include "node/base/check.h"
#include "node/base/sealed.h"
#include "node/causality/session_codec.h"

namespace {

void decode(std::string_view bytes) {
  const auto session = kv::decode_session(bytes);
  if (!session.ok()) {
    KV_CHECK(session.status().code() == absl::StatusCode::kInvalidArgument,
             "the client is told that its session is bad");
    return;
  }
  const auto again = kv::decode_session(kv::encode_session(*session));
  KV_CHECK(again.ok() && *again == *session, "an accepted session round trips");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  decode(bytes);
  decode(kv::seal(bytes));
  return 0;
}
