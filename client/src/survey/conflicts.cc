// What all nodes have noted of versions that lost unseen, united.
#include <map>
#include <utility>

#include "client/src/messages.h"
#include "client/src/survey/members.h"
#include "kv/client.h"

namespace kv::client {
namespace {

using ByDot = std::map<std::pair<std::uint64_t, std::uint64_t>, Conflict>;

Conflict to_conflict(const v1::ConflictsResponse::Conflict& message) {
  Conflict conflict{.dot = {message.dot().actor(), message.dot().counter()},
                    .bucket = message.bucket(),
                    .key = message.key(),
                    .path = {message.path().begin(), message.path().end()},
                    .hlc = message.hlc(),
                    .marker = message.marker(),
                    .value_bytes = message.value_bytes(),
                    .value_kept = message.value_kept(),
                    .expires_ms = message.expires_ms(),
                    .winner = {message.winner().actor(), message.winner().counter()},
                    .winner_hlc = message.winner_hlc(),
                    .noted_ms = message.noted_ms()};
  return conflict;
}

// Replicas that met the loser with different versions name different winners: the latest of them stays.
void unite(ByDot& all, Conflict one, const std::string& node) {
  const auto [it, is_new] = all.try_emplace({one.dot.actor, one.dot.counter}, one);
  Conflict& known = it->second;
  known.nodes.push_back(node);
  if (is_new) return;
  known.noted_ms = std::min(known.noted_ms, one.noted_ms);
  if (one.winner_hlc <= known.winner_hlc) return;
  known.winner = one.winner;
  known.winner_hlc = one.winner_hlc;
}

ConflictList list_of(ByDot all, std::uint64_t limit) {
  ConflictList list;
  for (auto& [dot, conflict] : all) list.conflicts.push_back(std::move(conflict));
  std::stable_sort(list.conflicts.begin(), list.conflicts.end(),
                   [](const Conflict& a, const Conflict& b) { return a.noted_ms > b.noted_ms; });
  if (limit > 0 && list.conflicts.size() > limit) {
    list.conflicts.resize(limit);
    list.more = true;
  }
  return list;
}

}  // namespace

Result<ConflictList> Client::conflicts(const ConflictOptions& options) {
  if (absl::Status status = check_timeout(options.timeout); !status.ok()) return to_failure(status);
  const Clock::time_point deadline = Clock::now() + options.timeout;
  Survey survey(cluster_->nodes(), left_until(deadline));
  v1::ConflictsRequest request;
  request.set_bucket(options.bucket);
  request.set_key(options.key);
  if (options.dot.has_value()) *request.mutable_dot() = to_message(*options.dot);
  const auto answers = survey.ask<v1::ConflictsResponse>(
      left_until(deadline),
      [&](Node::Stubs& stubs, grpc::ClientContext& context, v1::ConflictsResponse& response) {
        return stubs.admin->Conflicts(&context, request, &response);
      });
  if (auto failure = check_reached(answers); failure.has_value()) return *std::move(failure);
  ByDot all;
  bool more = false;
  std::vector<std::string> unreachable;
  for (const auto& answer : answers) {
    if (!answer.response.has_value()) {
      unreachable.push_back(answer.id.empty() ? answer.address : answer.id);
      continue;
    }
    more |= answer.response->more();
    for (const auto& message : answer.response->conflicts()) {
      Conflict one = to_conflict(message);
      if (options.dot.has_value() && message.value_kept()) one.value = message.value();
      unite(all, std::move(one), answer.response->id());
    }
  }
  ConflictList list = list_of(std::move(all), options.limit);
  list.more |= more;
  list.unreachable = std::move(unreachable);
  return list;
}

}  // namespace kv::client
