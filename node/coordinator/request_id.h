// Ids that clients give to their writes, so that they may send them again.
//
// An id names one write of one key. For the window of limits.h, whatever node is asked, the second attempt is answered for
// what the first has written. It is the same request if it asks for the same: value or delete, time to live and condition.
// Level, durability, deadline and token may be others.
// Pure; thread-safe.
#pragma once

#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "node/messages/request.h"

namespace kv {

// Of a write that is complete but for it; none for "", which is no id. INVALID_ARGUMENT when it is too long, or the amount is
// one that could not be taken back (2-protocol: see node/replica/requests.cc).
absl::StatusOr<std::optional<RequestId>> checked_request_id(std::string_view id,
                                                            const ClientWrite& write);

}  // namespace kv
