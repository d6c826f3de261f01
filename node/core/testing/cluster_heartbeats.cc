// Heartbeats, as far as they tell of wall clocks: each node asks every peer that it is connected to. That they also find silent
// peers is not played here; faults say when a connection breaks.
#include "node/base/check.h"
#include "node/core/testing/cluster.h"

namespace kv::sim {

void Cluster::beat(std::size_t node) {
  for (std::size_t peer = 0; peer < nodes_.size(); ++peer)
    if (peer != node && link(node, peer).connected) ask_wall(node, peer);
  at(after_us(now_, heartbeats_.between(1, 2 * options_.heartbeat_interval_ms * 1000)),
     [this, node, incarnation = nodes_[node].incarnation] {
       if (nodes_[node].incarnation == incarnation) beat(node);
     });
}

// Calls `then` when it has arrived, and been looked at: not while the receiver is paused.
template <typename Then>
void Cluster::carry_heartbeat(std::size_t from, std::size_t to, std::uint64_t connection,
                              Then then) {
  const Direction& way = direction(from, to);
  const LinkFaults& faults = way.faults;
  if (way.is_blocked || way.is_clogged || heartbeats_.below(1000) < faults.lost_permille) return;
  const Instant arrives =
      after_us(now_, heartbeats_.between(faults.min_delay_us, faults.max_delay_us));
  at(arrives, [this, from, to, connection, then] {
    at(std::max(now_, nodes_[to].paused_until), [this, from, to, connection, then] {
      if (link(from, to).connected && link(from, to).connection == connection) then();
    });
  });
}

void Cluster::ask_wall(std::size_t node, std::size_t peer) {
  const std::uint64_t connection = link(node, peer).connection;
  carry_heartbeat(node, peer, connection, [this, node, peer, connection, sent = now_] {
    const WallMs wall = now_at(peer).wall;
    carry_heartbeat(peer, node, connection,
                    [this, node, peer, sent, wall] { heard_wall(node, peer, sent, wall); });
  });
}

void Cluster::heard_wall(std::size_t node, std::size_t peer, Instant sent, WallMs wall) {
  PeerClock& clock = peer_clocks_[node * nodes_.size() + peer];
  if (std::exchange(clock.connection, link(node, peer).connection) != link(node, peer).connection)
    clock.wall.clear();
  clock.wall.add(sent, now_, wall);
  const WallBounds bounds = *clock.wall.bounds();
  KV_CHECK(bounds.high_us - bounds.low_us <= elapsed_us(sent, now_) + 999,
           "a clock is known at least as well as the latest answer tells");
  for (std::size_t shard = 0; shard < nodes_[node].shards.size(); ++shard)
    deliver(node, shard, WallHeard{index_of(peer), bounds});
}

bool Cluster::is_skewed(std::size_t node) const {
  return std::any_of(nodes_[node].shards.begin(), nodes_[node].shards.end(),
                     [&](const Shard& shard) { return shard.core->is_skewed(now_at(node)); });
}

}  // namespace kv::sim
