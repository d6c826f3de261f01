// Clocks to and from their protobuf form (proto/kv/v1/record.proto), for the codecs that embed
// them. Decoding accepts only the canonical form and bounded counters: INVALID_ARGUMENT otherwise.
#pragma once

#include "absl/status/statusor.h"
#include "node/causality/clock.h"

namespace kv {
namespace v1 {
class ClockRecord;
}

void encode_clock(const Clock& clock, v1::ClockRecord* out);
absl::StatusOr<Clock> decode_clock(const v1::ClockRecord& record);

}  // namespace kv
