#include "node/coordinator/writes.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/base/limits.h"
#include "node/base/simulation.h"
#include "node/storage/keys.h"

namespace kv {

Writes::Writes(const Neighbours& neighbours, Replicas& replicas, HlcClock& hlc,
               std::size_t max_pending, std::uint64_t first_request, std::size_t max_remembered,
               RequestLimits requests)
    : neighbours_(neighbours),
      replicas_(replicas),
      hlc_(hlc),
      max_pending_(max_pending),
      request_limits_(requests),
      next_request_(first_request),
      max_remembered_(max_remembered) {}

void Writes::start(Step& step, ClientWrite write) {
  const Asker asker{write.id};
  if (!has_room(step, asker, write.partition) || answer_known(step, asker, write)) return;
  if (!reaches_enough(step, asker, write.partition, write.level)) return;
  std::vector<NodeIndex> coordinators = coordinators_of(step.now, write.partition, write.key);
  if (coordinators.empty() && is_damaged_here(write.partition))
    return refuse_damaged(step, asker, write.partition);
  if (coordinators.empty()) return refuse_skewed(step, asker, write.partition, write.key);
  start_at(step, asker, std::move(coordinators), std::move(write));
}

// Precondition: there is one.
void Writes::start_at(Step& step, Asker asker, std::vector<NodeIndex> coordinators,
                      ClientWrite write) {
  const NodeIndex target = coordinators.front();
  if (target == neighbours_.self) return inquire(step, asker, std::move(write));
  coordinators.erase(coordinators.begin());
  forward(step, asker, target, std::move(coordinators), std::move(write));
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
  const bool damaged = is_damaged_here(partition);
  if (here != replicas_.end() && !catching_up && !skewed && !damaged) return {neighbours_.self};
  std::vector<NodeIndex> nodes = neighbours_.reachable(partition);
  const bool ordered = storage::policy_of(key).is_ordered();
  if (skewed || damaged) std::erase(nodes, neighbours_.self);
  if (damaged && !nodes.empty()) KV_MARK(kForwardedDamaged);
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

bool Writes::is_damaged_here(Partition partition) const {
  const auto here = replicas_.find(partition);
  return here != replicas_.end() && here->second.is_damaged();
}

void Writes::refuse_damaged(Step& step, const Asker& asker, Partition partition) {
  refuse(step, asker, partition, absl::StatusCode::kUnavailable,
         absl::StrCat("the replica at ", neighbours_.ring.node_id(neighbours_.self),
                      " was found damaged and is not served from, and too few others are "
                      "reachable"));
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

bool Writes::has_room(Step& step, const Asker& asker, Partition partition) {
  if (pending() < max_pending_ || KV_PLANTED(kPendingUnbounded)) return true;
  KV_MARK(kOverloaded);
  refuse(step, asker, partition, absl::StatusCode::kResourceExhausted,
         absl::StrCat(max_pending_, " writes are under way at ",
                      neighbours_.ring.node_id(neighbours_.self), ", the limit; try again later"));
  return false;
}

bool Writes::reaches_enough(Step& step, const Asker& asker, Partition partition, Level level) {
  const std::size_t damaged = is_damaged_here(partition) ? 1 : 0;  // which confirms nothing
  const std::size_t needed = neighbours_.needed_at(level, partition);
  const std::size_t reachable = neighbours_.count_reachable(partition);
  if (reachable >= needed + damaged) return true;
  if (reachable >= needed) {
    refuse_damaged(step, asker, partition);
    return false;
  }
  KV_MARK(kWriteRefused);
  refuse(step, asker, partition, absl::StatusCode::kUnavailable,
         neighbours_.too_few(partition, level));
  return false;
}

void Writes::write_here(Step& step, Asker asker, ClientWrite write) {
  const auto it = replicas_.find(write.partition);
  KV_CHECK(it != replicas_.end(), "only a replica of the partition writes here");
  if (it->second.is_damaged()) return refuse_damaged(step, asker, write.partition);
  if (write.request.has_value() && it->second.requests() >= request_limits_.most) {
    KV_MARK(kRequestsFull);
    return refuse(
        step, asker, write.partition, absl::StatusCode::kResourceExhausted,
        absl::StrCat("the key's partition remembers ", it->second.requests(),
                     " writes with a request id, the limit; try again later, or without"));
  }
  auto delta =
      it->second.write(step.tx, hlc_, step.now.wall, write.key, std::move(write.value), write.token,
                       write.condition, write.ttl_ms, write.after, write.request);
  if (is_refusal(delta.status().code()))
    return refuse(step, asker, write.partition, delta.status().code(),
                  std::string(delta.status().message()));
  if (!delta.ok()) {
    step.effects.warnings.push_back(absl::StrCat("write: ", delta.status().ToString()));
    return refuse(step, asker, write.partition,
                  absl::IsDataLoss(delta.status()) ? absl::StatusCode::kUnavailable
                                                   : absl::StatusCode::kInternal,
                  absl::StrCat("the replica could not read the key: ", delta.status().message()));
  }
  const Dot dot = delta->version.dot;
  Hlc hlc = delta->version.hlc;
  delta->wants_durable = write.durability == Durability::kDisk;
  if (KV_PLANTED(kPushedTimeOff) && dot.counter % 8 == 0) ++delta->version.hlc.bits;
  if (KV_PLANTED(kPushedExpiryOff) && delta->version.expires.ms > 0 &&
      !storage::policy_of(write.key).is_ordered())
    ++delta->version.expires.ms;
  if (KV_PLANTED(kExpiryForgotten)) delta->version.expires = {};
  wants_sync_ |= delta->wants_durable;
  pushes_.emplace_back(write.partition, *std::move(delta));
  // Effects are carried out in order: by the time anybody hears of it, the commit has been made.
  Tally tally(neighbours_.needed_at(write.level, write.partition));
  if (write.durability == Durability::kOs || KV_PLANTED(kDurableAtOnce))
    tally.add(neighbours_.self);
  if (KV_PLANTED(kReplyTellsOldTime) && write.token.has_value()) hlc = write.token->hlc;
  wait_for(step, asker, write, dot, hlc, tally);
}

// Answers once the tally is complete, or at the deadline.
void Writes::wait_for(Step& step, Asker asker, const ClientWrite& write, Dot dot, Hlc hlc,
                      Tally tally) {
  Pending pending{asker, write.partition, write.level,   write.durability,
                  hlc,   tally,           write.deadline};
  const WriteResult result{Outcome::kApplied,
                           absl::StatusCode::kOk,
                           "",
                           dot,
                           pending.hlc,
                           static_cast<std::uint32_t>(pending.tally.count())};
  if (pending.tally.complete()) return answer(step, asker, write.partition, result, true);
  answer(step, asker, write.partition, result, false);
  const PendingKey key{dot, next_pending_++};
  deadlines_.emplace(pending.deadline, key);
  pending_.emplace(key, std::move(pending));
}

void Writes::forward(Step& step, Asker asker, NodeIndex target, std::vector<NodeIndex> others,
                     ClientWrite write, bool asked) {
  KV_MARK(kForwarded);
  const std::uint64_t request = next_request_++;
  const std::int64_t left_ms = elapsed_us(step.now.mono, write.deadline) / 1000;
  const auto timeout_ms =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(left_ms, 1, kMaxDeadlineMs));
  forward_deadlines_.emplace(write.deadline, request);
  step.effects.send(
      target, write.partition,
      ForwardRequest{request, write.key, write.value, write.token, write.level, write.durability,
                     timeout_ms, write.condition, write.ttl_ms, write.after,
                     KV_PLANTED(kForwardForgetsRequest) ? std::nullopt : write.request, asked});
  forwards_.emplace(request,
                    Forward{asker, std::move(write), target, std::move(others), Dot{}, Hlc{}});
}

bool Writes::is_repeated(const Forwarded& forwarded) {
  const std::pair key{forwarded.from, forwarded.request};
  if (!seen_.insert(key).second) {
    KV_MARK(kForwardRepeated);
    return !KV_PLANTED(kForwardTwice);
  }
  seen_order_.push_back(key);
  if (seen_order_.size() > max_remembered_ && !KV_PLANTED(kForwardsRemembered)) {
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
  ClientWrite write{0,
                    partition,
                    request.key,
                    request.value,
                    request.token,
                    request.level,
                    request.durability,
                    after_ms(step.now.mono, request.timeout_ms),
                    request.condition,
                    request.ttl_ms,
                    request.after,
                    request.request_id};
  if (!has_room(step, asker, partition) || answer_known(step, asker, write)) return;
  if (!reaches_enough(step, asker, partition, request.level)) return;
  if (is_skewed_for(step.now, request.key))
    return refuse_skewed(step, asker, partition, request.key);
  if (request.asked) return write_here(step, asker, std::move(write));
  inquire(step, asker, std::move(write));
}

void Writes::on_forward_reply(Step& step, NodeIndex from, const ForwardReply& reply) {
  const auto it = forwards_.find(reply.request);
  if (it == forwards_.end() || it->second.target != from) return;
  Forward& forward = it->second;
  if (!reply.final) {
    forward.dot = reply.result.dot;
    forward.hlc = reply.result.hlc;
    return answer(step, forward.asker, forward.write.partition, reply.result, false);
  }
  forward_deadlines_.erase({forward.write.deadline, it->first});
  Forward ended = std::move(forward);
  forwards_.erase(it);
  const bool skewed =
      is_skewed_for(step.now, ended.write.key) || is_damaged_here(ended.write.partition);
  std::erase_if(ended.others, [&](NodeIndex node) {
    return node == neighbours_.self ? skewed : !neighbours_.is_up(node);
  });
  const bool elsewhere = reply.result.outcome == Outcome::kNotApplied &&
                         reply.result.code == absl::StatusCode::kUnavailable &&
                         !ended.others.empty();
  if (elsewhere) {
    KV_MARK(kForwardedOn);
    if (answer_known(step, ended.asker, ended.write)) return;  // it has come here meanwhile
    return start_at(step, ended.asker, std::move(ended.others), std::move(ended.write));
  }
  answer(step, ended.asker, ended.write.partition, reply.result, true, ended.target);
}

void Writes::finish_forward(Step& step, std::map<std::uint64_t, Forward>::iterator it,
                            std::string why) {
  const Forward& forward = it->second;
  const WriteResult result{Outcome::kUnknown, absl::StatusCode::kDeadlineExceeded,
                           std::move(why),    forward.dot,
                           forward.hlc,       forward.dot.counter > 0 ? 1U : 0U};
  answer(step, forward.asker, forward.write.partition, result, true, forward.target);
  forward_deadlines_.erase({forward.write.deadline, it->first});
  forwards_.erase(it);
}

void Writes::on_confirmed(Step& step, NodeIndex node, Partition partition, const Clock& dots,
                          bool durable) {
  for_each_run(dots, [&](Actor actor, const Clock::Run& run) {
    auto it = pending_.lower_bound({Dot{actor, run.first}, 0});
    while (it != pending_.end() && it->first.first <= Dot{actor, run.last}) {
      Pending& pending = it->second;
      if (pending.partition == partition && (durable || pending.durability == Durability::kOs))
        pending.tally.add(node);
      if (!pending.tally.complete()) {
        ++it;
        continue;
      }
      answer(step, pending.asker, partition,
             {Outcome::kApplied, absl::StatusCode::kOk, "", it->first.first, pending.hlc,
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
  for (auto it = inquiries_.begin(); it != inquiries_.end();) {
    const auto next = std::next(it);
    note_unknown(step, it, peer);
    it = next;
  }
}

void Writes::expire(Step& step) {
  while (!inquiry_deadlines_.empty() && inquiry_deadlines_.begin()->first <= step.now.mono) {
    KV_MARK(kRequestUnanswered);
    const auto it = inquiries_.find(inquiry_deadlines_.begin()->second);
    KV_CHECK(it != inquiries_.end(), "every deadline has its inquiry");
    write_unknown(step, take_inquiry(it));
  }
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
            it->first.first, pending.hlc, static_cast<std::uint32_t>(pending.tally.count())},
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
  if (!inquiry_deadlines_.empty()) next = std::min(next, inquiry_deadlines_.begin()->first);
  return next;
}

void Writes::answer(Step& step, const Asker& asker, Partition partition, const WriteResult& result,
                    bool final, NodeIndex coordinator) {
  if (const auto* forwarded = std::get_if<Forwarded>(&asker))
    step.effects.send(forwarded->from, partition, ForwardReply{forwarded->request, final, result});
  else if (final)
    step.effects.replies.push_back(
        ClientWriteReply{std::get<std::uint64_t>(asker), coordinator, result});
}

void Writes::refuse(Step& step, const Asker& asker, Partition partition, absl::StatusCode code,
                    std::string why) {
  answer(step, asker, partition,
         {Outcome::kNotApplied, code, absl::StrCat(why, "; not applied"), Dot{}, Hlc{}, 0}, true);
}

}  // namespace kv
