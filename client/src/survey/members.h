// Asks everybody who is in the cluster the same question.
#pragma once

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/src/cluster.h"
#include "client/src/survey/status.h"
#include "client/src/survey/survey.h"
#include "kv/limits.h"

namespace kv::client {

template <typename Response>
struct MemberAnswer : NodeAnswer<Response> {
  std::string id;  // of the node; empty when nobody names it
};

// The endpoints and all that they name. Not thread-safe.
class Survey {
 public:
  Survey(const std::vector<std::unique_ptr<Node>>& endpoints, std::chrono::milliseconds timeout) {
    for (const NodeStatus& status : collect_status(endpoints, timeout)) {
      ids_.push_back(status.id);
      nodes_.push_back(std::make_unique<Node>(status.address));
      asked_.push_back(nodes_.back().get());
    }
  }

  template <typename Response, typename Call>
  std::vector<MemberAnswer<Response>> ask(std::chrono::milliseconds timeout, const Call& call) {
    auto answers = ask_nodes<Response>(asked_, timeout, call);
    std::vector<MemberAnswer<Response>> named;
    named.reserve(answers.size());
    for (std::size_t i = 0; i < answers.size(); ++i)
      named.push_back({std::move(answers[i]), ids_[i]});
    return named;
  }

 private:
  std::vector<std::string> ids_;  // of `nodes_`; empty where nobody names it
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<Node*> asked_;
};

// A failure when nobody has answered.
template <typename Response>
std::optional<Failure> check_reached(const std::vector<MemberAnswer<Response>>& answers) {
  std::vector<std::string> reasons;
  for (const auto& answer : answers) {
    if (answer.response.has_value()) return std::nullopt;
    reasons.push_back(answer.failure);
  }
  return Failure{
      .code = absl::StatusCode::kUnavailable,
      .message = absl::StrCat("no node could be reached: ", absl::StrJoin(reasons, "; ")),
      .reached = false};
}

// Of what is left of the time, no more than one request takes.
inline std::chrono::milliseconds left_until(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  return std::clamp(left, std::chrono::milliseconds(1), std::chrono::milliseconds(kDefaultTimeout));
}

inline v1::Dot to_message(const Dot& dot) {
  v1::Dot message;
  message.set_actor(dot.actor);
  message.set_counter(dot.counter);
  return message;
}

}  // namespace kv::client
