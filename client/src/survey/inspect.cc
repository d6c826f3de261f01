// The questions that need every node's answer: who holds a write, whether replicas are equal, what each holds of a key.
#include <map>
#include <set>
#include <thread>

#include "client/src/messages.h"
#include "client/src/survey/members.h"
#include "kv/client.h"

namespace kv::client {
namespace {

constexpr std::chrono::milliseconds kLookEvery{50};

std::vector<MemberAnswer<v1::HoldsResponse>> ask_holds(Survey& survey, const v1::HoldsRequest& dots,
                                                       std::chrono::milliseconds timeout) {
  return survey.ask<v1::HoldsResponse>(
      timeout, [&](Node::Stubs& stubs, grpc::ClientContext& context, v1::HoldsResponse& response) {
        return stubs.admin->Holds(&context, dots, &response);
      });
}

Receipt receipt_of(const std::vector<MemberAnswer<v1::HoldsResponse>>& answers) {
  Receipt receipt;
  std::map<std::string, bool> holders;  // by id; on disk
  for (const auto& answer : answers) {
    if (!answer.response.has_value() || answer.response->held_size() != 1) continue;
    const v1::HoldsResponse::Held& held = answer.response->held(0);
    if (!held.applied()) continue;
    holders[answer.response->id()] = held.durable();
    receipt.known = true;
    receipt.partition = held.partition();
    if (receipt.replicas.empty())
      for (const std::string& id : held.replicas()) receipt.replicas.push_back({.id = id});
  }
  for (Receipt::Replica& replica : receipt.replicas) {
    const auto holder = holders.find(replica.id);
    replica.applied = holder != holders.end();
    replica.durable = replica.applied && holder->second;
  }
  return receipt;
}

std::size_t needed(Level level, std::size_t replicas) {
  return level == Level::kOne ? 1 : level == Level::kAll ? replicas : replicas / 2 + 1;
}

bool satisfied(const Receipt& receipt, Level level, Durability durability) {
  std::size_t have = 0;
  for (const Receipt::Replica& replica : receipt.replicas)
    have += durability == Durability::kDisk ? replica.durable : replica.applied;
  return receipt.known && have >= needed(level, receipt.replicas.size());
}

Convergence convergence_of(const std::vector<MemberAnswer<v1::ClocksResponse>>& answers) {
  struct Seen {
    std::set<std::string> expected;
    std::map<std::string, std::uint64_t> digests;  // by node
  };
  std::map<std::uint32_t, Seen> partitions;
  Convergence result;
  for (const auto& answer : answers) {
    if (!answer.response.has_value()) {
      result.unreachable.push_back(answer.id.empty() ? answer.address : answer.id);
      continue;
    }
    for (const v1::ClocksResponse::Replica& replica : answer.response->replicas()) {
      Seen& seen = partitions[replica.partition()];
      seen.expected.insert(replica.replicas().begin(), replica.replicas().end());
      seen.digests[answer.response->id()] = replica.applied();
    }
  }
  for (const auto& [partition, seen] : partitions) {
    bool equal = seen.digests.size() == seen.expected.size();
    for (const auto& [node, digest] : seen.digests) equal &= digest == seen.digests.begin()->second;
    if (!equal) result.partitions_behind.push_back(partition);
  }
  result.converged = result.partitions_behind.empty() && result.unreachable.empty();
  return result;
}

Explanation::Version to_version(const v1::ExplainResponse::Version& message) {
  return {.dot = {message.dot().actor(), message.dot().counter()},
          .hlc = message.hlc(),
          .value = message.marker() ? std::nullopt : std::optional(message.value()),
          .expires_ms = message.expires_ms()};
}

// Each replica's account, without what it lacks.
Explanation explanation_of(const std::vector<MemberAnswer<v1::ExplainResponse>>& answers) {
  Explanation result;
  std::map<std::string, Explanation::Replica> replicas;
  for (const auto& answer : answers) {
    if (!answer.response.has_value()) continue;
    result.policy = answer.response->policy();
    result.partition = answer.response->partition();
    for (const std::string& id : answer.response->replicas()) replicas[id].node = id;
  }
  for (const auto& answer : answers) {
    const std::string& id = answer.response.has_value() ? answer.response->id() : answer.id;
    const auto replica = replicas.find(id);
    if (replica == replicas.end()) continue;
    replica->second.failure = answer.failure;
    replica->second.reached = answer.response.has_value();
    if (!answer.response.has_value()) continue;
    replica->second.context_dots = answer.response->context_dots();
    for (const auto& version : answer.response->versions())
      replica->second.versions.push_back(to_version(version));
    for (const auto& version : answer.response->shown())
      replica->second.shown.push_back({version.dot().actor(), version.dot().counter()});
  }
  for (auto& [id, replica] : replicas) result.replicas.push_back(std::move(replica));
  return result;
}

// Which of all these versions each replica has not processed.
void add_lacks(Explanation& explanation, Survey& survey, std::chrono::milliseconds timeout) {
  std::vector<Dot> dots;
  v1::HoldsRequest request;
  for (const Explanation::Replica& replica : explanation.replicas) {
    for (const Explanation::Version& version : replica.versions) {
      if (std::find(dots.begin(), dots.end(), version.dot) != dots.end()) continue;
      if (dots.size() == kMaxBatchOperations) break;
      dots.push_back(version.dot);
      *request.add_dots() = to_message(version.dot);
    }
  }
  for (const auto& answer : ask_holds(survey, request, timeout)) {
    if (!answer.response.has_value()) continue;
    for (Explanation::Replica& replica : explanation.replicas) {
      if (replica.node != answer.response->id()) continue;
      for (std::size_t i = 0; i < dots.size(); ++i)
        if (!answer.response->held(static_cast<int>(i)).applied()) replica.lacks.push_back(dots[i]);
      replica.clock_covers_all = replica.lacks.empty();
    }
  }
}

}  // namespace

Result<Receipt> Client::wait(const Dot& dot, Level level, Durability durability,
                             std::chrono::milliseconds timeout) {
  if (absl::Status status = check_timeout(timeout); !status.ok()) return to_failure(status);
  const Clock::time_point deadline = Clock::now() + timeout;
  Survey survey(cluster_->nodes(), left_until(deadline));
  v1::HoldsRequest request;
  *request.add_dots() = to_message(dot);
  while (true) {
    const auto answers = ask_holds(survey, request, left_until(deadline));
    Receipt receipt = receipt_of(answers);
    receipt.satisfied = satisfied(receipt, level, durability);
    if (receipt.satisfied) return receipt;
    if (Clock::now() + kLookEvery >= deadline) {
      if (auto failure = check_reached(answers); failure.has_value()) return *std::move(failure);
      return receipt;
    }
    std::this_thread::sleep_for(kLookEvery);
  }
}

Result<Convergence> Client::converged(std::chrono::milliseconds timeout, bool wait) {
  if (absl::Status status = check_timeout(timeout); !status.ok()) return to_failure(status);
  const Clock::time_point deadline = Clock::now() + timeout;
  Survey survey(cluster_->nodes(), left_until(deadline));
  while (true) {
    const auto answers = survey.ask<v1::ClocksResponse>(
        left_until(deadline),
        [](Node::Stubs& stubs, grpc::ClientContext& context, v1::ClocksResponse& response) {
          return stubs.admin->Clocks(&context, v1::ClocksRequest(), &response);
        });
    Convergence result = convergence_of(answers);
    if (result.converged) return result;
    if (!wait || Clock::now() + kLookEvery >= deadline) {
      if (auto failure = check_reached(answers); failure.has_value()) return *std::move(failure);
      return result;
    }
    std::this_thread::sleep_for(kLookEvery);
  }
}

Result<Explanation> Client::explain(absl::string_view key, const ReadOptions& options) {
  if (absl::Status status = check_timeout(options.timeout); !status.ok()) return to_failure(status);
  if (absl::Status status = check_key(key); !status.ok()) return to_failure(status);
  const Clock::time_point deadline = Clock::now() + options.timeout;
  Survey survey(cluster_->nodes(), left_until(deadline));
  v1::ExplainRequest request;
  request.set_bucket(options.bucket);
  request.set_key(std::string(key));
  const auto answers = survey.ask<v1::ExplainResponse>(
      left_until(deadline),
      [&](Node::Stubs& stubs, grpc::ClientContext& context, v1::ExplainResponse& response) {
        return stubs.admin->Explain(&context, request, &response);
      });
  if (auto failure = check_reached(answers); failure.has_value()) {
    // Every node may have refused it, for instance because there is no such bucket: one says so in full.
    v1::ExplainResponse response;
    auto refused = cluster_->run(RequestKind::kRead, left_until(deadline),
                                 [&](Node::Stubs& stubs, grpc::ClientContext& context) {
                                   return stubs.admin->Explain(&context, request, &response);
                                 });
    return refused.has_value() ? *std::move(refused) : *std::move(failure);
  }
  Explanation explanation = explanation_of(answers);
  add_lacks(explanation, survey, left_until(deadline));
  return explanation;
}

}  // namespace kv::client
