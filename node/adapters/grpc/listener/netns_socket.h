// A listening TCP socket in a network namespace other than the process's own (Linux; needs CAP_SYS_ADMIN).
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace kv {

// `netns`: a path such as /run/netns/NAME or /proc/PID/ns/net. `address`: an IPv4 host:port. The descriptor is the
// caller's to close. The text of an error says what could not be done and why.
absl::StatusOr<int> listen_in_netns(const std::string& netns, const std::string& address);

}  // namespace kv
