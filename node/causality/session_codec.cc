#include "node/causality/session_codec.h"

#include "absl/strings/str_cat.h"
#include "kv/v1/record.pb.h"
#include "node/base/limits.h"
#include "node/base/sealed.h"
#include "node/causality/clock_codec.h"
#include "node/causality/scratch.h"

namespace kv {

std::string encode_session(const Session& session) {
  Scratch<v1::SessionRecord> record;
  record->set_is_session(true);
  for (const auto& [partition, needs] : session.needs) {
    auto* part = record->add_parts();
    part->set_partition(partition.value);
    encode_clock(needs, part->mutable_needs());
  }
  record->set_hlc(session.hlc.bits);
  return record.sealed();
}

absl::StatusOr<Session> decode_session(std::string_view bytes) {
  Session session;
  if (bytes.empty()) return session;
  if (bytes.size() > kMaxTokenBytes)
    return absl::InvalidArgumentError(
        absl::StrCat("session of ", bytes.size(), " bytes; the limit is ", kMaxTokenBytes));
  const auto body = unseal(bytes);
  if (!body.ok())
    return absl::InvalidArgumentError(absl::StrCat("session: ", body.status().message()));
  Scratch<v1::SessionRecord> record;
  if (!record.parse(*body) || !record->is_session())
    return absl::InvalidArgumentError("session: not a session");
  for (const auto& part : record->parts()) {
    auto needs = decode_clock(part.needs());
    if (!needs.ok())
      return absl::InvalidArgumentError(absl::StrCat("session: ", needs.status().message()));
    const bool ascends =
        session.needs.empty() || part.partition() > session.needs.rbegin()->first.value;
    if (part.partition() >= kMaxAllPartitions || !ascends || needs->empty())
      return absl::InvalidArgumentError("session: partitions out of range or order");
    session.needs.emplace(Partition{static_cast<std::uint16_t>(part.partition())},
                          *std::move(needs));
  }
  session.hlc = Hlc{record->hlc()};
  if (session.hlc >= kMaxHlc) return absl::InvalidArgumentError("session: time out of range");
  return session;
}

}  // namespace kv
