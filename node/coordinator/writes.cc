#include "node/coordinator/writes.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/base/limits.h"
#include "node/base/simulation.h"
#include "node/storage/keys.h"

namespace kv {
namespace {

constexpr std::size_t kRememberedForwards = 16 * 1024;

}  // namespace

Writes::Writes(const Neighbours& neighbours, Replicas& replicas, HlcClock& hlc,
               std::size_t max_pending, std::uint64_t first_request)
    : neighbours_(neighbours),
      replicas_(replicas),
      hlc_(hlc),
      max_pending_(max_pending),
      next_request_(first_request) {}

void Writes::start(Step& step, ClientWrite write) {
  const Asker asker{write.id};
  if (!can_start(step, asker, write.partition, write.level)) return;
  std::vector<NodeIndex> coordinators = coordinators_of(step.now, write.partition, write.key);
  if (coordinators.empty()) return refuse_skewed(step, asker, write.partition, write.key);
  start_at(step, std::move(coordinators), std::move(write));
}

// Precondition: there is one.
void Writes::start_at(Step& step, std::vector<NodeIndex> coordinators, ClientWrite write) {
  const NodeIndex target = coordinators.front();
  const Asker asker{write.id};
  if (target == neighbours_.self) return write_here(step, asker, std::move(write));
  coordinators.erase(coordinators.begin());
  forward(step, target, std::move(coordinators), std::move(write));
}

bool Writes::is_skewed_for(Now now, const std::string& key) const {
  return storage::policy_of(key).is_ordered() && neighbours_.clocks.is_off(now);
}

// Who can be asked to, the best first: this node, for nobody is nearer; then those whose clocks look right from here. One that
// is catching up comes after them, and one whose clock is off issues no dot in an ordered bucket.
std::vector<NodeIndex> Writes::coordinators_of(Now now, Partition partition,
                                               const std::string& key) const {
  const auto here = replicas_.find(partition);
  const bool catching_up = here != replicas_.end() && here->second.is_catching_up();
  const bool skewed = is_skewed_for(now, key);
  if (here != replicas_.end() && !catching_up && !skewed) return {neighbours_.self};
  std::vector<NodeIndex> nodes = neighbours_.reachable(partition);
  const bool ordered = storage::policy_of(key).is_ordered();
  if (skewed) std::erase(nodes, neighbours_.self);
  const auto rank = [&](NodeIndex node) {
    if (node == neighbours_.self) return 1;
    return ordered && neighbours_.clocks.seems_off(node, now) ? 2 : 0;
  };
  std::stable_sort(nodes.begin(), nodes.end(),
                   [&](NodeIndex a, NodeIndex b) { return rank(a) < rank(b); });
  if (KV_PLANTED(kSkewedNotForwarded) && skewed) nodes.clear();
  if (skewed && here != replicas_.end() && !nodes.empty()) KV_MARK(kForwardedSkewed);
  if (catching_up && nodes.size() > 1) KV_MARK(kForwardedCatchingUp);
  return nodes;
}

void Writes::refuse_skewed(Step& step, const Asker& asker, Partition partition,
                           const std::string& key) {
  KV_MARK(kSkewRefused);
  refuse(step, asker, partition, absl::StatusCode::kUnavailable,
         absl::StrCat(neighbours_.clock_off(step.now),
                      ", so it orders no writes in buckets of policy ",
                      std::string(storage::policy_of(key).name()),
                      "; set its clock, or write through another node"));
}

bool Writes::can_start(Step& step, const Asker& asker, Partition partition, Level level) {
  if (pending() >= max_pending_ && !KV_PLANTED(kPendingUnbounded)) {
    KV_MARK(kOverloaded);
    refuse(
        step, asker, partition, absl::StatusCode::kResourceExhausted,
        absl::StrCat(max_pending_, " writes are under way at ",
                     neighbours_.ring.node_id(neighbours_.self), ", the limit; try again later"));
    return false;
  }
  if (neighbours_.reachable(partition).size() < neighbours_.needed_at(level, partition)) {
    KV_MARK(kWriteRefused);
    refuse(step, asker, partition, absl::StatusCode::kUnavailable,
           neighbours_.too_few(partition, level));
    return false;
  }
  return true;
}

void Writes::write_here(Step& step, Asker asker, ClientWrite write) {
  const auto it = replicas_.find(write.partition);
  KV_CHECK(it != replicas_.end(), "only a replica of the partition writes here");
  auto delta = it->second.write(step.tx, hlc_, step.now.wall, write.key, std::move(write.value),
                                write.token, write.condition, write.ttl_ms, write.after);
  if (is_refusal(delta.status().code()))
    return refuse(step, asker, write.partition, delta.status().code(),
                  std::string(delta.status().message()));
  if (!delta.ok()) {
    step.effects.warnings.push_back(absl::StrCat("write: ", delta.status().ToString()));
    return refuse(step, asker, write.partition, absl::StatusCode::kInternal,
                  absl::StrCat("the replica could not read the key: ", delta.status().message()));
  }
  const Dot dot = delta->version.dot;
  Pending pending{asker,
                  write.partition,
                  write.level,
                  write.durability,
                  delta->version.hlc,
                  Tally(neighbours_.needed_at(write.level, write.partition)),
                  write.deadline};
  delta->wants_durable = write.durability == Durability::kDisk;
  if (KV_PLANTED(kPushedTimeOff) && dot.counter % 8 == 0) ++delta->version.hlc.bits;
  if (KV_PLANTED(kExpiryForgotten)) delta->version.expires = {};
  wants_sync_ |= delta->wants_durable;
  pushes_.emplace_back(write.partition, *std::move(delta));
  // Effects are carried out in order: by the time anybody hears of it, the commit has been made.
  if (write.durability == Durability::kOs || KV_PLANTED(kDurableAtOnce))
    pending.tally.add(neighbours_.self);
  if (KV_PLANTED(kReplyTellsOldTime) && write.token.has_value()) pending.hlc = write.token->hlc;
  const WriteResult result{Outcome::kApplied,
                           absl::StatusCode::kOk,
                           "",
                           dot,
                           pending.hlc,
                           static_cast<std::uint32_t>(pending.tally.count())};
  if (pending.tally.complete()) return answer(step, asker, write.partition, result, true);
  answer(step, asker, write.partition, result, false);
  deadlines_.emplace(pending.deadline, dot);
  pending_.emplace(dot, std::move(pending));
}

void Writes::forward(Step& step, NodeIndex target, std::vector<NodeIndex> others,
                     ClientWrite write) {
  KV_MARK(kForwarded);
  const std::uint64_t request = next_request_++;
  const std::int64_t left_ms = elapsed_us(step.now.mono, write.deadline) / 1000;
  const auto timeout_ms =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(left_ms, 1, kMaxDeadlineMs));
  forward_deadlines_.emplace(write.deadline, request);
  step.effects.send(
      target, write.partition,
      ForwardRequest{request, write.key, write.value, write.token, write.level, write.durability,
                     timeout_ms, write.condition, write.ttl_ms, write.after});
  forwards_.emplace(request, Forward{std::move(write), target, std::move(others), Dot{}, Hlc{}});
}

