// The core of one shard: every replica, request and exchange of the partitions that the shard owns, with no I/O.
//
// Whoever runs it (the node, a simulator, a test) feeds events one at a time with step(), ends a group of them with flush(),
// and carries out the effects in their order (node/messages/effects.h). The core reads no clock, starts no thread, and
// draws randomness only from the generator that it was given, so the same events give the same effects.
//
// A partition p belongs to the shard p % shards. Messages and requests are routed by their partition, so shards share
// nothing. Not thread-safe; the engine outlives the core, and only this core changes its partitions' keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "node/coordinator/reads.h"
#include "node/coordinator/writes.h"
#include "node/replication/replication.h"
#include "node/replication/scrub.h"

namespace kv {

struct CoreOptions {
  std::uint32_t shard = 0;
  std::uint32_t shards = 1;
  std::int64_t max_clock_skew_ms = 500;
  std::int64_t sync_interval_ms =
      100;  // what was committed is synced after this time at the latest
  std::int64_t maintenance_interval_ms = 250;  // what nobody needs is looked for so often
  std::int64_t spare_read_after_ms = 50;
  std::int64_t repair_bytes_per_s = Reads::kRepairBytesPerS;  // sent by reads to replicas behind
  std::size_t max_pending = 10'000;         // requests under way, reads and writes each
  std::uint64_t max_log_entries = 250'000;  // of a partition's dot log (Replica::cut_log)
  RequestLimits requests;
  std::size_t max_remembered =
      Writes::kRememberedForwards;  // forwarded requests, against repetition
  ReplicationOptions replication;
  ScrubOptions scrub;
};

// Events. Requests have been checked; messages have been decoded, and come from a configured node.
struct FromPeer {
  NodeIndex from;
  Message message;
};
struct PeerUp {
  NodeIndex peer;  // connected: messages reach it until PeerDown
};
struct PeerDown {
  NodeIndex peer;
};
struct WallHeard {
  NodeIndex peer;
  WallBounds wall;  // its wall clock, as a heartbeat has just told
};
struct Synced {};  // the sync that the last effects with `sync` asked for has succeeded
struct Tick {};    // time has passed
using Event = std::variant<ClientWrite, ClientGet, ClientScan, FromPeer, PeerUp, PeerDown,
                           WallHeard, Synced, Tick>;

struct PeerStatus {
  bool up = false;
  std::uint64_t debt_dots = 0;   // writes here that the peer is not known to have
  std::int64_t debt_age_ms = 0;  // for how long that has not been zero, to one maintenance interval
  std::uint64_t transfers_owed = 0;  // partitions whose log was cut of what the peer lacks
};

struct CoreStatus {
  std::uint64_t partitions = 0;
  std::uint64_t live_keys = 0;
  std::uint64_t markers = 0;  // of deletes, not yet known to be on every replica's disk
  std::uint64_t log_entries = 0;
  std::uint64_t max_log_entries = 0;  // the bound, for all partitions together
  std::uint64_t pending = 0;
  bool skewed = false;  // the wall clock is too far off to order writes
  std::int64_t clock_skew_ms = 0;
  std::vector<PeerStatus> peers;  // by NodeIndex
  std::uint64_t unfit = 0;      // replicas that are damaged, or being rebuilt: they serve no reads
  std::uint64_t discarded = 0;  // since the start of the process
  AntiEntropyCounters anti_entropy;
  ReadCounters reads;
  ScrubCounters scrub;
};

// How much is held now of what has a limit among the options, for whoever watches that it keeps within.
struct Held {
  std::size_t writes = 0;        // max_pending
  std::size_t reads = 0;         // max_pending
  std::size_t remembered = 0;    // max_remembered
  std::size_t window_bytes = 0;  // of one peer: replication.max_in_flight_bytes, or a single delta
  std::size_t exchanges = 0;     // with one peer: replication.max_sessions_per_peer
};

// A replica here, by digests of its clock: equal digests mean that the same writes have been processed.
struct ReplicaClocks {
  Partition partition;
  std::uint64_t applied = 0;
  std::uint64_t durable = 0;
};

// A write that a replica here has processed.
struct HeldDot {
  Partition partition;
  bool durable = false;
};

class Core {
 public:
  // `keep_actors`: nothing that this node has ever issued can have been lost (2-protocol, section 6); otherwise every
  // replica takes a new actor. `ring` and `engine` outlive the core.
  Core(const CoreOptions& options, const Ring& ring, NodeIndex self, storage::Engine& engine,
       Rng rng);

