// One call of any gRPC method, by its path and in bytes: for services whose messages this project
// has no code for.
#pragma once

#include <string>

namespace kv::e2e {

// The first message of the answer. Throws when there is none.
std::string grpc_call(const std::string& address, const std::string& method,
                      const std::string& request);

}  // namespace kv::e2e