bool Writes::is_repeated(const Forwarded& forwarded) {
  const std::pair key{forwarded.from, forwarded.request};
  if (!seen_.insert(key).second) {
    KV_MARK(kForwardRepeated);
    return !KV_PLANTED(kForwardTwice);
  }
  seen_order_.push_back(key);
  if (seen_order_.size() > kRememberedForwards) {
    seen_.erase(seen_order_.front());
    seen_order_.pop_front();
  }
  return false;
}

void Writes::on_forward_request(Step& step, NodeIndex from, Partition partition,
                                const ForwardRequest& request) {
  const Forwarded forwarded{from, request.request};
  if (is_repeated(forwarded)) return;
  const Asker asker{forwarded};
  if (!replicas_.contains(partition))
    return refuse(step, asker, partition, absl::StatusCode::kInternal,
                  "forwarded to a node that is no replica");
  if (!can_start(step, asker, partition, request.level)) return;
  if (is_skewed_for(step.now, request.key))
    return refuse_skewed(step, asker, partition, request.key);
  write_here(step, asker,
             ClientWrite{0, partition, request.key, request.value, request.token, request.level,
                         request.durability, after_ms(step.now.mono, request.timeout_ms),
                         request.condition, request.ttl_ms, request.after});
}

void Writes::on_forward_reply(Step& step, NodeIndex from, const ForwardReply& reply) {
  const auto it = forwards_.find(reply.request);
  if (it == forwards_.end() || it->second.target != from) return;
  Forward& forward = it->second;
  if (!reply.final) {
    forward.dot = reply.result.dot;
    forward.hlc = reply.result.hlc;
    return;
  }
  forward_deadlines_.erase({forward.write.deadline, it->first});
  Forward ended = std::move(forward);
  forwards_.erase(it);
  const bool skewed = is_skewed_for(step.now, ended.write.key);
  std::erase_if(ended.others, [&](NodeIndex node) {
    return node == neighbours_.self ? skewed : !neighbours_.is_up(node);
  });
  const bool elsewhere = reply.result.outcome == Outcome::kNotApplied &&
                         reply.result.code == absl::StatusCode::kUnavailable &&
                         !ended.others.empty();
  if (elsewhere) {
    KV_MARK(kForwardedOn);
    return start_at(step, std::move(ended.others), std::move(ended.write));
  }
  step.effects.replies.push_back(ClientWriteReply{ended.write.id, ended.target, reply.result});
}

