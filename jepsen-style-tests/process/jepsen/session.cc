#include "jepsen-style-tests/process/jepsen/session.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <stdexcept>

#include "jepsen-style-tests/process/harness/process.h"
#include "node/base/hash.h"
#include "node/causality/token_codec.h"
#include "node/storage/keys.h"

namespace kv::jepsen {
namespace {

using history::Operation;
using history::Outcome;

client::Level to_client(history::Level level) {
  return level == history::Level::kOne      ? client::Level::kOne
         : level == history::Level::kQuorum ? client::Level::kQuorum
                                            : client::Level::kAll;
}

client::Durability to_client(history::Durability durability) {
  return durability == history::Durability::kOs ? client::Durability::kOs
                                                : client::Durability::kDisk;
}

history::Dot from_client(const client::Dot& dot) { return {dot.actor, dot.counter}; }

// A token states the time of the write that it was returned for. Clients have no business in it; checkers do.
std::uint64_t time_of(const std::string& token, const Operation& op, const std::string& policy) {
  const auto kind = find_policy(policy);
  if (!kind.has_value() || token.empty()) return 0;
  const auto decoded =
      decode_token(token, stable_hash(storage::storage_key({*kind, op.bucket}, op.key)));
  return decoded.ok() ? decoded->hlc.bits : 0;
}

void fill_failure(Operation& op, const client::Failure& failure, const std::string& policy) {
  const bool unknown = is_write(op) && failure.outcome == client::Outcome::kUnknown;
  op.outcome = unknown ? Outcome::kUnknown : Outcome::kNotApplied;
  op.error = absl::StrCat(absl::StatusCodeToString(failure.code), ": ", failure.message);
  op.reached = failure.reached;
  if (!unknown || !failure.dot.has_value()) return;
  op.dot = from_client(*failure.dot);
  op.hlc = time_of(failure.token, op, policy);
}

template <typename T>
client::Result<client::OperationAnswer> widen(client::Result<T> result) {
  if (!result.ok()) return std::move(result.failure());
  return client::OperationAnswer(*std::move(result));
}

}  // namespace

Session::Session(const Endpoints& endpoints, std::uint32_t number,
                 std::chrono::milliseconds timeout, Recorder& recorder)
    : number_(number), timeout_(timeout), recorder_(recorder), session_number_(number + 1) {
  for (const auto& [node, address] : endpoints) {
    auto client = client::Client::create({.endpoints = {address}});
    if (!client.ok()) throw std::runtime_error(std::string(client.status().message()));
    clients_[node] = *std::move(client);
  }
}

Operation Session::prepare(const std::string& node, const workload::Request& request,
                           std::string& token) const {
  Operation op{.kind = request.kind,
               .client = number_,
               .node = node,
               .bucket = workload::bucket_of(*request.mix),
               .key = request.key,
               .value = request.value,
               .amount = request.amount,
               .level = request.level,
               .durability = request.durability,
               .ttl_us = request.ttl_ms * 1000,
               .session = request.mix->in_sessions ? session_number_ : 0,
               .request = request.id,
               .timeout_us = timeout_.count() * 1000};
  const auto seen = seen_.find({op.bucket, op.key});
  if (request.with_token && seen != seen_.end()) {
    token = seen->second.token;
    op.seen = seen->second.dots;
  }
  // Without a token it would remove what its replica has, whatever that is.
  if (request.mix->policy == "siblings" && op.kind == history::Kind::kDelete && token.empty())
    op.kind = history::Kind::kGet;
  return op;
}

Outcome Session::perform(const std::string& node, const std::vector<workload::Request>& requests) {
  std::vector<Operation> operations;
  std::vector<std::string> tokens(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i)
    operations.push_back(prepare(node, requests[i], tokens[i]));
  const std::string& policy = requests.front().mix->policy;
  client::Client& client = *clients_.at(node);
  if (requests.size() > 1) return send_batch(client, std::move(operations), tokens, policy);
  return send_one(client, std::move(operations.front()), tokens.front(), *requests.front().mix);
}

Outcome Session::send_one(client::Client& client, Operation op, const std::string& token,
                          const workload::Mix& mix) {
  client::Session* const session = mix.in_sessions ? &session_ : nullptr;
  const client::ReadOptions read{
      .bucket = op.bucket, .level = to_client(op.level), .timeout = timeout_, .session = session};
  const client::WriteOptions write{.bucket = op.bucket,
                                   .level = to_client(op.level),
                                   .timeout = timeout_,
                                   .token = token,
                                   .durability = to_client(op.durability),
                                   .ttl = std::chrono::milliseconds(op.ttl_us / 1000),
                                   .session = session,
                                   .request_id = op.request};
  using Change = client::LeafChange::Kind;
  op.start_us = recorder_.now_us();
  const auto answer = [&]() -> client::Result<client::OperationAnswer> {
    switch (op.kind) {
      case history::Kind::kGet:
        return widen(client.get(op.key, read));
      case history::Kind::kPut:
        return widen(client.put(op.key, op.value, write));
      case history::Kind::kDelete:
        return widen(client.del(op.key, write));
      case history::Kind::kAdd:
        return widen(client.add(op.key, op.amount, write));
      case history::Kind::kInsert:
        return widen(
            client.update(op.key, {.element = op.value}, {.kind = Change::kPresent}, write));
      case history::Kind::kErase:
        return widen(
            client.update(op.key, {.element = op.value}, {.kind = Change::kAbsent}, write));
      case history::Kind::kElements:
        return read_elements(client, op, timeout_);
    }
    throw std::logic_error("a kind of operation that no client has");
  }();
  op.end_us = recorder_.now_us();
  // None of the key's replicas holds any more what the session has seen: a client begins anew.
  if (session != nullptr && !answer.ok() &&
      answer.failure().code == absl::StatusCode::kFailedPrecondition)
    begin_session();
  return finish(std::move(op), mix.policy, answer);
}

void Session::begin_session() {
  constexpr std::uint64_t kMostClients = 100'000;
  session_ = {};
  session_number_ += kMostClients;
}

client::Result<client::OperationAnswer> Session::read_elements(client::Client& client,
                                                               const Operation& op,
                                                               std::chrono::milliseconds timeout) {
  client::GetResult result;
  auto visited = client.leaves(
      op.key, {}, {.bucket = op.bucket, .level = to_client(op.level), .timeout = timeout},
      [&](client::LeafEntry&& entry) {
        result.values.push_back(std::move(entry.leaf.element));
        return true;
      });
  if (!visited.ok()) return std::move(visited.failure());
  return client::OperationAnswer(std::move(result));
}

Outcome Session::send_batch(client::Client& client, std::vector<Operation> operations,
                            const std::vector<std::string>& tokens, const std::string& policy) {
  std::vector<client::Operation> batch;
  for (std::size_t i = 0; i < operations.size(); ++i)
    batch.push_back({operations[i].kind == history::Kind::kGet ? client::Operation::Kind::kGet
                     : operations[i].kind == history::Kind::kDelete
                         ? client::Operation::Kind::kDelete
                         : client::Operation::Kind::kPut,
                     operations[i].key, operations[i].value, tokens[i]});
  const Operation& first = operations.front();
  const client::BatchOptions options{.bucket = first.bucket,
                                     .level = to_client(first.level),
                                     .timeout = timeout_,
                                     .durability = to_client(first.durability)};
  const std::int64_t start_us = recorder_.now_us();
  const auto answers = client.batch(batch, options);
  const std::int64_t end_us = recorder_.now_us();
  Outcome last = Outcome::kOk;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    operations[i].start_us = start_us;
    operations[i].end_us = end_us;
    last = finish(std::move(operations[i]), policy,
                  answers.ok() ? answers->at(i) : client::OperationResult(answers.failure()));
  }
  return last;
}

