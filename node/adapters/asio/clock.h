// The machine's clocks, as the core wants them. Thread-safe.
#pragma once

#include "node/base/time.h"

namespace kv {

Instant monotonic_now();
WallMs wall_now();
inline Now now() { return {monotonic_now(), wall_now()}; }

}  // namespace kv