void Writes::finish_forward(Step& step, std::map<std::uint64_t, Forward>::iterator it,
                            std::string why) {
  const Forward& forward = it->second;
  const WriteResult result{Outcome::kUnknown, absl::StatusCode::kDeadlineExceeded,
                           std::move(why),    forward.dot,
                           forward.hlc,       forward.dot.counter > 0 ? 1U : 0U};
  step.effects.replies.push_back(ClientWriteReply{forward.write.id, forward.target, result});
  forward_deadlines_.erase({forward.write.deadline, it->first});
  forwards_.erase(it);
}

void Writes::on_confirmed(Step& step, NodeIndex node, Partition partition, const Clock& dots,
                          bool durable) {
  for_each_run(dots, [&](Actor actor, const Clock::Run& run) {
    auto it = pending_.lower_bound({actor, run.first});
    while (it != pending_.end() && it->first <= Dot{actor, run.last}) {
      Pending& pending = it->second;
      if (pending.partition == partition && (durable || pending.durability == Durability::kOs))
        pending.tally.add(node);
      if (!pending.tally.complete()) {
        ++it;
        continue;
      }
      answer(step, pending.asker, partition,
             {Outcome::kApplied, absl::StatusCode::kOk, "", it->first, pending.hlc,
              static_cast<std::uint32_t>(pending.tally.count())},
             true);
      deadlines_.erase({pending.deadline, it->first});
      it = pending_.erase(it);
    }
  });
}

void Writes::on_peer_down(Step& step, NodeIndex peer) {
  for (auto it = forwards_.begin(); it != forwards_.end();) {
    const auto next = std::next(it);
    if (it->second.target == peer) KV_MARK(kForwardBroken);
    if (it->second.target == peer)
      finish_forward(step, it,
                     absl::StrCat("the connection to ", neighbours_.ring.node_id(peer),
                                  ", to which the write was forwarded, broke; it may spread"));
    it = next;
  }
}

void Writes::expire(Step& step) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= step.now.mono) {
    const auto it = pending_.find(deadlines_.begin()->second);
    KV_CHECK(it != pending_.end(), "every deadline has its write");
    const Pending& pending = it->second;
    KV_MARK(kWriteExpired);
    const Outcome outcome = KV_PLANTED(kOkAtDeadline)           ? Outcome::kApplied
                            : KV_PLANTED(kNotAppliedAtDeadline) ? Outcome::kNotApplied
                                                                : Outcome::kUnknown;
    answer(step, pending.asker, pending.partition,
           {outcome, absl::StatusCode::kDeadlineExceeded,
            absl::StrCat("written, but only ", pending.tally.count(), " of the ",
                         pending.tally.needed(), " replicas that ", to_string(pending.level),
                         " needs confirmed it in time; it may spread"),
            it->first, pending.hlc, static_cast<std::uint32_t>(pending.tally.count())},
           !KV_PLANTED(kDeadlineForgotten));
    deadlines_.erase(deadlines_.begin());
    pending_.erase(it);
  }
  while (!forward_deadlines_.empty() && forward_deadlines_.begin()->first <= step.now.mono) {
    const auto it = forwards_.find(forward_deadlines_.begin()->second);
    KV_CHECK(it != forwards_.end(), "every deadline has its request");
    finish_forward(
        step, it,
        absl::StrCat(neighbours_.ring.node_id(it->second.target),
                     ", to which the write was forwarded, did not answer in time; it may spread"));
  }
}

Instant Writes::next_deadline() const {
  Instant next = kNever;
  if (!deadlines_.empty()) next = std::min(next, deadlines_.begin()->first);
  if (!forward_deadlines_.empty()) next = std::min(next, forward_deadlines_.begin()->first);
  return next;
}

void Writes::answer(Step& step, const Asker& asker, Partition partition, const WriteResult& result,
                    bool final) {
  if (const auto* forwarded = std::get_if<Forwarded>(&asker))
    step.effects.send(forwarded->from, partition, ForwardReply{forwarded->request, final, result});
  else if (final)
    step.effects.replies.push_back(
        ClientWriteReply{std::get<std::uint64_t>(asker), neighbours_.self, result});
}

void Writes::refuse(Step& step, const Asker& asker, Partition partition, absl::StatusCode code,
                    std::string why) {
  answer(step, asker, partition,
         {Outcome::kNotApplied, code, absl::StrCat(why, "; not applied"), Dot{}, Hlc{}, 0}, true);
}

}  // namespace kv
