#include "node/coordinator/reads.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/base/simulation.h"
#include "node/coordinator/reads/session.h"
#include "node/coordinator/scan.h"
#include "node/storage/keys.h"

namespace kv {
namespace {

constexpr std::int64_t kPatienceGrows = 4;

}  // namespace

Reads::Reads(const Neighbours& neighbours, const Replicas& replicas, std::size_t max_pending,
             std::int64_t spare_after_ms, std::uint64_t first_request,
             std::int64_t repair_bytes_per_s)
    : neighbours_(neighbours),
      replicas_(replicas),
      max_pending_(max_pending),
      spare_after_ms_(spare_after_ms),
      next_request_(first_request),
      repairs_(neighbours.self, repair_bytes_per_s) {}

ReadCounters Reads::counters() const {
  ReadCounters counters = counters_;
  counters.repairs = repairs_.sent();
  counters.repairs_skipped = repairs_.skipped();
  return counters;
}

void Reads::start(Step& step, ClientGet get) {
  begin(step, Pending{get.id,
                      get.partition,
                      false,
                      std::move(get.key),
                      "",
                      0,
                      0,
                      get.level,
                      get.deadline,
                      get.deadline,
                      spare_after_ms_,
                      tally_of(get.level, get.partition),
                      {},
                      {},
                      {},
                      std::move(get.session)});
}

void Reads::start(Step& step, ClientScan scan) {
  begin(step, Pending{scan.id,
                      scan.partition,
                      true,
                      std::move(scan.from),
                      std::move(scan.end),
                      scan.max_items,
                      scan.max_bytes,
                      scan.level,
                      scan.deadline,
                      scan.deadline,
                      spare_after_ms_,
                      tally_of(scan.level, scan.partition),
                      {},
                      {},
                      {},
                      {}});
}

std::vector<NodeIndex> Reads::askable(Partition partition) const {
  std::vector<NodeIndex> nodes = neighbours_.reachable(partition);
  const auto here = replicas_.find(partition);
  if (here != replicas_.end() && !here->second.is_fit() && !KV_PLANTED(kUnfitServes))
    std::erase(nodes, neighbours_.self);
  return nodes;
}

Tally Reads::tally_of(Level level, Partition partition) const {
  const std::size_t needed = neighbours_.needed_at(level, partition);
  const bool too_few = KV_PLANTED(kReadQuorumOffByOne) && level == Level::kQuorum && needed > 1;
  return Tally(too_few ? needed - 1 : needed);
}

void Reads::begin(Step& step, Pending pending) {
  pending.candidates = askable(pending.partition);
  latencies_.sort(pending.candidates, step.now.mono);
  const std::size_t wanted = pending.tally.needed();
  const std::uint64_t request = next_request_++;
  const auto it = pending_.emplace(request, std::move(pending)).first;
  wakes_.emplace(it->second.wake_at, request);
  if (pending_.size() > max_pending_ && !KV_PLANTED(kPendingUnbounded))
    return fail(
        step, it, absl::StatusCode::kResourceExhausted,
        absl::StrCat(max_pending_, " reads are under way at ",
                     neighbours_.ring.node_id(neighbours_.self), ", the limit; try again later"));
  if (it->second.candidates.size() < wanted)
    return fail(
        step, it, absl::StatusCode::kUnavailable,
        neighbours_.count_reachable(it->second.partition) < wanted
            ? neighbours_.too_few(it->second.partition, it->second.level)
            : absl::StrCat("the replica at ", neighbours_.ring.node_id(neighbours_.self),
                           " was found damaged and is not served from, and too few others are "
                           "left for ",
                           to_string(it->second.level)));
  if (KV_PLANTED(kSessionAtReplicasOnly) && it->second.session.has_value() &&
      !replicas_.contains(it->second.partition))
    return fail(step, it, absl::StatusCode::kUnavailable, "stale: no replica is here");
  while (it->second.answers.size() + it->second.waiting.size() < wanted &&
         !it->second.candidates.empty())
    ask_next(step, request, it->second);
  if (it->second.tally.complete() && is_served(it->second)) return finish(step, it);
  if (it->second.answers.size() + it->second.waiting.size() < wanted)
    return fail(
        step, it, absl::StatusCode::kInternal,
        absl::StrCat("the replica here could not read its disk, and too few others are left for ",
                     to_string(it->second.level)));
  if (!it->second.is_scan) {
    ++counters_.asked;
    hedges_.earn();
  }
  wait_on(step, request, it->second);
  go_on(step, it);
}

std::vector<ReplicaObject> Reads::objects_of(const Pending& pending) {
  std::vector<ReplicaObject> objects;
  for (const Answer& answer : pending.answers)
    objects.push_back({&answer.items.front().object, &answer.clock, answer.floor});
  return objects;
}

bool Reads::is_served(const Pending& pending) {
  return !pending.session.has_value() || covers(objects_of(pending), *pending.session);
}

// Enough replicas have answered, perhaps: that is all, unless they lack what the client's session has seen.
void Reads::go_on(Step& step, Iterator it) {
  Pending& pending = it->second;
  if (!pending.tally.complete()) return;
  if (is_served(pending)) return finish(step, it);
  if (!pending.candidates.empty()) KV_MARK(kSessionAskedAnother);
  while (!pending.candidates.empty()) ask_next(step, it->first, pending);
  if (!pending.waiting.empty()) return;
  const std::size_t replicas = neighbours_.ring.replicas(pending.partition).size();
  if (pending.answers.size() < replicas ||
      neighbours_.count_reachable(pending.partition) < replicas)
    return;  // who has not answered now may have it
  KV_MARK(kSessionLost);
  fail(step, it, absl::StatusCode::kFailedPrecondition,
       absl::StrCat("stale: the session has seen writes that none of the key's ", replicas,
                    " replicas has: they were lost with a disk, or the session is of another "
                    "cluster; begin a new one"));
}

// For a spare one as long as there is one; then ever longer.
void Reads::wait_on(Step& step, std::uint64_t request, Pending& pending) {
  if (pending.candidates.empty()) pending.patience_ms *= kPatienceGrows;
  const Instant spare_at = after_ms(step.now.mono, pending.patience_ms);
  const std::int64_t hedge_us = hedge_after_us(pending, step.now.mono);
  const bool hedges = hedge_us > 0 && hedge_us < pending.patience_ms * 1000;
  pending.spare_at = hedges ? spare_at : kNever;
  set_wake(request, pending, hedges ? after_us(step.now.mono, hedge_us) : spare_at);
}

// The longest that those who are waited for take as a rule; 0 where that is not known, or nobody else could be asked.
std::int64_t Reads::hedge_after_us(const Pending& pending, Instant now) const {
  constexpr std::int64_t kLeastUs = 1000;
  if (pending.is_scan || pending.candidates.empty()) return 0;
  std::int64_t longest = 0;
  for (const Asked& asked : pending.waiting) {
    const std::int64_t us = latencies_.p95_us(asked.node, now);
    if (us == 0) return 0;
    longest = std::max({longest, us, kLeastUs});
  }
  return longest;
}

// Before its time, as a hedge, only while the budget lasts. What is waited for in vain counts as slow, as far as it is known.
bool Reads::may_ask_spare(Step& step, std::uint64_t request, Pending& pending) {
  const Instant spare_at = std::exchange(pending.spare_at, kNever);
  if (spare_at == kNever) {
    ++counters_.spares;
    KV_MARK(kReadSpare);
    for (const Asked& asked : pending.waiting)
      latencies_.note(asked.node, elapsed_us(asked.at, step.now.mono), step.now.mono);
    return true;
  }
  if (!hedges_.spend()) {
    KV_MARK(kHedgeRefused);
    set_wake(request, pending, spare_at);
    return false;
  }
  ++counters_.hedges;
  KV_MARK(kReadHedged);
  return true;
}

void Reads::ask_next(Step& step, std::uint64_t request, Pending& pending) {
  const NodeIndex node = pending.candidates.front();
  pending.candidates.erase(pending.candidates.begin());
  if (node == neighbours_.self) return ask_here(step, pending);
  pending.waiting.push_back({node, step.now.mono});
  ask(step, request, pending, node);
}

void Reads::ask(Step& step, std::uint64_t request, const Pending& pending, NodeIndex node) {
  if (pending.is_scan)
    step.effects.send(
        node, pending.partition,
        ScanChunkRequest{request, pending.key, pending.end, pending.max_items, pending.max_bytes});
  else
    step.effects.send(node, pending.partition, ReadRequest{request, pending.key});
}

void Reads::ask_here(Step& step, Pending& pending) {
  const Replica& replica = replicas_.at(pending.partition);
  Answer answer{neighbours_.self, {}, false, replica.clock(), replica.floor()};
  absl::Status status;
  if (pending.is_scan) {
    status = replica.read_range(step.tx.view, pending.key, pending.end, pending.max_items,
                                pending.max_bytes, answer.items, answer.more);
  } else {
    auto object = replica.read(step.tx.view, pending.key);
    status = object.status();
    if (object.ok()) answer.items.push_back({pending.key, *std::move(object), {}});
  }
  if (!status.ok()) {
    step.effects.warnings.push_back(absl::StrCat("read: ", status.ToString()));
    return;
  }
  pending.tally.add(answer.node);
  std::erase_if(pending.answers, [&](const Answer& old) { return old.node == answer.node; });
  pending.answers.push_back(std::move(answer));
}

// Whoever has not answered; or everybody, if those who have lack something that they may have got meanwhile.
void Reads::ask_again(Step& step, std::uint64_t request, Pending& pending) {
  if (!pending.tally.complete()) {
    KV_MARK(kReadAskedAgain);
    for (const Asked& asked : pending.waiting) ask(step, request, pending, asked.node);
    return;
  }
  KV_MARK(kSessionWaited);
  pending.waiting.clear();
  pending.candidates = askable(pending.partition);
  while (!pending.candidates.empty()) ask_next(step, request, pending);
}

void Reads::on_read_request(Step& step, NodeIndex from, Partition partition,
                            const ReadRequest& request) const {
  const auto it = replicas_.find(partition);
  if (it == replicas_.end()) return;
  if (!it->second.is_fit() && !KV_PLANTED(kUnfitServes)) {
    KV_MARK(kUnfitAsked);
    return;  // the coordinator asks another replica
  }
  auto object = it->second.read(step.tx.view, request.key);
  if (object.ok())
    step.effects.send(
        from, partition,
        ReadReply{request.request, *std::move(object), it->second.clock(), it->second.floor()});
  else  // no answer: the coordinator asks another replica; damage is never passed on as absence
    step.effects.warnings.push_back(absl::StrCat("read for a peer: ", object.status().ToString()));
}

void Reads::on_scan_request(Step& step, NodeIndex from, Partition partition,
                            const ScanChunkRequest& request) const {
  const auto it = replicas_.find(partition);
  if (it == replicas_.end() || request.max_items == 0) return;
  if (!it->second.is_fit() && !KV_PLANTED(kUnfitServes)) return;
  ScanChunkReply reply{request.request, {}, it->second.clock(), false, it->second.floor()};
  const absl::Status status =
      it->second.read_range(step.tx.view, request.from, request.end, request.max_items,
                            request.max_bytes, reply.items, reply.more);
  if (status.ok())
    step.effects.send(from, partition, std::move(reply));
  else
    step.effects.warnings.push_back(absl::StrCat("scan for a peer: ", status.ToString()));
}

void Reads::on_read_reply(Step& step, NodeIndex from, Partition partition, ReadReply reply) {
  Answer answer{from, {}, false, std::move(reply.clock), reply.floor};
  answer.items.push_back({"", std::move(reply.object), {}});
  take_answer(step, reply.request, partition, false, std::move(answer));
}

void Reads::on_scan_reply(Step& step, NodeIndex from, Partition partition, ScanChunkReply reply) {
  take_answer(
      step, reply.request, partition, true,
      Answer{from, std::move(reply.items), reply.more, std::move(reply.clock), reply.floor});
}

void Reads::take_answer(Step& step, std::uint64_t request, Partition partition, bool is_scan,
                        Answer answer) {
  const auto it = pending_.find(request);
  if (it == pending_.end() || it->second.partition != partition || it->second.is_scan != is_scan)
    return;
  Pending& pending = it->second;
  const auto asked = std::find_if(pending.waiting.begin(), pending.waiting.end(),
                                  [&](const Asked& one) { return one.node == answer.node; });
  if (asked == pending.waiting.end()) return;  // not asked, or has answered
  if (!is_scan) latencies_.note(answer.node, elapsed_us(asked->at, step.now.mono), step.now.mono);
  pending.waiting.erase(asked);
  pending.tally.add(answer.node);
  std::erase_if(pending.answers, [&](const Answer& old) { return old.node == answer.node; });
  pending.answers.push_back(std::move(answer));
  go_on(step, it);
}

void Reads::on_peer_down(Step& step, NodeIndex peer) {
  for (auto it = pending_.begin(); it != pending_.end();) {
    const auto next = std::next(it);
    Pending& pending = it->second;
    std::erase(pending.candidates, peer);
    if (std::erase_if(pending.waiting, [&](const Asked& one) { return one.node == peer; }) > 0) {
      if (!pending.candidates.empty()) {
        KV_MARK(kReadFailedOver);
        ask_next(step, it->first, pending);
      }
      if (pending.tally.complete())
        go_on(step, it);
      else if (pending.answers.size() + pending.waiting.size() < pending.tally.needed())
        fail(step, it, absl::StatusCode::kUnavailable,
             neighbours_.too_few(pending.partition, pending.level));
    }
    it = next;
  }
}

void Reads::set_wake(std::uint64_t request, Pending& pending, Instant at) {
  wakes_.erase({pending.wake_at, request});
  pending.wake_at = std::min(at, pending.deadline);
  wakes_.emplace(pending.wake_at, request);
}

void Reads::expire(Step& step) {
  while (!wakes_.empty() && wakes_.begin()->first <= step.now.mono) {
    const auto it = pending_.find(wakes_.begin()->second);
    KV_CHECK(it != pending_.end(), "every wake-up has its read");
    Pending& pending = it->second;
    if (pending.deadline <= step.now.mono) {
      give_up(step, it);
      continue;
    }
    if (!pending.candidates.empty() && !KV_PLANTED(kReadsNotSpared)) {
      if (!may_ask_spare(step, it->first, pending)) continue;
      ask_next(step, it->first, pending);
    } else if (!KV_PLANTED(kReadsNotSpared)) {
      ask_again(step, it->first, pending);
    }
    wait_on(step, it->first, pending);
    go_on(step, it);
  }
}

// At the deadline.
void Reads::give_up(Step& step, Iterator it) {
  const Pending& pending = it->second;
  if (!pending.tally.complete())
    return fail(
        step, it, absl::StatusCode::kDeadlineExceeded,
        absl::StrCat("only ", pending.answers.size(), " of the ", pending.tally.needed(),
                     " replicas that ", to_string(pending.level), " needs answered in time"));
  KV_MARK(kSessionStale);
  std::string silent;
  for (const NodeIndex node : neighbours_.ring.replicas(pending.partition))
    if (!pending.tally.has(node))
      absl::StrAppend(&silent, silent.empty() ? "" : ", ", neighbours_.ring.node_id(node));
  fail(step, it, absl::StatusCode::kUnavailable,
       absl::StrCat("stale: the session has seen writes that no replica asked from ",
                    neighbours_.ring.node_id(neighbours_.self), " has yet",
                    silent.empty() ? "" : absl::StrCat(" (not answering: ", silent, ")"),
                    "; try again later, or at another node"));
}

Instant Reads::next_deadline() const { return wakes_.empty() ? kNever : wakes_.begin()->first; }

std::vector<NodeIndex> Reads::nodes_of(const Pending& pending) {
  std::vector<NodeIndex> nodes;
  for (const Answer& answer : pending.answers) nodes.push_back(answer.node);
  return nodes;
}

void Reads::finish(Step& step, Iterator it) {
  const Pending& pending = it->second;
  ClientReadReply reply;
  reply.id = pending.client;
  reply.replicas = nodes_of(pending);
  std::sort(reply.replicas.begin(), reply.replicas.end());
  if (KV_PLANTED(kReplicaNamedTwice)) reply.replicas.back() = reply.replicas.front();
  if (pending.is_scan) {
    std::vector<ScanAnswer> answers;
    for (const Answer& answer : pending.answers)
      answers.push_back({&answer.items, answer.more, &answer.clock, answer.floor});
    join_scan(answers, step.now.wall, reply);
  } else {
    std::vector<ReplicaObject> objects = objects_of(pending);
    if (KV_PLANTED(kFirstAnswerWins) && !pending.session.has_value()) objects.resize(1);
    const Policy& policy = storage::policy_of(pending.key);
    Joined joined = join_answers(objects, policy, step.now.wall);
    if (!joined.agreed) KV_MARK(kReadDiffered);
    reply.agreed = joined.agreed;
    if (objects.size() > 1)
      repairs_.repair(step, pending.partition, pending.key, policy, nodes_of(pending), objects,
                      joined);
    if (pending.session.has_value())
      reply.session = needs_after_read(*pending.session, objects, joined, policy);
    reply.items.push_back(to_read_item(pending.key, std::move(joined), policy, step.now.wall));
  }
  step.effects.replies.push_back(std::move(reply));
  wakes_.erase({pending.wake_at, it->first});
  pending_.erase(it);
}

void Reads::fail(Step& step, Iterator it, absl::StatusCode code, std::string why) {
  ClientReadReply reply;
  reply.id = it->second.client;
  reply.code = code;
  reply.message = std::move(why);
  step.effects.replies.push_back(std::move(reply));
  wakes_.erase({it->second.wake_at, it->first});
  pending_.erase(it);
}

}  // namespace kv
