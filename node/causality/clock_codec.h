// Clocks to and from their protobuf form (proto/kv/v1/record.proto), for the codecs that embed
// them. Decoding accepts only the canonical form and bounded counters: INVALID_ARGUMENT otherwise.
#pragma once

#include <cstddef>

#include "absl/status/statusor.h"
#include "node/causality/clock.h"

namespace kv {
namespace v1 {
class ClockRecord;
}

// Of the arena that a codec builds its message in, on the stack: messages, above all clocks, consist of many small parts.
// The heap serves what needs more.
constexpr std::size_t kRecordRoomBytes = 2048;

void encode_clock(const Clock& clock, v1::ClockRecord* out);
absl::StatusOr<Clock> decode_clock(const v1::ClockRecord& record);

}  // namespace kv
