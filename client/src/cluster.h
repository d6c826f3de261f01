// Runs one request against the cluster: which endpoint, how often, for how long. The rules are in
// kv/client.h. Thread-safety: run() from any thread; requests of all threads share what they learn
// about which endpoint answers.
#pragma once

#include <absl/functional/function_ref.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/src/failure.h"
#include "client/src/node.h"
#include "kv/types.h"

namespace kv::client {

class Cluster {
 public:
  // Sends the request once. The context already has its deadline.
  using Attempt = absl::FunctionRef<grpc::Status(Node::Stubs&, grpc::ClientContext&)>;

  // Precondition: `addresses` is not empty, and check_address() accepts each.
  Cluster(const std::vector<std::string>& addresses, std::uint64_t seed);

  // Nothing: the last attempt succeeded. `timeout` bounds all attempts, connections and pauses
  // together.
  std::optional<Failure> run(RequestKind kind, std::chrono::milliseconds timeout, Attempt attempt);

  const std::vector<std::unique_ptr<Node>>& nodes() const { return nodes_; }

  // Index of the node that the next request is sent to first.
  std::size_t preferred() const { return preferred_.load(std::memory_order_relaxed); }

  // Lets the next request start at another node, unless something moved on from `index` already.
  void leave(std::size_t index);

  // A different number each time, for the jitter of one request.
  std::uint64_t next_seed();

 private:
  class Request;

  std::vector<std::unique_ptr<Node>> nodes_;
  std::atomic<std::size_t> preferred_{0};  // index of the node to try first
  std::atomic<std::uint64_t> seed_;
};

}  // namespace kv::client
