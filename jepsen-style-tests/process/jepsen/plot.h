// A history as a picture: each operation's latency by its outcome, the share of operations that succeeded, and the faults.
#pragma once

#include <string>

#include "jepsen-style-tests/history/history.h"

namespace kv::jepsen {

// An SVG document. Pure.
std::string plot(const history::History& history);

}  // namespace kv::jepsen
