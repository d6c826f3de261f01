// A client's session: what it has written and read, in every partition, as opaque bytes that it hands along from one request to
// the next, to whatever node.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "node/base/hlc.h"
#include "node/base/types.h"
#include "node/causality/clock.h"

namespace kv {

struct Session {
  // Dots that a replica must have processed before it may serve this session. None is empty.
  std::map<Partition, Clock> needs;
  Hlc hlc;  // the greatest time among what was written and seen: its next write is ordered after it
  bool operator==(const Session&) const = default;
};

std::string encode_session(const Session& session);

// INVALID_ARGUMENT with the reason for anything that encode_session() did not make. "" is the session that has seen nothing.
absl::StatusOr<Session> decode_session(std::string_view bytes);

}  // namespace kv
