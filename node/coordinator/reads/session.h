// What a client's session needs of a replica, and how that grows. Pure; thread-safe.
//
// A replica may serve a session if it has processed every dot that the session has written to or read from the partition:
// then what it holds for a key reflects them (2-protocol, invariant 1), and a client reads its own writes and never an older
// state than before, on whatever node. Two things keep a session small:
//   - A read needs the dot of the version that it was shown, not all that the replica knew. Only where a key's absence, or a
//     version's, may be the work of a write that nothing names any more, it needs everything that the replica had processed.
//   - What lies below a needed dot of the same actor is needed as well, as far as the replica that answered has it: a run of
//     dots costs as much as one. Holes stay, for nobody may hold those dots any more, and nobody could ever serve a session
//     that needed them. What is added so can still be lost with a disk where the needed dot itself is not; then reads are
//     refused (stale) though they need not be, which is safe and as rare as it sounds.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "node/causality/session_codec.h"
#include "node/coordinator/join_answers.h"

namespace kv {

// Whether replicas with these clocks, asked together, have processed all of it.
bool covers(const std::vector<ReplicaObject>& answers, const Clock& needs);

// What a session needs of a partition after a read of one key. `needs`: before it, and covered by the answers.
Clock needs_after_read(Clock needs, const std::vector<ReplicaObject>& answers, const Joined& joined,
                       const Policy& policy);

// After a write with that dot: its replica holds every earlier dot of its own actor, too (invariant 3).
void note_write(Session& session, Partition partition, Dot dot);

// The session of a request; none if the request has none. `partitions`: how many there are.
absl::StatusOr<std::optional<Session>> checked_session(bool given, std::string_view bytes,
                                                       std::uint32_t partitions);

// The bytes to hand back after a read that was answered. FAILED_PRECONDITION when they would exceed the limit of a token.
absl::StatusOr<std::string> session_after_read(Session session, Partition partition,
                                               const ClientReadReply& reply);

// Whether a session of so many bytes can take up one more write: otherwise the write is refused before it is made.
absl::Status check_room_for_write(std::string_view bytes);

// After any answer to a write. One whose outcome is unknown is not needed, for it may be nowhere, but the next is after it.
std::string session_after_write(Session session, Partition partition, const WriteResult& result);

}  // namespace kv
