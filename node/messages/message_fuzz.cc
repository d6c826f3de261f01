// Any bytes are a message or INVALID_ARGUMENT; what is accepted survives encoding and decoding, and is routed to the
// partition that it names.
#include <cstdint>
#include <string_view>

#include "node/base/check.h"
#include "node/messages/message_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto routed = kv::partition_of_message(bytes);
  KV_CHECK(routed.ok() || routed.status().code() == absl::StatusCode::kInvalidArgument,
           "refused as wrong input");
  const auto message = kv::decode_message(bytes);
  if (!message.ok()) {
    KV_CHECK(message.status().code() == absl::StatusCode::kInvalidArgument,
             "refused as wrong input");
    return 0;
  }
  const std::string encoded = kv::encode_message(*message);
  const auto again = kv::decode_message(encoded);
  KV_CHECK(again.ok() && *again == *message, "an accepted message round trips");
  KV_CHECK(kv::partition_of_message(encoded).value() == message->partition,
           "and is routed by its partition");
  return 0;
}
