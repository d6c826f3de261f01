// Replication: deltas pushed to the other replicas as they are written, and anti-entropy for whatever did not arrive.
//
// One mechanism backs the other. A probe says in 16 bytes per partition what this replica holds; a receiver that holds
// something else, or remembers something else, asks for a page (sessions.h), and answers to pages carry both sides' clocks,
// from which each learns what the other has applied and what it has on disk. Probes are sent at random intervals, on
// connecting, when pushing resumes after a pause, and when acknowledgements are overdue.
// Not thread-safe: one shard owns it.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "node/base/rng.h"
#include "node/replica/neighbours.h"
#include "node/replica/step.h"
#include "node/replication/outbound.h"
#include "node/replication/sessions.h"

namespace kv {

struct ReplicationOptions {
  std::int64_t probe_interval_ms =
      1000;  // on average; each is drawn from half to one and a half times this
  std::int64_t overdue_ms = 5000;  // an acknowledgement or a page
  std::size_t max_in_flight_bytes = 16 * 1024 * 1024;
  std::size_t max_sessions_per_peer = 4;
  PageLimits page;
};

// Totals since the start of the process.
struct AntiEntropyCounters {
  std::uint64_t pages_sent = 0;
  std::uint64_t pages_received = 0;
  std::uint64_t objects_sent = 0;
  std::uint64_t objects_received = 0;
  std::uint64_t full_transfers = 0;
  std::uint64_t bytes_sent = 0;  // encoded; counted by whoever encodes
  std::uint64_t bytes_received = 0;
};

class Replication {
 public:
  Replication(const ReplicationOptions& options, const Ring& ring, NodeIndex self,
              Replicas& replicas, Rng rng);

  void on_peer_up(Step& step, NodeIndex peer);
  void on_peer_down(NodeIndex peer);

  // Pushes a delta of this node's replica to the others that are connected.
  void push(Step& step, Partition partition, const Delta& delta);

  // From `from`, for a partition that both hold a replica of. A status other than OK: this node could not read its disk; the
  // message has changed nothing and is as good as lost.
  absl::Status on_delta(Step& step, NodeIndex from, Replica& replica, const Delta& delta);
  absl::Status on_sync_request(Step& step, NodeIndex from, Replica& replica,
                               const SyncRequest& request);
  absl::Status on_sync_page(Step& step, NodeIndex from, Replica& replica, const SyncPage& page);
  void on_probe(Step& step, NodeIndex from, Replica& replica, const Probe& probe);

  absl::Status on_repair(Step& step, Replica& replica, const Repair& repair) {
    return replica.apply(step.tx, repair, transfers(replica.partition()));
  }

  // The replica here and that of `node` are known to differ: each asks the other at once for what it lacks.
  void exchange(Step& step, NodeIndex node, Partition partition);

  // The replica here has been found damaged: tells the others.
  void announce(Step& step, Partition partition);

  // The replica here holds nothing any more: what was under way to it is off, and everything is asked for.
  void start_over(Partition partition);

  // `peer` has applied these dots.
  void on_acknowledged(Step& step, NodeIndex peer, Replica& replica, const Clock& dots);

  // Everything up to now is on this node's disk: acknowledges what waited for it. `clocks`: by partition, what is durable.
  void on_durable(Step& step, const std::map<Partition, Clock>& clocks);

  // True if a delta taken since the last call wants a sync.
  bool take_wants_sync() { return std::exchange(wants_sync_, false); }

  void tick(Step& step);   // probes, timeouts
  void flush(Step& step);  // the step's acknowledgements and requests; call once at its end
  Instant next_wake() const;

  const AntiEntropyCounters& counters() const { return counters_; }

  // What is held for the peer for which most is: bytes of deltas under way, exchanges under way.
  std::size_t max_window_bytes() const;
  std::size_t max_exchanges() const;

 private:
  struct Peer {
    Outbound outbound;
    Sessions sessions;
    Instant next_probe = kNever;
    std::vector<Partition> shared;
    FlatMap<Partition, Clock> acks;           // to be sent at the end of this step
    std::map<Partition, Clock> durable_acks;  // to be sent once durable
  };

  void send_probes(Step& step, NodeIndex node, Peer& peer);
  void schedule_probe(Peer& peer, Instant now);
  Transfers transfers(Partition partition) const;
  void request_page(Step& step, NodeIndex node, Peer& peer, Partition partition);

  const ReplicationOptions options_;
  Replicas& replicas_;
  Rng rng_;
  FlatMap<NodeIndex, Peer> peers_;  // those that share a partition with this node
  AntiEntropyCounters counters_;
  bool wants_sync_ = false;
};

}  // namespace kv
