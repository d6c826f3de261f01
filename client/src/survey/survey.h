// The same question to several nodes at the same time.
//
// Thread-safety: as that of Node; starts threads and joins them.
#pragma once

#include <grpcpp/client_context.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "client/src/failure.h"
#include "client/src/node.h"

namespace kv::client {

template <typename Response>
struct NodeAnswer {
  std::string address{};               // "host:port"
  std::optional<Response> response{};  // or
  std::string failure{};               // why there is none
};

// `call(stubs, context, response)` returns a grpc::Status.
template <typename Response, typename Call>
NodeAnswer<Response> ask_node(Node& node, std::chrono::milliseconds timeout, const Call& call) {
  NodeAnswer<Response> answer{.address = node.address()};
  const Clock::time_point deadline = Clock::now() + timeout;
  const auto stubs = node.connect(deadline);
  if (!stubs.ok()) {
    answer.failure = std::string(stubs.status().message());
    return answer;
  }
  grpc::ClientContext context;
  context.set_deadline(wall_deadline(deadline));
  Response response;
  const grpc::Status status = call(**stubs, context, response);
  if (status.ok())
    answer.response = std::move(response);
  else
    answer.failure = judge(status, RequestKind::kRead, node.address()).failure.message;
  return answer;
}

// All of them at the same time; answers in the order of `nodes`.
template <typename Response, typename Call>
std::vector<NodeAnswer<Response>> ask_nodes(const std::vector<Node*>& nodes,
                                            std::chrono::milliseconds timeout, const Call& call) {
  constexpr std::size_t kMaxThreads = 16;
  std::vector<NodeAnswer<Response>> answers(nodes.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < nodes.size(); i = next++)
      answers[i] = ask_node<Response>(*nodes[i], timeout, call);
  };
  std::vector<std::thread> threads(std::min(nodes.size(), kMaxThreads));
  for (std::thread& thread : threads) thread = std::thread(work);
  for (std::thread& thread : threads) thread.join();
  return answers;
}

}  // namespace kv::client
