#include "node/coordinator/writes.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/base/limits.h"
#include "node/base/simulation.h"

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
  const NodeIndex target = coordinator_of(write.partition);
  if (target == neighbours_.self) return write_here(step, asker, std::move(write));
  forward(step, target, std::move(write));
}

// This node if it can, for nobody is nearer. Some replica can be reached.
NodeIndex Writes::coordinator_of(Partition partition) const {
  const std::vector<NodeIndex> reachable = neighbours_.reachable(partition);
  const auto here = replicas_.find(partition);
  const bool rather_not = here != replicas_.end() && here->second.is_catching_up();
  if (!rather_not || reachable.size() == 1) return reachable.front();
  KV_MARK(kForwardedCatchingUp);
  return reachable[1];
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
                                write.token, write.condition, write.ttl_ms);
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

void Writes::forward(Step& step, NodeIndex target, ClientWrite write) {
  KV_MARK(kForwarded);
  const std::uint64_t request = next_request_++;
  const std::int64_t left_ms = elapsed_us(step.now.mono, write.deadline) / 1000;
  const auto timeout_ms =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(left_ms, 1, kMaxDeadlineMs));
  forwards_.emplace(request, Forward{write.id, target, Dot{}, Hlc{}, write.deadline});
  forward_deadlines_.emplace(write.deadline, request);
  step.effects.send(
      target, write.partition,
      ForwardRequest{request, std::move(write.key), std::move(write.value), std::move(write.token),
                     write.level, write.durability, timeout_ms, write.condition, write.ttl_ms});
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
  write_here(step, asker,
             ClientWrite{0, partition, request.key, request.value, request.token, request.level,
                         request.durability, after_ms(step.now.mono, request.timeout_ms),
                         request.condition, request.ttl_ms});
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
  step.effects.replies.push_back(ClientWriteReply{forward.client, forward.target, reply.result});
  forward_deadlines_.erase({forward.deadline, it->first});
  forwards_.erase(it);
}

void Writes::finish_forward(Step& step, std::map<std::uint64_t, Forward>::iterator it,
                            std::string why) {
  const Forward& forward = it->second;
  const WriteResult result{Outcome::kUnknown, absl::StatusCode::kDeadlineExceeded,
                           std::move(why),    forward.dot,
                           forward.hlc,       forward.dot.counter > 0 ? 1U : 0U};
  step.effects.replies.push_back(ClientWriteReply{forward.client, forward.target, result});
  forward_deadlines_.erase({forward.deadline, it->first});
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
