#include "client/src/survey/status.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "client/src/messages.h"
#include "client/src/survey/survey.h"

namespace kv::client {
namespace {

std::vector<NodeStatus> ask_all(const std::vector<Node*>& nodes,
                                std::chrono::milliseconds timeout) {
  std::vector<NodeStatus> statuses;
  const auto answers = ask_nodes<v1::StatusResponse>(
      nodes, timeout,
      [](Node::Stubs& stubs, grpc::ClientContext& context, v1::StatusResponse& response) {
        return stubs.admin->Status(&context, v1::StatusRequest(), &response);
      });
  statuses.reserve(answers.size());
  for (const auto& answer : answers) {
    NodeStatus& status = statuses.emplace_back();
    status.address = answer.address;
    status.failure = answer.failure;
    if (!answer.response.has_value()) continue;
    status.id = answer.response->id();
    status.report = to_report(*answer.response);
  }
  return statuses;
}

// By address, the id of each member that somebody names.
std::map<std::string, std::string> named_members(const std::vector<NodeStatus>& answers) {
  std::map<std::string, std::string> ids;
  for (const NodeStatus& answer : answers) {
    if (!answer.report.has_value()) continue;
    for (const NodeReport::Member& member : answer.report->members)
      ids.emplace(member.client_address, member.id);
  }
  return ids;
}

bool knows_id(const std::vector<NodeStatus>& answers, const std::string& id) {
  return std::any_of(answers.begin(), answers.end(),
                     [&](const NodeStatus& answer) { return answer.id == id; });
}

}  // namespace

std::vector<NodeStatus> collect_status(const std::vector<std::unique_ptr<Node>>& endpoints,
                                       std::chrono::milliseconds timeout) {
  std::set<std::string> asked;
  std::vector<Node*> round;
  for (const std::unique_ptr<Node>& endpoint : endpoints) {
    if (asked.insert(endpoint->address()).second) round.push_back(endpoint.get());
  }
  std::vector<NodeStatus> answers;
  std::vector<std::unique_ptr<Node>> members;
  while (!round.empty()) {
    for (NodeStatus& answer : ask_all(round, timeout)) answers.push_back(std::move(answer));
    round.clear();
    for (const auto& [address, id] : named_members(answers)) {
      const bool known = asked.contains(address) || knows_id(answers, id);
      if (known || !check_address(address).ok()) continue;
      asked.insert(address);
      round.push_back(members.emplace_back(std::make_unique<Node>(address)).get());
    }
  }
  return merge_status(std::move(answers));
}

std::vector<NodeStatus> merge_status(std::vector<NodeStatus> answers) {
  const std::map<std::string, std::string> ids = named_members(answers);
  for (NodeStatus& answer : answers) {
    const auto named = ids.find(answer.address);
    if (answer.id.empty() && named != ids.end()) answer.id = named->second;
  }
  // Of several with one id the one that answered comes first, and of those the one at the address
  // the members know.
  const auto rank = [&ids](const NodeStatus& status) {
    return std::make_tuple(status.id, !status.report.has_value(), !ids.contains(status.address),
                           status.address);
  };
  std::sort(answers.begin(), answers.end(),
            [&](const NodeStatus& a, const NodeStatus& b) { return rank(a) < rank(b); });
  const auto same = [](const NodeStatus& a, const NodeStatus& b) {
    return !a.id.empty() && a.id == b.id;
  };
  answers.erase(std::unique(answers.begin(), answers.end(), same), answers.end());
  return answers;
}

}  // namespace kv::client
