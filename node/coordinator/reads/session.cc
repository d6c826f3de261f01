#include "node/coordinator/reads/session.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "node/base/limits.h"
#include "node/base/simulation.h"

namespace kv {
namespace {

// One partition, one actor and one run, each number at its longest.
constexpr std::size_t kMaxBytesOfWrite = 64;

absl::Status too_large(std::size_t bytes) {
  return absl::FailedPreconditionError(
      absl::StrCat("the session has seen so much that it would have ", bytes,
                   " bytes; the limit is ", kMaxTokenBytes, "; begin a new one"));
}

// The part of `clock` that lies below what `top` has of the same actor.
Clock below(const Clock& clock, const Clock& top) {
  Clock ceilings;
  for (const Clock::Entry& entry : top.entries())
    ceilings.add_run(entry.actor, {1, entry.runs.back().last});
  return KV_PLANTED(kSessionRoundedUp) ? ceilings : clock.intersect(ceilings);
}

}  // namespace

bool covers(const std::vector<ReplicaObject>& answers, const Clock& needs) {
  if (KV_PLANTED(kSessionIgnored)) return true;
  Clock lacking = needs;
  for (const ReplicaObject& answer : answers) lacking = lacking.minus(*answer.clock);
  return lacking.empty();
}

Clock needs_after_read(Clock needs, const std::vector<ReplicaObject>& answers, const Joined& joined,
                       const Policy& policy) {
  const bool named = policy.is_ordered() && !joined.object.versions.empty();
  if (KV_PLANTED(kSessionForgetsReads) || (KV_PLANTED(kSessionForgetsAbsence) && !named))
    return needs;
  if (named) needs.join(dots_of(joined.object));
  for (const ReplicaObject& answer : answers)
    needs.join(named ? below(*answer.clock, needs) : *answer.clock);
  return needs;
}

void note_write(Session& session, Partition partition, Dot dot) {
  if (KV_PLANTED(kSessionForgetsWrites)) return;
  session.needs[partition].add_run(dot.actor, {1, dot.counter});
}

absl::StatusOr<std::optional<Session>> checked_session(bool given, std::string_view bytes,
                                                       std::uint32_t partitions) {
  if (!given) return std::nullopt;
  auto session = decode_session(bytes);
  if (!session.ok()) return session.status();
  if (!session->needs.empty() && session->needs.rbegin()->first.value >= partitions)
    return absl::InvalidArgumentError("session: of another cluster, which has more partitions");
  // Half of what a version may have: the writes that must come after it need the rest.
  if (session->hlc.bits >= kMaxHlc.bits / 2)
    return absl::InvalidArgumentError("session: its time is out of range");
  return *std::move(session);
}

absl::StatusOr<std::string> session_after_read(Session session, Partition partition,
                                               const ClientReadReply& reply) {
  if (!reply.session.empty()) session.needs[partition] = reply.session;
  session.hlc = std::max(session.hlc, reply.items.front().token.hlc);
  std::string bytes = encode_session(session);
  if (bytes.size() > kMaxTokenBytes) return too_large(bytes.size());
  return bytes;
}

std::string session_after_write(Session session, Partition partition, const WriteResult& result) {
  session.hlc = std::max(session.hlc, result.hlc);
  if (result.outcome == Outcome::kApplied) note_write(session, partition, result.dot);
  return encode_session(session);
}

absl::Status check_room_for_write(std::string_view bytes) {
  if (bytes.size() + kMaxBytesOfWrite <= kMaxTokenBytes) return absl::OkStatus();
  return too_large(bytes.size() + kMaxBytesOfWrite);
}

}  // namespace kv
