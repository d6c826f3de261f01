// A gRPC server on one address, for clients or for peers.
//
// Thread-safe after start(). Services outlive it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace kv {

class Listener {
 public:
  struct Options {
    std::string address;  // host:port
    std::string netns;    // path of the network namespace to listen in; empty: the process's own
    int max_message_bytes = 0;
    bool with_reflection = false;
  };

  Listener();
  ~Listener();  // stops at once

  // UNAVAILABLE when the address cannot be taken: the text says which and why.
  absl::Status start(const Options& options, const std::vector<grpc::Service*>& services);

  // Refuses new calls, and waits for those under way, up to `grace_ms`; then cuts them.
  void stop(std::int64_t grace_ms);

 private:
  class Acceptor;

  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Acceptor> acceptor_;
};

}  // namespace kv
