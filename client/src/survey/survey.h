// The same question to every node of the cluster, at the same time, as often as wanted.
//
// Thread-safety: one thread at a time; it starts and joins others.
#pragma once

#include <grpcpp/client_context.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "client/src/failure.h"
#include "client/src/node.h"
#include "client/src/survey/status.h"

namespace kv::client {

template <typename Response>
struct NodeAnswer {
  std::string id;                      // of the node; empty when nobody names it
  std::string address;                 // "host:port"
  std::optional<Response> response{};  // or
  std::string failure{};               // why there is none
};

class Survey {
 public:
  // Finds out who the members are: the endpoints and all that they name.
  Survey(const std::vector<std::unique_ptr<Node>>& endpoints, std::chrono::milliseconds timeout) {
    for (const NodeStatus& status : collect_status(endpoints, timeout))
      members_.push_back({status.id, std::make_unique<Node>(status.address)});
  }

  // `call(stubs, context, response)` returns a grpc::Status. Ordered by id.
  template <typename Response, typename Call>
  std::vector<NodeAnswer<Response>> ask(std::chrono::milliseconds timeout, const Call& call) {
    std::vector<NodeAnswer<Response>> answers(members_.size());
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
      for (std::size_t i = next++; i < members_.size(); i = next++)
        answers[i] = ask_one<Response>(members_[i], timeout, call);
    };
    std::vector<std::thread> threads(std::min<std::size_t>(members_.size(), 16));
    for (std::thread& thread : threads) thread = std::thread(work);
    for (std::thread& thread : threads) thread.join();
    return answers;
  }

 private:
  struct Member {
    std::string id;
    std::unique_ptr<Node> node;
  };

  template <typename Response, typename Call>
  static NodeAnswer<Response> ask_one(Member& member, std::chrono::milliseconds timeout,
                                      const Call& call) {
    NodeAnswer<Response> answer{.id = member.id, .address = member.node->address()};
    const Clock::time_point deadline = Clock::now() + timeout;
    const auto stubs = member.node->connect(deadline);
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
      answer.failure = judge(status, RequestKind::kRead, answer.address).failure.message;
    return answer;
  }

  std::vector<Member> members_;
};

}  // namespace kv::client
