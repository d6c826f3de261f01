#include "node/core/core.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/base/simulation.h"
#include "node/storage/keys.h"

namespace kv {
namespace {

constexpr std::size_t kUpkeepAtOnce = 2000;  // entries of each kind

// So long after damage was found here, another replica that has found some, too, has told of it.
constexpr std::int64_t kDamageToldMs = 500;

// What a damaged replica still takes notice of: what others have, and what they ask for.
bool helps_others(const Message& message) {
  return std::holds_alternative<Ack>(message.body) || std::holds_alternative<Probe>(message.body) ||
         std::holds_alternative<SyncRequest>(message.body);
}

}  // namespace

Core::Core(const CoreOptions& options, const Ring& ring, NodeIndex self, storage::Engine& engine,
           Rng rng)
    : options_(options),
      ring_(ring),
      engine_(engine),
      rng_(rng),
      hlc_(options.max_clock_skew_ms),
      neighbours_(ring, self, options.max_clock_skew_ms),
      writes_(neighbours_, replicas_, hlc_, options.max_pending, rng_.next(),
              options.max_remembered, options.requests),
      reads_(neighbours_, replicas_, options.max_pending, options.spare_read_after_ms, rng_.next(),
             options.repair_bytes_per_s),
      scrub_(options.scrub, neighbours_, replicas_, Rng(rng_).next()) {}

absl::Status Core::recover(bool keep_actors) {
  KV_CHECK(!replication_.has_value(), "recovered once");
  // What the last process committed may still be in memory only, and is about to be called durable.
  const absl::Status synced = engine_.sync();
  if (!synced.ok()) return synced;
  storage::WriteBatch renewed;
  for (std::uint32_t p = options_.shard; p < ring_.all_partitions(); p += options_.shards) {
    const Partition partition{static_cast<std::uint16_t>(p)};
    if (!ring_.is_replica(partition, neighbours_.self)) continue;
    auto bytes = engine_.get(storage::Family::kMeta, storage::replica_key(partition));
    if (!bytes.ok()) return bytes.status();
    storage::ReplicaState state;
    if (bytes->has_value()) {
      auto decoded = storage::decode_replica(**bytes);
      if (!decoded.ok())
        return absl::DataLossError(
            absl::StrCat("partition ", p, ": replica record: ", decoded.status().message()));
      state = *std::move(decoded);
    }
    const bool is_new = state.actor.id == 0;
    std::vector<NodeIndex> others = ring_.replicas(partition);
    std::erase(others, neighbours_.self);
    Replica replica(partition, std::move(state), others);
    const bool lost = !is_new && !keep_actors && !KV_PLANTED(kActorKeptAfterLoss);
    if (lost) KV_MARK(kFreshActorAfterLoss);
    if (is_new || lost) replica.renew_actor(rng_);
    replica.flush(renewed);
    replicas_.emplace(partition, std::move(replica));
  }
  if (!renewed.empty()) {
    const absl::Status committed = engine_.commit(renewed);
    const absl::Status kept = committed.ok() ? engine_.sync() : committed;
    if (!kept.ok()) return kept;
  }
  replication_.emplace(options_.replication, ring_, neighbours_.self, replicas_, Rng(rng_.next()));
  return absl::OkStatus();
}

Step Core::step_at(Now now) {
  return Step{now, {storage::View(engine_, effects_.batch), effects_.batch, now.wall}, effects_};
}

void Core::step(Event&& event, Now now) {
  KV_CHECK(replication_.has_value(), "recover() comes before the first step");
  Step step = step_at(now);
  std::visit([&](auto& e) { handle(step, e); }, event);
  push_writes(step);
  exchange_wanted(step);
}

void Core::exchange_wanted(Step& step) {
  if (reads_.repairs().has_news()) repair_read(step);
  if (!writes_.has_exchanges()) return;
  for (const auto& [partition, node] : writes_.take_exchanges())
    replication_->exchange(step, node, partition);
}

// What the reads that were just answered found to be behind.
void Core::repair_read(Step& step) {
  for (const auto& [partition, repair] : reads_.repairs().take_repairs_here())
    on_repair(step, partition, repair);
  for (const auto& [partition, node] : reads_.repairs().take_exchanges()) {
    KV_MARK(kReadExchanged);
    replication_->exchange(step, node, partition);
  }
}

void Core::on_repair(Step& step, Partition partition, const Repair& repair) {
  const auto it = replicas_.find(partition);
  if (it == replicas_.end() || it->second.is_damaged()) return;
  hlc_.observe(step.now.wall, repair.version.hlc);
  guard_actor(step, it->second, Clock{repair.version.dot});
  const absl::Status status = replication_->on_repair(step, it->second, repair);
  if (!status.ok()) step.effects.warnings.push_back(absl::StrCat("repair: ", status.ToString()));
}

void Core::push_writes(Step& step) {
  if (writes_.has_pushes())
    for (const auto& [partition, delta] : writes_.take_pushes())
      replication_->push(step, partition, delta);
  sync_wanted_ |= writes_.take_wants_sync();
  sync_wanted_ |= replication_->take_wants_sync();
}

void Core::handle(Step& step, FromPeer& event) {
  if (handle_for_coordinator(step, event.from, event.message)) return;
  const auto it = replicas_.find(event.message.partition);
  // Both sides have the same ring, so this is a peer that talks about a partition which is not ours to share.
  if (it == replicas_.end() || !it->second.peers().contains(event.from)) return;
  if (it->second.is_damaged() && !helps_others(event.message)) return;
  const absl::Status status = handle_for_replica(step, event.from, it->second, event.message);
  if (!status.ok())
    step.effects.warnings.push_back(absl::StrCat("message of a peer: ", status.ToString()));
  if (it->second.take_corrected())
    for (const auto& [peer, clock] : it->second.peers())
      replication_->exchange(step, peer, it->first);
}

bool Core::handle_for_coordinator(Step& step, NodeIndex from, Message& message) {
  const Partition partition = message.partition;
  if (auto* read = std::get_if<ReadRequest>(&message.body))
    reads_.on_read_request(step, from, partition, *read);
  else if (auto* answer = std::get_if<ReadReply>(&message.body))
    reads_.on_read_reply(step, from, partition, std::move(*answer));
  else if (auto* scan = std::get_if<ScanChunkRequest>(&message.body))
    reads_.on_scan_request(step, from, partition, *scan);
  else if (auto* chunk = std::get_if<ScanChunkReply>(&message.body))
    reads_.on_scan_reply(step, from, partition, std::move(*chunk));
  else if (auto* forward = std::get_if<ForwardRequest>(&message.body))
    writes_.on_forward_request(step, from, partition, *forward);
  else if (auto* forwarded = std::get_if<ForwardReply>(&message.body))
    writes_.on_forward_reply(step, from, *forwarded);
  else if (auto* query = std::get_if<RequestQuery>(&message.body))
    writes_.on_request_query(step, from, partition, *query);
  else if (auto* known = std::get_if<RequestAnswer>(&message.body))
    writes_.on_request_answer(step, from, *known);
  else if (auto* repair = std::get_if<Repair>(&message.body))
    on_repair(step, partition, *repair);
  else
    return false;
  return true;
}

absl::Status Core::handle_for_replica(Step& step, NodeIndex from, Replica& replica,
                                      Message& message) {
  if (auto* delta = std::get_if<Delta>(&message.body)) {
    hlc_.observe(step.now.wall, delta->version.hlc);
    return replication_->on_delta(step, from, replica, *delta);
  }
  if (auto* ack = std::get_if<Ack>(&message.body)) {
    replica.note_acknowledged(from, ack->dots, ack->durable);
    replication_->on_acknowledged(step, from, replica, ack->dots);
    writes_.on_confirmed(step, from, replica.partition(), ack->dots, ack->durable);
    return absl::OkStatus();
  }
  if (auto* probe = std::get_if<Probe>(&message.body)) {
    replication_->on_probe(step, from, replica, *probe);
    confirm_known(step, from, replica);
    return absl::OkStatus();
  }
  if (auto* request = std::get_if<SyncRequest>(&message.body)) {
    guard_actor(step, replica, request->applied);
    const absl::Status status = replication_->on_sync_request(step, from, replica, *request);
    confirm_known(step, from, replica);
    return status;
  }
  if (auto* asked = std::get_if<ScrubRequest>(&message.body))
    return scrub_.on_request(step, from, replica, *asked);
  if (auto* told = std::get_if<ScrubReply>(&message.body))
    return scrub_.on_reply(step, from, replica, std::move(*told));
  auto* page = std::get_if<SyncPage>(&message.body);
  KV_CHECK(page != nullptr, "every kind of message is handled");
  guard_actor(step, replica, page->applied);
  const absl::Status status = replication_->on_sync_page(step, from, replica, *page);
  confirm_known(step, from, replica);
  return status;
}

// Exchanges confirm writes, too: the delta of a write, or the acknowledgement, may have been lost.
void Core::confirm_known(Step& step, NodeIndex peer, const Replica& replica) {
  const PeerClock& known = replica.peers().at(peer);
  [[maybe_unused]] const std::size_t before = writes_.pending();
  writes_.on_confirmed(step, peer, replica.partition(), known.applied, false);
  writes_.on_confirmed(step, peer, replica.partition(), known.durable, true);
  if (writes_.pending() < before) KV_MARK(kWriteConfirmedByExchange);
}

void Core::guard_actor(Step& step, Replica& replica, const Clock& claims) {
  if (!replica.is_behind_itself(claims) || KV_PLANTED(kActorNotGuarded)) return;
  KV_MARK(kActorGuarded);
  step.effects.warnings.push_back(
      absl::StrCat("partition ", replica.partition().value,
                   ": a peer holds writes of this node that are not on its disk; "
                   "the data directory has gone back in time. Taking a new actor"));
  replica.renew_actor(rng_);
}

void Core::handle(Step& step, PeerUp& event) {
  neighbours_.up[event.peer.value] = true;
  replication_->on_peer_up(step, event.peer);
}

void Core::handle(Step& step, PeerDown& event) {
  KV_CHECK(event.peer != neighbours_.self, "a node is always connected to itself");
  neighbours_.up[event.peer.value] = false;
  neighbours_.clocks.lose(event.peer, step.now);
  replication_->on_peer_down(event.peer);
  writes_.on_peer_down(step, event.peer);
  reads_.on_peer_down(step, event.peer);
}

void Core::handle(Step& step, WallHeard& event) {
  neighbours_.clocks.hear(event.peer, event.wall, step.now);
  tell_clock(step);
}

// It may be set, and go wrong, while nobody is heard.
void Core::tell_clock(Step& step) {
  const bool off = neighbours_.clocks.is_off(step.now);
  if (std::exchange(told_off_, off) == off || options_.shard != 0) return;
  step.effects.warnings.push_back(
      off ? absl::StrCat(neighbours_.clock_off(step.now),
                         ": it orders no writes until its clock is set")
          : "the wall clock agrees with the majority's again: writes are ordered here again");
}

void Core::handle(Step& step, Synced&) {
  KV_CHECK(sync_under_way_, "a sync that ends had begun");
  sync_under_way_ = false;
  const std::map<Partition, Clock> clocks = std::exchange(syncing_, {});
  for (const auto& [partition, clock] : clocks) replicas_.at(partition).note_durable(clock);
  replication_->on_durable(step, clocks);
  confirm_here(step, clocks);
}

void Core::confirm_here(Step& step, const std::map<Partition, Clock>& clocks) {
  for (const auto& [partition, clock] : clocks)
    writes_.on_confirmed(step, neighbours_.self, partition, clock, true);
}

Effects Core::flush(Now now) {
  Step step = step_at(now);
  writes_.expire(step);
  reads_.expire(step);
  exchange_wanted(step);
  replication_->tick(step);
  scrub_.tick(step);
  replication_->flush(step);
  push_writes(step);
  const bool maintained = maintain(step);
  tell_damage(step);
  if (maintained) discard_damaged(step);  // last, for it erases what others may have read
  for (auto& [partition, replica] : replicas_)
    if (replica.flush(effects_.batch)) unsynced_.insert(partition);
  decide_sync(step);
  effects_.wake_at =
      std::min({writes_.next_deadline(), reads_.next_deadline(), replication_->next_wake(),
                scrub_.next_wake(), sync_under_way_ ? kNever : next_sync_, next_maintenance_});
  return effects_.take();
}

// One sync at a time: what is committed while it runs waits for the next, which all of them share.
void Core::decide_sync(Step& step) {
  if (unsynced_.empty()) {
    sync_wanted_ &= sync_under_way_;  // nothing new: whoever waits, waits for the sync under way
    return;
  }
  if (KV_PLANTED(kDebtNeverSynced) && !sync_wanted_) return;
  if (sync_wanted_ && sync_under_way_) KV_MARK(kSyncShared);
  if (next_sync_ == kNever) next_sync_ = after_ms(step.now.mono, options_.sync_interval_ms);
  if (sync_under_way_ || (!sync_wanted_ && next_sync_ > step.now.mono)) return;
  for (const Partition partition : unsynced_) syncing_[partition] = replicas_.at(partition).clock();
  unsynced_.clear();
  sync_wanted_ = false;
  next_sync_ = kNever;
  sync_under_way_ = true;
  step.effects.sync = true;
}

void Core::keep_up(Step& step, Replica& replica) {
  for (const absl::Status& status :
       {replica.prune_log(step.tx, step.now.wall, kUpkeepAtOnce),
        replica.cut_log(step.tx, neighbours_.up, options_.max_log_entries, kUpkeepAtOnce),
        replica.drop_due(step.tx, step.now.wall, kUpkeepAtOnce),
        replica.strip_contexts(step.tx, hlc_, step.now.wall, kUpkeepAtOnce),
        replica.trim_conflicts(step.tx, kUpkeepAtOnce),
        replica.drop_requests(step.tx, step.now.wall, options_.requests, kUpkeepAtOnce)})
    if (!status.ok()) step.effects.warnings.push_back(absl::StrCat("upkeep: ", status.ToString()));
}

// What need not be done at every step: forgets what nobody needs any more, and notes who lacks something.
bool Core::maintain(Step& step) {
  if (next_maintenance_ == kNever)
    next_maintenance_ = after_ms(step.now.mono, options_.maintenance_interval_ms);
  if (next_maintenance_ > step.now.mono) return false;
  std::map<NodeIndex, Instant> in_debt;
  for (auto& [partition, replica] : replicas_) {
    if (!replica.is_damaged()) keep_up(step, replica);
    for (const auto& [peer, clock] : replica.peers()) {
      if (clock.applied.covers(replica.clock())) continue;
      const auto since = in_debt_since_.find(peer);
      in_debt[peer] = since == in_debt_since_.end() ? step.now.mono : since->second;
    }
  }
  in_debt_since_ = std::move(in_debt);
  tell_clock(step);
  next_maintenance_ = KV_PLANTED(kSpins)
                          ? step.now.mono
                          : after_ms(step.now.mono, options_.maintenance_interval_ms);
  return true;
}

void Core::tell_damage(Step& step) {
  for (const auto& [partition, replica] : replicas_) {
    if (!replica.is_damaged() || !damaged_since_.try_emplace(partition, step.now.mono).second)
      continue;
    KV_MARK(kDamageFound);
    step.effects.warnings.push_back(absl::StrCat(
        "DAMAGE: partition ", partition.value, ": ", replica.damage(), ". It is not served here ",
        replica.peers().empty()
            ? "any more. There is no other replica, so what is there is kept: restore a backup"
            : "until it has been rebuilt from other replicas, which waits for one that has all "
              "that is left here"));
    replication_->announce(step, partition);
  }
}

bool Core::may_discard(Step& step, const Replica& replica) const {
  const Instant told = after_ms(damaged_since_.at(replica.partition()), kDamageToldMs);
  for (const auto& [peer, known] : replica.peers()) {
    if (KV_PLANTED(kDiscardsOnlyCopy)) return true;
    if (!neighbours_.is_up(peer) || !known.fit_at.has_value() || *known.fit_at < told) continue;
    if (replica.is_backed_by(step.tx.view, peer)) return true;
  }
  KV_MARK(kDamagedKept);
  return false;
}

// Everything that the group has changed of them was changed before the damage was found, in an earlier group.
void Core::discard_damaged(Step& step) {
  std::vector<Partition> backed;
  for (const auto& [partition, since] : damaged_since_)
    if (since < step.now.mono && may_discard(step, replicas_.at(partition)))
      backed.push_back(partition);
  for (const Partition partition : backed) {
    replicas_.at(partition).start_anew(step.effects.batch, rng_);
    syncing_.erase(partition);
    damaged_since_.erase(partition);
    ++discarded_;
    replication_->start_over(partition);
    step.effects.warnings.push_back(
        absl::StrCat("partition ", partition.value,
                     ": damaged; discarded, and rebuilt from other replicas under a new actor"));
  }
}

std::vector<ReplicaClocks> Core::clocks() const {
  // What a damaged one has processed cannot all be read any more: it equals none, and no other damaged one either.
  const std::uint64_t unlike_others = Clock{
      {Actor{std::numeric_limits<std::uint64_t>::max()},
       neighbours_.self.value + 1ULL}}.digest();
  std::vector<ReplicaClocks> all;
  for (const auto& [partition, replica] : replicas_)
    if (replica.is_damaged())
      all.push_back({partition, unlike_others, unlike_others});
    else
      all.push_back({partition, replica.clock().digest(), replica.durable().digest()});
  return all;
}

std::optional<HeldDot> Core::find(Dot dot) const {
  for (const auto& [partition, replica] : replicas_)
    if (!replica.is_damaged() && replica.clock().contains(dot))
      return HeldDot{partition, replica.durable().contains(dot)};
  return std::nullopt;
}

absl::StatusOr<Object> Core::object(Partition partition, const std::string& key) const {
  const storage::WriteBatch none;
  return replicas_.at(partition).read(storage::View(engine_, none), key);
}

Held Core::held() const {
  return {writes_.pending(), reads_.pending(), writes_.remembered(),
          replication_->max_window_bytes(), replication_->max_exchanges()};
}

absl::StatusOr<std::vector<NotedConflict>> Core::conflicts() const {
  const storage::WriteBatch none;
  std::vector<NotedConflict> all;
  for (const auto& [partition, replica] : replicas_) {
    auto found = read_conflicts(storage::View(engine_, none), partition);
    if (!found.ok()) return found.status();
    std::move(found->begin(), found->end(), std::back_inserter(all));
  }
  return all;
}

CoreStatus Core::status(Now now) const {
  CoreStatus status;
  status.peers.resize(ring_.nodes().size());
  for (const auto& [partition, replica] : replicas_) {
    if (partition != ring_.catalog()) {
      ++status.partitions;
      status.live_keys += replica.live_keys();
    }
    status.markers += replica.markers();
    status.unfit += replica.is_fit() ? 0U : 1U;
    status.log_entries += replica.logged().count();
    status.max_log_entries += options_.max_log_entries;
    for (const auto& [peer, clock] : replica.peers()) {
      status.peers[peer.value].debt_dots += replica.debt(peer).count();
      status.peers[peer.value].transfers_owed += replica.owes_transfer(peer) ? 1U : 0U;
    }
  }
  for (std::size_t i = 0; i < status.peers.size(); ++i) status.peers[i].up = neighbours_.up[i];
  for (const auto& [peer, since] : in_debt_since_)
    status.peers[peer.value].debt_age_ms = elapsed_us(since, now.mono) / 1000;
  status.discarded = discarded_;
  status.reads = reads_.counters();
  status.scrub = scrub_.counters();
  status.pending = writes_.pending() + reads_.pending();
  status.skewed = neighbours_.clocks.is_off(now);
  status.clock_skew_ms = neighbours_.clocks.skew_ms(now);
  status.anti_entropy = replication_->counters();
  return status;
}

}  // namespace kv
