// The causal token: what a client has seen of one key, as opaque bytes that it hands back with its
// next write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "node/base/hlc.h"
#include "node/causality/clock.h"

namespace kv {

struct Token {
  Clock context;  // dots that the client's next write supersedes, if they name writes to this key
  Hlc hlc;        // the greatest time among the versions seen: the next write is ordered after it
  bool operator==(const Token&) const = default;
};

// `binding` identifies bucket and key (stable_hash of the storage key): a token of one key means
// nothing for another.
std::string encode_token(const Token& token, std::uint64_t binding);

// INVALID_ARGUMENT with the reason for anything that encode_token(_, binding) did not make.
absl::StatusOr<Token> decode_token(std::string_view bytes, std::uint64_t binding);

}  // namespace kv