Outcome Session::finish(Operation op, const std::string& policy,
                        const client::Result<client::OperationAnswer>& answer) {
  if (!answer.ok()) {
    fill_failure(op, answer.failure(), policy);
  } else if (const auto* read = std::get_if<client::GetResult>(&*answer)) {
    op.values = read->values;
    for (const client::Dot& dot : read->dots) op.dots.push_back(from_client(dot));
    op.replicas = read->replicas;
    op.agreed = read->agreed;
    seen_[{op.bucket, op.key}] = {read->token, op.dots};
  } else {
    const auto& write = std::get<client::WriteResult>(*answer);
    op.dot = from_client(write.dot);
    op.hlc = time_of(write.token, op, policy);
    op.acks = write.acks;
    op.coordinator = write.coordinator;
    Seen& seen = seen_[{op.bucket, op.key}];
    seen.token = write.token;
    seen.dots = op.seen;
    seen.dots.push_back(op.dot);
  }
  const Outcome outcome = op.outcome;
  recorder_.add(std::move(op));
  return outcome;
}

void Session::read_in_the_end(const std::string& node, const workload::Mix& mix,
                              const std::vector<std::string>& keys) {
  if (mix.policy == "set") return read_sets_in_the_end(node, mix, keys);
  std::vector<client::Operation> batch;
  batch.reserve(keys.size());
  for (const std::string& key : keys) batch.push_back({client::Operation::Kind::kGet, key, {}, {}});
  const client::BatchOptions options{.bucket = workload::bucket_of(mix),
                                     .level = client::Level::kOne,
                                     .timeout = std::chrono::seconds(10)};
  std::int64_t start_us = 0;
  client::Result<std::vector<client::OperationResult>> answers = client::Failure{};
  e2e::eventually(
      [&] {
        start_us = recorder_.now_us();
        answers = clients_.at(node)->batch(batch, options);
        return answers.ok() && std::all_of(answers->begin(), answers->end(),
                                           [](const auto& answer) { return answer.ok(); });
      },
      std::chrono::seconds(20));
  const std::int64_t end_us = recorder_.now_us();
  for (std::size_t i = 0; i < keys.size(); ++i)
    finish({.client = number_,
            .node = node,
            .bucket = options.bucket,
            .key = keys[i],
            .level = history::Level::kOne,
            .start_us = start_us,
            .end_us = end_us,
            .timeout_us = 0,
            .final = true},
           mix.policy, answers.ok() ? answers->at(i) : client::OperationResult(answers.failure()));
}

void Session::read_sets_in_the_end(const std::string& node, const workload::Mix& mix,
                                   const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    Operation op{.kind = history::Kind::kElements,
                 .client = number_,
                 .node = node,
                 .bucket = workload::bucket_of(mix),
                 .key = key,
                 .level = history::Level::kOne,
                 .timeout_us = 0,
                 .final = true};
    client::Result<client::OperationAnswer> answer = client::Failure{};
    e2e::eventually(
        [&] {
          op.start_us = recorder_.now_us();
          answer = read_elements(*clients_.at(node), op, std::chrono::seconds(10));
          return answer.ok();
        },
        std::chrono::seconds(20));
    op.end_us = recorder_.now_us();
    finish(std::move(op), mix.policy, answer);
  }
}

}  // namespace kv::jepsen
