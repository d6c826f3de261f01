#include "jepsen-style-tests/simulation/run.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/base/simulation.h"
#include "node/coordinator/validate.h"
#include "node/storage/keys.h"

namespace kv::sim {
namespace {

constexpr std::int64_t kServeWithinMs = 20'000;
constexpr std::int64_t kEqualWithinMs = 20'000;  // 3 of them until the last probe goes out
constexpr std::int64_t kRestWithinMs = 60'000;
constexpr std::int64_t kLookEveryMs = 250;
constexpr std::int64_t kAnswerSlackMs = 100;
constexpr std::size_t kCheckedKeys = 12;

std::string in_words(const WriteResult& result) {
  switch (result.outcome) {
    case kv::Outcome::kApplied:
      return absl::StrCat("ok, ", result.acks, " acks");
    case kv::Outcome::kNotApplied:
      return absl::StrCat("not applied: ", result.message);
    default:
      return absl::StrCat("unknown: ", result.message);
  }
}

}  // namespace

Run::Run(const Plan& plan, bool with_transcript)
    : plan_(plan),
      with_transcript_(with_transcript),
      truth_(outcome_.violations, plan.cluster.core),
      cluster_(plan.cluster, this),
      watchers_(outcome_.violations, cluster_, plan.seed,
                plan.watchers ? plan.cluster.kept_changes : 0),
      rng_(stream(plan.seed, "end")),
      backed_up_(cluster_.size()),
      transfers_before_(reached(simulation::Mark::kFullTransferAsked)),
      cuts_before_(reached(simulation::Mark::kLogCut)),
      found_before_(reached(simulation::Mark::kScrubFound)) {
  for (std::uint32_t key = 0; key < plan.keys; ++key) {
    std::string name = absl::StrCat(plan.policies[key % plan.policies.size()], "k", key);
    Place place = cluster_.place(name);
    keys_.push_back({std::move(name), std::move(place)});
  }
  truth_.attach(cluster_);
  if (plan.history) history_.emplace(plan);
}

Outcome Run::play() {
  chaos();
  majority();
  mend_and_rest();
  outcome_.trace = cluster_.trace();
  outcome_.simulated_us = cluster_.now().us;
  return std::move(outcome_);
}

void Run::violate(Check check, std::string text) {
  say([&] { return absl::StrCat("VIOLATION ", std::string(name_of(check)), ": ", text); });
  outcome_.violations.add(check, now_ms(), std::move(text));
}

// ---- Phases ---------------------------------------------------------------------------------------------------------

void Run::chaos() {
  for (const Action& action : plan_.actions) {
    cluster_.run_for(std::max<std::int64_t>(0, action.at_ms - now_ms()));
    if (static_cast<std::size_t>(action.kind) < kFirstFault) {
      start(action);
    } else if (apply(action)) {
      say([&] { return to_string(action); });
      ++outcome_.done[static_cast<std::size_t>(action.kind)];
    }
    truth_.check_skew();
    watchers_.look_now_and_then();
    check_bounds();
  }
}

// More than half of the nodes are mended. The rest stays as it is, cut off; or worse, silent: nobody notices.
void Run::majority() {
  std::vector<std::size_t> nodes;
  for (std::size_t node = 0; node < cluster_.size(); ++node) nodes.push_back(node);
  for (std::size_t i = nodes.size(); i > 1; --i) std::swap(nodes[i - 1], nodes[rng_.below(i)]);
  nodes.resize(nodes.size() / 2 + 1);
  std::uint32_t members = 0;
  for (const std::size_t node : nodes) members |= 1U << node;
  const bool silent = rng_.below(2) == 0;
  say([&] {
    return absl::StrCat("a majority is mended: ", members,
                        silent ? ", the rest is silent" : ", the rest is cut off");
  });
  cluster_.set_faults({});
  for (std::size_t a = 0; a < cluster_.size(); ++a) {
    for (std::size_t b = 0; b < cluster_.size(); ++b) {
      if (a == b) continue;
      const bool inside = (members >> a & 1U) != 0 && (members >> b & 1U) != 0;
      cluster_.unclog(a, b);
      cluster_.block(a, b, !inside && silent);
      if (inside || silent)
        cluster_.heal(a, b);
      else
        cluster_.cut(a, b);
    }
  }
  for (const std::size_t node : nodes) {
    cluster_.engine(node).set_faults({});
    if (!cluster_.is_up(node)) start_node(node);
  }
  const ReplicationOptions& options = plan_.cluster.core.replication;
  cluster_.run_for(pause_left_ms() + options.overdue_ms + 3000);
  check_logs(members);
  check_majority(members, silent);
}

// Some replica among the members has a clock that is fit to.
bool Run::can_order(std::uint32_t members, const Place& place) const {
  for (std::size_t node = 0; node < cluster_.size(); ++node)
    if ((members >> node & 1U) != 0 && cluster_.is_replica(node, place.partition) &&
        !cluster_.is_skewed(node))
      return true;
  return !storage::policy_of(place.key).is_ordered();
}

void Run::check_majority(std::uint32_t members, bool silent) {
  const std::size_t keys = std::min(keys_.size(), kCheckedKeys);
  for (std::size_t key = 0; key < keys; ++key) {
    const auto& [name, place] = keys_[key];
    const Partition partition = place.partition;
    std::size_t replicas = 0;
    std::vector<std::size_t> coordinators;
    for (std::size_t node = 0; node < cluster_.size(); ++node) {
      if ((members >> node & 1U) == 0) continue;
      const bool is_replica = cluster_.is_replica(node, partition);
      replicas += is_replica ? 1U : 0U;
      // A write that is forwarded into silence has an unknown outcome, as it should.
      const bool writes_here =
          is_replica && can_order(1U << node, place) && !cluster_.is_catching_up(node, partition);
      if (writes_here || !silent) coordinators.push_back(node);
    }
    if (replicas <= cluster_.ring().replicas(partition).size() / 2) continue;
    // A read that finds damage fails at once where too few others are left, and so do reads while what was damaged is rebuilt.
    if (truth_.is_rotten(partition) || !unfit(partition).empty()) continue;
    if (coordinators.empty() || !can_order(members, place)) continue;
    const std::size_t at = coordinators[rng_.below(coordinators.size())];
    const std::string value = announce(place.key, 100'000 + key, nullptr);
    const std::uint64_t written =
        cluster_.write(at, place, value, {Level::kQuorum, Durability::kDisk, kServeWithinMs, {}});
    if (history_.has_value() && history_->takes(name))
      history_->sent(written, cluster_.now(),
                     {Kind::kPut, 0, at, name, value, Level::kQuorum, Durability::kDisk, {}});
    const std::uint64_t read = cluster_.read(at, place, Level::kQuorum, kServeWithinMs);
    cluster_.run_until(
        [&] {
          return cluster_.write_result(written) != nullptr && cluster_.read_reply(read) != nullptr;
        },
        kServeWithinMs + 1000);
    const WriteResult* result = cluster_.write_result(written);
    if (result != nullptr && is_refusal(result->code))
      truth_.not_applied(value);
    else if (result == nullptr || result->outcome != kv::Outcome::kApplied)
      violate(Check::kLiveness, absl::StrCat("a write of ", name, " at n", at + 1, ": ",
                                             result == nullptr ? "no answer" : in_words(*result)));
    else
      truth_.acknowledged(place.key, partition, *result, Level::kQuorum, Durability::kDisk);
    const ClientReadReply* reply = cluster_.read_reply(read);
    if (reply == nullptr || reply->code != absl::StatusCode::kOk)
      violate(Check::kLiveness, absl::StrCat("a read of ", name, " at n", at + 1, ": ",
                                             reply == nullptr ? "no answer" : reply->message));
  }
}

void Run::mend_and_rest() {
  say([] { return "all is mended"; });
  cluster_.set_faults({});
  cluster_.heal_all();
  disks_well();
  start_all();
  mend_clocks();
  cluster_.run_for(pause_left_ms());
  const Instant mended = cluster_.now();
  const auto wait_for = [&](std::int64_t within_ms, const auto& condition) {
    while (!condition()) {
      if (elapsed_us(mended, cluster_.now()) > within_ms * 1000) return false;
      cluster_.run_for(kLookEveryMs);
    }
    return true;
  };
  if (!wait_for(kEqualWithinMs, [&] { return cluster_.difference().empty(); }))
    return violate(cluster_.clocks_are_equal() ? Check::kSameDotsSameObjects : Check::kConverges,
                   cluster_.difference());
  outcome_.equal_after_ms = elapsed_us(mended, cluster_.now()) / 1000;
  if (!wait_for(kEqualWithinMs + kRestWithinMs, [&] { return cluster_.is_quiet(); })) {
    std::string why;
    for (std::size_t node = 0; node < cluster_.size(); ++node) {
      const CoreStatus status = cluster_.status(node);
      absl::StrAppend(&why, " n", node + 1, ": ", status.log_entries, " log entries, ",
                      status.pending, " requests, ", status.markers, " markers, ",
                      cluster_.contexts(node), " contexts, ", cluster_.expired(node), " expired, ",
                      cluster_.forgettable(node), " requests to be forgotten, ",
                      cluster_.overdue_conflicts(node), " overdue notes of conflicts;");
    }
    violate(Check::kAtRest, why);
  }
  for (const auto& [id, operation] : pending_)
    if (operation.incarnation == cluster_.incarnation(operation.action.node))
      violate(Check::kAnswered, absl::StrCat("never answered: ", to_string(operation.action)));
  const auto nobody_skewed = [&] {
    for (std::size_t node = 0; node < cluster_.size(); ++node)
      if (cluster_.is_skewed(node)) return false;
    return true;
  };
  if (!cluster_.run_until(nobody_skewed, kRestWithinMs))
    violate(Check::kSkewGuarded, "all clocks agree, and some node still takes its own for off");
  check_sessions();
  // Those reads may have found damage.
  if (!cluster_.run_until([&] { return cluster_.is_quiet(); }, kRestWithinMs))
    violate(Check::kAtRest, "damage that was found at last is not mended");
  for (const auto& [id, request] : requests_)
    if (request.refused == request.attempts && !request.value.empty())
      truth_.not_applied(request.value);
  truth_.check_winners();
  truth_.check_numbers();
  truth_.check_key_counts();
  watchers_.check_at_end();
  truth_.check_conflicts();
  if (reached(simulation::Mark::kFullTransferAsked) > transfers_before_ && !truth_.lost_a_disk() &&
      reached(simulation::Mark::kLogCut) == cuts_before_)
    violate(Check::kNoNeedlessTransfer,
            "no disk was lost and no log was cut, and a full transfer was needed");
  if (outcome_.violations.empty()) check_scrub();
  if (history_.has_value() && outcome_.violations.empty()) judge_history();
}

// As those of real processes are: in the end every node is asked for every key.
void Run::judge_history() {
  history_->equal(cluster_.now());
  cluster_.run_for(kLookEveryMs);  // connections may not all be back
  for (const auto& [name, place] : keys_) {
    if (!history_->takes(name)) continue;
    for (std::uint32_t node = 0; node < cluster_.size(); ++node) {
      const std::uint64_t id = cluster_.read(node, name, Level::kOne);
      ClientHistory::Sent sent{.node = node, .name = name, .final = true};
      history_->sent(id, cluster_.now(), sent);
      cluster_.run_until([&] { return cluster_.read_reply(id) != nullptr; }, kServeWithinMs);
    }
  }
  const std::string wrong = history_->judge(cluster_.now());
  if (!wrong.empty()) violate(Check::kHistory, wrong);
}

void Run::check_sessions() {
  for (const auto& [client, session] : sessions_) {
    for (std::size_t key = 0; key < std::min(keys_.size(), kCheckedKeys); ++key) {
      const std::string& name = keys_[key].name;
      const std::size_t node = rng_.below(cluster_.size());
      const auto needs = session.needs(keys_[key].place.partition);
      const auto read = [&] { return cluster_.read_now(node, name, Level::kOne, needs); };
      ClientReadReply reply = read();
      if (truth_.lost_something()) continue;  // answered it must be all the same
      for (std::int64_t ms = 0; reply.code != absl::StatusCode::kOk && ms < kServeWithinMs;
           ms += kLookEveryMs) {  // connections may not all be back
        cluster_.run_for(kLookEveryMs);
        reply = read();
      }
      if (reply.code != absl::StatusCode::kOk)
        violate(Check::kSessionServed, absl::StrCat("client ", client, " reads ", name, " at n",
                                                    node + 1, ": ", reply.message));
    }
  }
}

// ---- Operations -----------------------------------------------------------------------------------------------------

// The value to be put, which is known to be on its way from now on.
std::string Run::announce(const std::string& key, std::uint64_t number, const Clock* token) {
  const std::string_view policy = storage::policy_of(key).name();
  if (policy != "max" && policy != "counter") {
    const std::string value = absl::StrCat("v", number);
    truth_.sent(value, token);
    return value;
  }
  const auto amount = static_cast<std::int64_t>(number * 7919 % 100'003);
  truth_.sent_number(key, amount);
  return absl::StrCat(amount);
}

void Run::start(const Action& action) {
  if (!cluster_.is_up(action.node)) return;
  const auto& [name, place] = keys_[action.key];
  Operation operation;
  operation.action = action;
  operation.key = place.key;
  operation.partition = place.partition;
  operation.acknowledged_before = truth_.acknowledged_count(operation.key);
  operation.deadline = after_ms(cluster_.now(), action.amount);
  operation.incarnation = cluster_.incarnation(action.node);
  operation.wall_ms = cluster_.wall(action.node).ms;
  operation.unfit = unfit(operation.partition);
  const bool writes = action.kind == Kind::kPut || action.kind == Kind::kDelete;
  if (writes && action.token == TokenUse::kOfOtherKey) {
    const auto it = last_read_.find(action.client);
    if (it == last_read_.end() || it->second.key == operation.key) return;
    if (checked_token(make_token(it->second.token, it->second.key), operation.key).ok())
      violate(Check::kForeignToken,
              absl::StrCat("a token of ", it->second.key, " was accepted for ", operation.key));
    return;
  }
  ++outcome_.done[static_cast<std::size_t>(action.kind)];
  say([&] { return to_string(action); });
  std::uint64_t id = 0;
  ClientSession* session = plan_.sessions ? &sessions_[action.client] : nullptr;
  if (session != nullptr) operation.before = session->before(operation.key);
  if (action.kind == Kind::kGet) {
    std::optional<Clock> needs;
    if (session != nullptr) needs = session->needs(operation.partition);
    id = cluster_.read(action.node, place, action.level, action.amount, std::move(needs));
  } else if (action.kind == Kind::kScan) {
    const Partition partition{
        static_cast<std::uint16_t>(action.key % cluster_.ring().partitions())};
    id = cluster_.scan(action.node, partition, action.level, 1 + action.key % 5, action.amount);
  } else {
    id = write(action, place, operation);
  }
  note_sent(id, name, operation);
  pending_.emplace(id, std::move(operation));
}

// Every attempt of a request asks for the same. They belong to no session: what the first has written may be older than what
// the client has seen by the time of the next.
std::uint64_t Run::write(const Action& action, const Place& place, Operation& operation) {
  Request* request = action.request > 0 ? &requests_[action.request] : nullptr;
  const bool again = request != nullptr && request->attempts++ > 0;
  if (again) {
    operation.token = request->token;
  } else if (const LastRead* read = read_for(action, operation.key); read != nullptr) {
    auto token = checked_token(make_token(read->token, operation.key), operation.key);
    KV_CHECK(token.ok() && token->has_value(), "what a read returned can be sent");
    operation.token = *std::move(token);
    operation.seen = read->dots;
  }
  if (action.kind == Kind::kDelete) {
    truth_.deleted(operation.key);
  } else if (again) {
    operation.value = request->value;
    truth_.sent_again(operation.key, operation.value);
  } else {
    operation.value =
        announce(place.key, action.value, operation.token ? &operation.token->context : nullptr);
  }
  if (request != nullptr && !again) {
    request->token = operation.token;
    request->value = operation.value;
  }
  const Condition condition =
      action.kind == Kind::kPut && action.value % 11 == 0    ? Condition::kAbsent
      : operation.token.has_value() && action.value % 5 == 0 ? Condition::kCurrent
                                                             : Condition::kAlways;
  operation.must_be_refused =
      condition == Condition::kAbsent && !again && truth_.exists_for_sure(operation.key);
  const std::int64_t ttl_ms = action.kind == Kind::kPut ? ttl_for(action, operation.key) : 0;
  if (ttl_ms > 0) {
    truth_.deleted(operation.key);
    watchers_.expires(operation.key);
  }
  const Hlc after = plan_.sessions && request == nullptr ? sessions_[action.client].hlc() : Hlc{};
  truth_.carried(after);
  std::optional<std::string> value;
  if (action.kind == Kind::kPut) value = operation.value;
  return cluster_.write(action.node, place, std::move(value),
                        {action.level, action.durability, action.amount, operation.token, condition,
                         ttl_ms, after, request != nullptr ? absl::StrCat(action.request) : ""});
}

void Run::note_sent(std::uint64_t id, const std::string& name, const Operation& operation) {
  const Action& action = operation.action;
  if (!history_.has_value() || action.kind == Kind::kScan || !history_->takes(name)) return;
  history_->sent(id, cluster_.now(),
                 {action.kind, action.client, action.node, name, operation.value, action.level,
                  action.durability, operation.seen});
}

std::int64_t Run::ttl_for(const Action& action, const std::string& key) const {
  if (plan_.max_ttl_ms == 0 || action.value % 3 != 1) return 0;
  if (!storage::policy_of(key).values_expire() || storage::bucket_of(key) == "catalog") return 0;
  return 1 + static_cast<std::int64_t>(action.value * 7919) % plan_.max_ttl_ms;
}

// Whose token the write sends.
const Run::LastRead* Run::read_for(const Action& action, const std::string& key) const {
  // Without tokens siblings would only grow in number: most of their writes take what was read last, whoever read it.
  const bool shared = !storage::policy_of(key).is_ordered() && action.value % 3 != 0;
  if (action.token != TokenUse::kLastRead && !shared) return nullptr;
  const auto by_key = last_read_of_key_.find(key);
  const auto by_client = last_read_.find(action.client);
  const LastRead* read = shared && by_key != last_read_of_key_.end() ? &by_key->second
                         : !shared && by_client != last_read_.end()  ? &by_client->second
                                                                     : nullptr;
  return read == nullptr || read->key != key ? nullptr : read;
}

bool Run::on_reply(const ClientReply& reply) {
  if (history_.has_value()) history_->answered(cluster_.now(), reply);
  const std::uint64_t id = std::visit([](const auto& r) { return r.id; }, reply);
  auto found = pending_.extract(id);
  if (found.empty()) return false;  // of a later phase
  const Operation& operation = found.mapped();
  if (cluster_.now() > after_ms(operation.deadline, kAnswerSlackMs) && paused_until_ == Instant{} &&
      plan_.cluster.max_turn_delay_us < 5'000)
    violate(Check::kAnswered, absl::StrCat("answered too late: ", to_string(operation.action)));
  if (const auto* written = std::get_if<ClientWriteReply>(&reply))
    on_write(operation, *written);
  else
    on_read(operation, std::get<ClientReadReply>(reply));
  return true;
}

void Run::on_write(const Operation& operation, const ClientWriteReply& reply) {
  const WriteResult& result = reply.result;
  say([&] {
    return absl::StrCat("  answer to ", to_string(operation.action), ": ", in_words(result));
  });
  const auto request = requests_.find(operation.action.request);
  const bool is_request = request != requests_.end();
  if (result.outcome == kv::Outcome::kNotApplied && is_request) ++request->second.refused;
  if (result.outcome == kv::Outcome::kNotApplied && !is_request && !operation.value.empty())
    truth_.not_applied(operation.value);
  if (plan_.sessions && !is_request) {
    const auto found = sessions_[operation.action.client].on_write(
        operation.key, operation.partition, operation.before, result);
    if (found.has_value()) violate(found->first, found->second);
  }
  if (result.outcome != kv::Outcome::kApplied) return;
  ++outcome_.acknowledged;
  if (operation.must_be_refused && truth_.exists_for_sure(operation.key))
    violate(Check::kConditionMet,
            absl::StrCat(to_string(operation.action), " was to be the first, and there was one"));
  truth_.acknowledged(operation.key, operation.partition, result, operation.action.level,
                      operation.action.durability);
  std::int64_t number = 0;
  const bool acknowledged_before = is_request && std::exchange(request->second.acknowledged, true);
  if (absl::SimpleAtoi(operation.value, &number) && !acknowledged_before)
    truth_.acknowledged_number(operation.key, number);
  if (operation.token.has_value() && result.hlc <= operation.token->hlc)
    violate(Check::kCausalOrder,
            absl::StrCat(to_string(operation.action), " is at ", to_string(result.hlc),
                         " and its token had seen ", to_string(operation.token->hlc)));
}

void Run::on_read(const Operation& operation, const ClientReadReply& reply) {
  if (reply.code != absl::StatusCode::kOk)
    return say([&] { return absl::StrCat("  answer: ", reply.message); });
  const std::int64_t wall_ms = std::min(operation.wall_ms, cluster_.wall(operation.action.node).ms);
  for (const ReadItem& item : reply.items) truth_.read(item, WallMs{wall_ms});
  if (operation.action.kind == Kind::kScan) return;
  check_silent(operation, reply);
  const ReadItem& item = reply.items.at(0);
  std::optional<std::pair<Hlc, Dot>> seen;
  for (const Version& version : item.versions)
    seen = std::max(seen, std::optional(std::pair{version.hlc, version.dot}));
  say([&] {
    return absl::StrCat(
        "  answer to ", to_string(operation.action), ": ",
        item.versions.empty() ? "nothing" : item.versions.front().value.value_or("a marker"),
        seen ? absl::StrCat(" at ", to_string(seen->first)) : "");
  });
  if (plan_.sessions) {
    const auto found = sessions_[operation.action.client].on_read(operation.partition,
                                                                  operation.before, reply, truth_);
    if (found.has_value())
      violate(found->first, absl::StrCat(to_string(operation.action), ": ", found->second));
  }
  const bool is_ordered = storage::policy_of(operation.key).is_ordered();
  last_read_[operation.action.client] = {operation.key, item.token, dots_of(item)};
  if (!is_ordered) last_read_of_key_[operation.key] = {operation.key, item.token, dots_of(item)};
  const auto [must, missed] = truth_.must_see(operation.key, operation.acknowledged_before,
                                              operation.action.level, item.token.context);
  if (missed.has_value())
    violate(Check::kRegularRead, absl::StrCat(to_string(operation.action), " knows nothing of ",
                                              to_string(*missed), ", which was acknowledged"));
  if (!is_ordered) return;
  // Ties are not its business: which of them wins is greatest-wins.
  const bool gone =
      must.has_value() && !seen.has_value() && truth_.gone_at_or_after(operation.key, must->first);
  if (must.has_value() && !gone && (!seen.has_value() || must->first > seen->first))
    violate(Check::kRegularRead, absl::StrCat(to_string(operation.action), " returned ",
                                              seen ? to_string(seen->second) : "nothing", " after ",
                                              to_string(must->second), " was acknowledged"));
}

}  // namespace kv::sim