  // Syncs the engine and reads the replicas' records; call once, before the first step. New actors are on disk when it
  // returns. DATA_LOSS when a record is damaged.
  absl::Status recover(bool keep_actors);

  // Takes an event. Effects accumulate until the next flush().
  void step(Event&& event, Now now);

  // Ends a group of steps: the effects of all of them, to be carried out before the next step.
  Effects flush(Now now);

  CoreStatus status(Now now) const;

  // What the replicas here hold, as it has been committed.
  std::vector<ReplicaClocks> clocks() const;
  std::optional<HeldDot> find(Dot dot) const;
  // Precondition: a replica of the partition is here.
  absl::StatusOr<Object> object(Partition partition, const std::string& key) const;

  absl::StatusOr<std::vector<NotedConflict>> conflicts()
      const;  // by partition, then the latest first

  // The replica of the partition that is here is neither damaged nor being rebuilt. Precondition: there is one.
  bool is_fit(Partition partition) const { return replicas_.at(partition).is_fit(); }
  // Its actor is new, and it has caught up with none of the others since: writes go to them first. Same precondition.
  bool is_catching_up(Partition partition) const {
    return replicas_.at(partition).is_catching_up();
  }

  std::size_t pending() const { return writes_.pending() + reads_.pending(); }
  bool idle() const { return pending() == 0; }
  Held held() const;
  ReadCounters reads() const { return reads_.counters(); }
  bool is_skewed(Now now) const { return neighbours_.clocks.is_off(now); }

 private:
  Step step_at(Now now);
  void handle(Step& step, ClientWrite& write) { writes_.start(step, std::move(write)); }
  void handle(Step& step, ClientGet& get) { reads_.start(step, std::move(get)); }
  void handle(Step& step, ClientScan& scan) { reads_.start(step, std::move(scan)); }
  void handle(Step& step, FromPeer& event);
  void handle(Step& step, PeerUp& event);
  void handle(Step& step, PeerDown& event);
  void handle(Step& step, WallHeard& event);
  void handle(Step& step, Synced&);
  void handle(Step&, Tick&) {}
  bool handle_for_coordinator(Step& step, NodeIndex from, Message& message);
  absl::Status handle_for_replica(Step& step, NodeIndex from, Replica& replica, Message& message);
  void guard_actor(Step& step, Replica& replica, const Clock& claims);
  void push_writes(Step& step);
  void repair_read(Step& step);
  void exchange_wanted(Step& step);
  void on_repair(Step& step, Partition partition, const Repair& repair);
  void confirm_known(Step& step, NodeIndex peer, const Replica& replica);
  void confirm_here(Step& step, const std::map<Partition, Clock>& clocks);
  void decide_sync(Step& step);
  bool maintain(Step& step);  // false: it is not time yet
  void tell_damage(Step& step);
  void tell_clock(Step& step);
  void discard_damaged(Step& step);
  bool may_discard(Step& step, const Replica& replica) const;
  void keep_up(Step& step, Replica& replica);

  const CoreOptions options_;
  const Ring& ring_;
  storage::Engine& engine_;
  Rng rng_;
  HlcClock hlc_;
  Neighbours neighbours_;
  Replicas replicas_;
  Writes writes_;
  Reads reads_;
  Scrub scrub_;
  std::optional<Replication> replication_;  // made by recover()

  Effects effects_;
  std::set<Partition> unsynced_;        // changed since the last sync began
  std::map<Partition, Clock> syncing_;  // what the sync under way makes durable
  bool sync_under_way_ = false;
  bool sync_wanted_ = false;    // somebody waits for the disk
  Instant next_sync_ = kNever;  // when unsynced_ is not empty
  Instant next_maintenance_ = kNever;
  bool told_off_ = false;                       // the log's latest word on the wall clock
  std::map<NodeIndex, Instant> in_debt_since_;  // peers that lack something
  std::map<Partition, Instant> damaged_since_;  // replicas that wait to be discarded
  std::uint64_t discarded_ = 0;
};

}  // namespace kv
