#include "jepsen-style-tests/simulation/judges/client_history.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "jepsen-style-tests/checkers/checkers.h"

namespace kv::sim {
namespace {

std::string name_of(std::size_t node) { return absl::StrCat("n", node + 1); }

history::Dot plain(Dot dot) { return {dot.actor.id, dot.counter}; }

// "siblings" of "siblings:k1", "lww" of "k1".
std::string policy_in(const std::string& name) {
  const std::size_t colon = name.find(':');
  return colon == std::string::npos ? "lww" : name.substr(0, colon);
}

history::Level plain(Level level) {
  return level == Level::kOne      ? history::Level::kOne
         : level == Level::kQuorum ? history::Level::kQuorum
                                   : history::Level::kAll;
}

history::Outcome plain(kv::Outcome outcome) {
  return outcome == kv::Outcome::kApplied      ? history::Outcome::kOk
         : outcome == kv::Outcome::kNotApplied ? history::Outcome::kNotApplied
                                               : history::Outcome::kUnknown;
}

void fill(history::Operation& op, const ClientWriteReply& reply) {
  const WriteResult& result = reply.result;
  op.outcome = plain(result.outcome);
  op.error = result.message;
  if (result.outcome == kv::Outcome::kNotApplied || result.dot.counter == 0) return;
  op.dot = plain(result.dot);
  op.hlc = result.hlc.bits;
  op.acks = result.acks;
  op.coordinator = name_of(reply.coordinator.value);
}

void fill(history::Operation& op, const ClientReadReply& reply) {
  op.outcome =
      reply.code == absl::StatusCode::kOk ? history::Outcome::kOk : history::Outcome::kNotApplied;
  op.error = reply.message;
  if (op.outcome != history::Outcome::kOk) return;
  for (const Version& version : reply.items.at(0).versions) {
    if (!version.value.has_value()) continue;
    op.values.push_back(*version.value);
    op.dots.push_back(plain(version.dot));
  }
  for (const NodeIndex node : reply.replicas) op.replicas.push_back(name_of(node.value));
  op.agreed = reply.agreed;
}

}  // namespace

std::vector<Dot> dots_of(const ReadItem& item) {
  std::vector<Dot> dots;
  for (const Version& version : item.versions) dots.push_back(version.dot);
  return dots;
}

ClientHistory::ClientHistory(const Plan& plan) {
  history_.setup.seed = plan.seed;
  history_.setup.replicas = plan.cluster.n;
  for (std::size_t node = 0; node < plan.cluster.shards.size(); ++node)
    history_.setup.nodes.push_back(name_of(node));
  for (const char* policy : {"lww", "siblings", "counter"})
    history_.setup.policies[policy] = policy;
}

bool ClientHistory::takes(const std::string& name) const {
  return history_.setup.policies.contains(policy_in(name));
}

void ClientHistory::sent(std::uint64_t id, Instant now, const Sent& sent) {
  const std::string policy = policy_in(sent.name);
  const bool adds = policy == "counter" && sent.kind == Kind::kPut;
  if (policy == "counter" && sent.kind == Kind::kDelete) deleted_counters_.insert(sent.name);
  history::Operation op;
  op.kind = adds                         ? history::Kind::kAdd
            : sent.kind == Kind::kPut    ? history::Kind::kPut
            : sent.kind == Kind::kDelete ? history::Kind::kDelete
                                         : history::Kind::kGet;
  op.client = sent.client;
  op.node = name_of(sent.node);
  op.bucket = policy;
  op.key = sent.name;
  if (adds && !absl::SimpleAtoi(sent.value, &op.amount)) deleted_counters_.insert(sent.name);
  if (!adds) op.value = sent.value;
  op.level = plain(sent.level);
  op.durability =
      sent.durability == Durability::kDisk ? history::Durability::kDisk : history::Durability::kOs;
  for (const Dot dot : sent.seen) op.seen.push_back(plain(dot));
  op.start_us = now.us;
  op.final = sent.final;
  open_.emplace(id, std::move(op));
}

void ClientHistory::answered(Instant now, const ClientReply& reply) {
  const std::uint64_t id = std::visit([](const auto& r) { return r.id; }, reply);
  auto found = open_.extract(id);
  if (found.empty()) return;
  history::Operation& op = found.mapped();
  op.end_us = now.us;
  std::visit([&](const auto& r) { fill(op, r); }, reply);
  history_.operations.push_back(std::move(op));
}

void ClientHistory::disk_lost(std::size_t node, Instant now) {
  history_.disk_losses.push_back({now.us, name_of(node)});
}

void ClientHistory::equal(Instant now) { history_.rests.push_back({now.us, true, ""}); }

std::string ClientHistory::judge(Instant now) {
  for (auto& [id, op] : open_) {  // its node died
    op.end_us = now.us;
    op.outcome = is_write(op) ? history::Outcome::kUnknown : history::Outcome::kNotApplied;
    history_.operations.push_back(std::move(op));
  }
  open_.clear();
  std::erase_if(history_.operations,
                [&](const history::Operation& op) { return deleted_counters_.contains(op.key); });
  history_.complete = true;
  return check::to_text(check::check(history_));
}

}  // namespace kv::sim
