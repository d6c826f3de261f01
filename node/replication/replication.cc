#include "node/replication/replication.h"

#include <algorithm>

#include "node/base/check.h"
#include "node/base/simulation.h"

namespace kv {
namespace {

std::size_t bytes_of(const Delta& delta) {
  return delta.key.size() + (delta.version.value ? delta.version.value->size() : 0) + 64;
}

Probe probe_of(const Replica& replica) {
  return {replica.clock().digest(), replica.durable().digest(), !replica.is_fit()};
}

}  // namespace

Replication::Replication(const ReplicationOptions& options, const Ring& ring, NodeIndex self,
                         Replicas& replicas, Rng rng)
    : options_(options), replicas_(replicas), rng_(rng) {
  for (const auto& [partition, replica] : replicas_) {
    for (const NodeIndex node : ring.replicas(partition)) {
      if (node == self) continue;
      const auto it = peers_.try_emplace(
          node, Peer{Outbound(options.max_in_flight_bytes, options.overdue_ms),
                     Sessions(options.max_sessions_per_peer, options.overdue_ms, rng_.next()),
                     kNever,
                     {},
                     {},
                     {}});
      it.first->second.shared.push_back(partition);
    }
  }
}

void Replication::on_peer_up(Step& step, NodeIndex node) {
  const auto it = peers_.find(node);
  if (it == peers_.end()) return;
  Peer& peer = it->second;
  peer.outbound.connect();
  peer.sessions.reset();
  send_probes(step, node, peer);
  schedule_probe(peer, step.now.mono);
}

void Replication::on_peer_down(NodeIndex node) {
  const auto it = peers_.find(node);
  if (it == peers_.end()) return;
  Peer& peer = it->second;
  peer.outbound.disconnect();
  peer.sessions.reset();
  peer.acks.clear();
  peer.durable_acks.clear();
  peer.next_probe = kNever;
}

void Replication::push(Step& step, Partition partition, const Delta& delta) {
  for (const auto& [node, clock] : replicas_.at(partition).peers()) {
    Peer& peer = peers_.at(node);
    if (peer.outbound.admit(partition, delta.version.dot, bytes_of(delta), step.now.mono))
      step.effects.send(node, partition, delta);
    else if (peer.outbound.is_paused())
      KV_MARK(kPushPaused);
  }
}

absl::Status Replication::on_delta(Step& step, NodeIndex from, Replica& replica,
                                   const Delta& delta) {
  const absl::Status status = replica.apply(step.tx, delta, transfers(replica.partition()));
  if (!status.ok()) return status;
  Peer& peer = peers_.at(from);
  if (peer.sessions.active() > 0) KV_MARK(kDeltaRacedSession);
  if (replica.durable().contains(
          delta.version.dot)) {  // a repeated one: no further sync will tell of it
    KV_MARK(kDurableAckRepeated);
    step.effects.send(from, replica.partition(), Ack{Clock{delta.version.dot}, true});
    return absl::OkStatus();
  }
  peer.acks[replica.partition()].add(delta.version.dot);
  if (delta.wants_durable && KV_PLANTED(kDurableAtOnce))
    step.effects.send(from, replica.partition(), Ack{Clock{delta.version.dot}, true});
  if (delta.wants_durable) {
    peer.durable_acks[replica.partition()].add(delta.version.dot);
    wants_sync_ = true;
  }
  return absl::OkStatus();
}

void Replication::on_acknowledged(Step& step, NodeIndex node, Replica& replica, const Clock& dots) {
  Peer& peer = peers_.at(node);
  if (!peer.outbound.acknowledge(replica.partition(), dots)) return;
  KV_MARK(kPushResumed);
  send_probes(step, node, peer);
}

void Replication::on_durable(Step& step, const std::map<Partition, Clock>& clocks) {
  for (auto& [node, peer] : peers_) {
    for (auto it = peer.durable_acks.begin(); it != peer.durable_acks.end();) {
      const auto next = std::next(it);
      const auto durable = clocks.find(it->first);
      if (durable != clocks.end()) {
        Clock dots = it->second.intersect(durable->second);
        it->second = it->second.minus(dots);
        if (!dots.empty()) step.effects.send(node, it->first, Ack{std::move(dots), true});
        if (it->second.empty()) peer.durable_acks.erase(it);
      }
      it = next;
    }
  }
}

void Replication::on_probe(Step& step, NodeIndex from, Replica& replica, const Probe& probe) {
  const std::uint64_t here = replica.clock().digest();
  const bool same = probe.applied == here;
  if (same) KV_MARK(kProbeEqual);
  const Clock known = replica.peers().at(from).durable;
  if (same)
    replica.note_peer(from, replica.clock(), probe.durable == here ? replica.clock() : known);
  if (!same || replica.peers().at(from).durable.digest() != probe.durable)
    peers_.at(from).sessions.want(replica.partition());
  // Only what is known to be up to date tells that the peer has what this replica has.
  if (same || probe.unfit) replica.note_fit(from, !probe.unfit, step.now.mono);
}

void Replication::announce(Step& step, Partition partition) {
  for (const auto& [node, unused] : replicas_.at(partition).peers())
    if (peers_.at(node).outbound.is_up())
      step.effects.send(node, partition, probe_of(replicas_.at(partition)));
}

void Replication::start_over(Partition partition) {
  for (const auto& [node, unused] : replicas_.at(partition).peers()) {
    Peer& peer = peers_.at(node);
    peer.sessions.drop(partition);
    peer.acks.erase(partition);
    peer.durable_acks.erase(partition);
    if (peer.outbound.is_up()) peer.sessions.want(partition);
  }
}

void Replication::exchange(Step& step, NodeIndex node, Partition partition) {
  const auto replica = replicas_.find(partition);
  const auto peer = peers_.find(node);
  if (replica == replicas_.end() || peer == peers_.end() || !peer->second.outbound.is_up()) return;
  peer->second.sessions.want(partition);
  step.effects.send(node, partition, probe_of(replica->second));
}

absl::Status Replication::on_sync_request(Step& step, NodeIndex from, Replica& replica,
                                          const SyncRequest& request) {
  replica.note_peer(from, request.applied, request.durable);
  replica.note_fit(from, !request.unfit, step.now.mono);
  on_acknowledged(step, from, replica, request.applied.intersect(replica.clock()));
  auto page = replica.answer(step.tx.view, request, options_.page);
  if (!page.ok()) return page.status();
  counters_.objects_sent += page->items.size();
  ++counters_.pages_sent;
  step.effects.send(from, replica.partition(), *std::move(page));
  if (!replica.clock().covers(request.applied)) peers_.at(from).sessions.want(replica.partition());
  return absl::OkStatus();
}

absl::Status Replication::on_sync_page(Step& step, NodeIndex from, Replica& replica,
                                       const SyncPage& page) {
  Peer& peer = peers_.at(from);
  if (!peer.sessions.expects(replica.partition(), page)) {
    KV_MARK(kPageUnexpected);
    return absl::OkStatus();
  }
  const absl::Status status = replica.apply_page(step.tx, page, transfers(replica.partition()));
  if (!status.ok()) return status;
  ++counters_.pages_received;
  counters_.objects_received += page.items.size();
  for (const Item& item :
       page.items)  // the sender may wait for these: its deltas, or our answers to them, were lost
    if (!item.dots.empty()) peer.acks[replica.partition()].join(item.dots);
  const Sessions::Progress progress =
      peer.sessions.advance(replica.partition(), page, replica.clock(), step.now.mono);
  counters_.full_transfers += progress.turned_full ? 1U : 0U;
  if (KV_PLANTED(kTransferJoinedEarly) && page.full) replica.finish_full_transfer(page.applied);
  if (progress.finished.has_value()) replica.finish_full_transfer(*progress.finished);
  if (progress.ask_again)
    request_page(step, from, peer, replica.partition());
  else  // only now: everything that these clocks name and that this replica lacked has been applied
    replica.note_peer(from, page.applied, page.durable);
  return absl::OkStatus();
}

Transfers Replication::transfers(Partition partition) const {
  Transfers all;
  for (const auto& [node, peer] : peers_)
    if (const Sessions::Active* session = peer.sessions.active_at(partition);
        session != nullptr && session->target.has_value())
      all.push_back({session->after, &*session->target});
  return all;
}

void Replication::request_page(Step& step, NodeIndex node, Peer& peer, Partition partition) {
  const Replica& replica = replicas_.at(partition);
  SyncRequest request = peer.sessions.request_for(partition, replica.clock(), replica.durable());
  request.unfit = !replica.is_fit();
  step.effects.send(node, partition, std::move(request));
}

void Replication::schedule_probe(Peer& peer, Instant now) {
  peer.next_probe = after_ms(
      now, rng_.between(options_.probe_interval_ms / 2, options_.probe_interval_ms * 3 / 2));
}

void Replication::send_probes(Step& step, NodeIndex node, Peer& peer) {
  for (const Partition partition : peer.shared) {
    const Replica& replica = replicas_.at(partition);
    if (KV_PLANTED(kProbesStop) && !replica.clock().empty() && replica.debt(node).empty()) continue;
    step.effects.send(node, partition, probe_of(replica));
  }
}

void Replication::tick(Step& step) {
  for (auto& [node, peer] : peers_) {
    if (!peer.outbound.is_up()) continue;
    const bool overdue = peer.outbound.give_up_overdue(step.now.mono);
    if (overdue) KV_MARK(kPushGivenUp);
    if (overdue || peer.next_probe <= step.now.mono) {
      send_probes(step, node, peer);
      schedule_probe(peer, step.now.mono);
    }
    peer.sessions.expire(step.now.mono);
  }
}

void Replication::flush(Step& step) {
  for (auto& [node, peer] : peers_) {
    for (auto& [partition, dots] : peer.acks)
      step.effects.send(node, partition, Ack{std::move(dots), false});
    peer.acks.clear();
    if (!peer.outbound.is_up()) continue;
    for (const Partition partition : peer.sessions.start_wanted(step.now.mono))
      request_page(step, node, peer, partition);
  }
}

std::size_t Replication::max_window_bytes() const {
  std::size_t most = 0;
  for (const auto& [node, peer] : peers_) most = std::max(most, peer.outbound.bytes());
  return most;
}

std::size_t Replication::max_exchanges() const {
  std::size_t most = 0;
  for (const auto& [node, peer] : peers_) most = std::max(most, peer.sessions.active());
  return most;
}

Instant Replication::next_wake() const {
  Instant next = kNever;
  for (const auto& [node, peer] : peers_)
    next = std::min(
        {next, peer.next_probe, peer.outbound.next_overdue(), peer.sessions.next_deadline()});
  return next;
}

}  // namespace kv
