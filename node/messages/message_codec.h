// Messages to and from bytes (proto/kv/v1/peer.proto, PeerMessage). Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "node/messages/message.h"

namespace kv {

std::string encode_message(const Message& message);

// INVALID_ARGUMENT with the reason for anything that no encoder made: the types' promises are checked here, so that the
// core need not.
absl::StatusOr<Message> decode_message(std::string_view bytes);

// The partition that an encoded message is about, without decoding the rest; INVALID_ARGUMENT if it names none.
absl::StatusOr<Partition> partition_of_message(std::string_view bytes);

}  // namespace kv
