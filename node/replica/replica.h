// One replica of one partition: the only code that changes objects, the dot log and the replica clock.
//
// Intuition: every change goes load -> join -> resolve -> batch, and puts the object, the log entry and the clock into the
// same batch, so that a dot in the clock always has its effect beside it (2-protocol, invariants 1 and 2). It commits
// nothing itself; it reads through a view of the batch under construction.
//
// A failed read of the engine fails the operation and changes nothing: damage is never taken for absence.
// Not thread-safe: one shard owns it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "node/base/rng.h"
#include "node/messages/message.h"
#include "node/replica/step.h"
#include "node/resolution/policy.h"
#include "node/storage/record_codec.h"

namespace kv {

// What another replica of the partition is known to have.
struct PeerClock {
  Clock applied;
  Clock durable;  // survives the loss of that machine's power

  // What it stated last about all that it holds, until everything in it has been applied here.
  struct Statement {
    Clock applied;
    Clock durable;
  };
  std::optional<Statement> stated;
  // On its disk, and all that it knew then has been applied here: nothing that it wrote before it knew these dots can
  // still arrive.
  Clock settled;
};

// A full transfer under way, as far as it has come: a version with a key up to `last` that `clock` names and that is not
// here is superseded, for the sender knew it and did not hold it. The replica clock will say so only at the transfer's end.
struct Transfer {  // of what its session holds
  std::string_view last;
  const Clock* clock;
};
using Transfers = std::vector<Transfer>;

struct PageLimits {
  std::size_t bytes = 256 * 1024;  // one object may exceed it
  std::size_t dots = 4096;         // log entries looked at
};

class Replica {
 public:
  // `others`: the partition's other replicas. `state`: as recovered, or fresh with a new actor.
  Replica(Partition partition, storage::ReplicaState state, const std::vector<NodeIndex>& others);

  Partition partition() const { return partition_; }
  Actor actor() const { return state_.actor; }
  const Clock& clock() const { return state_.clock; }
  const Clock& durable() const { return durable_; }
  const Clock& pruned() const { return state_.pruned; }
  std::uint64_t live_keys() const { return state_.live_keys; }
  std::uint64_t markers() const { return state_.markers; }
  Hlc floor() const { return state_.floor; }  // see storage::ReplicaState
  const std::map<NodeIndex, PeerClock>& peers() const { return peers_; }

  // An actor is new on an empty disk, and after a loss. What its replica held before may be known to others only, and so may
  // markers that others have dropped since: until it has caught up with some replica, another is the better coordinator.
  bool is_catching_up() const { return !peers_.empty() && unheard_.size() == peers_.size(); }

  // ---- Writes --------------------------------------------------------------------------------------------------------

  // A new write by a client (2-protocol, section 2): issues the next dot and returns the delta to push.
  // `token`: what the client has seen, or none: what the policy says. `ttl_ms`: how long from now on the value is shown; 0: for
  // ever. `after`: a time that the write must be ordered after, besides those that it sees here. A write that its policy or its
  // condition refuses has changed nothing (is_refusal).
  // What has expired is to the client as if it were not there; the write supersedes it.
  absl::StatusOr<Delta> write(Transaction& tx, HlcClock& hlc, WallMs wall, const std::string& key,
                              std::optional<std::string> value, const std::optional<Token>& token,
                              Condition condition = Condition::kAlways, std::int64_t ttl_ms = 0,
                              Hlc after = {});

  // A delta from the replica that issued it. No-op when its dot has been processed.
  // `transfers`: those of the partition that are under way.
  absl::Status apply(Transaction& tx, const Delta& delta, const Transfers& transfers = {});

  // A version from a read that found this replica behind. No-op when its dot has been processed. Of an ordered policy: what
  // the version superseded is earlier, and need not be named.
  absl::Status apply(Transaction& tx, const Repair& repair, const Transfers& transfers = {});

  // ---- Reads ---------------------------------------------------------------------------------------------------------

  // The object as stored, or an empty one. Read together with clock() it is filled.
  absl::StatusOr<Object> read(const storage::View& view, std::string_view key) const;

  // Objects with keys in [from, end), ascending, up to the limits but at least one; `more` when a limit cut it short.
  // `items` is empty before.
  absl::Status read_range(const storage::View& view, std::string_view from, std::string_view end,
                          std::size_t max_items, std::size_t max_bytes, std::vector<Item>& items,
                          bool& more) const;

  // ---- Anti-entropy (2-protocol, section 5) ----------------------------------------------------------------------------

  // One page of what the requester lacks.
  absl::StatusOr<SyncPage> answer(const storage::View& view, const SyncRequest& request,
                                  const PageLimits& limits) const;

  // Joins a page of another replica. The keys of a full page that are here but not in it are joined with nothing.
  absl::Status apply_page(Transaction& tx, const SyncPage& page, const Transfers& transfers = {});

  // After the last page of a full transfer: every dot of `theirs`, which the sender's clock held at every page, has been
  // reflected here. The log cannot name those that no page named.
  void finish_full_transfer(const Clock& theirs);

  // What a peer says that it holds, all of it: replaces what was known, for it may have lost its disk since.
  void note_peer(NodeIndex peer, const Clock& applied, const Clock& durable);

  // What a peer says that it has of these dots.
  void note_acknowledged(NodeIndex peer, const Clock& dots, bool durable);

  // Dots that are here and that the peer is not known to have.
  Clock debt(NodeIndex peer) const;

  // ---- Upkeep: forgets what nobody needs any more ----------------------------------------------------------------------

  // Each looks at up to `limit` entries at once. After a failed read the rest is left for the next time.

  // Log entries whose dots are settled everywhere, and with them the markers and expired versions that they name: *causally
  // stable* ones, which nothing that is still to come could lose against (2-protocol, section 4).
  absl::Status prune_log(Transaction& tx, WallMs wall, std::size_t limit);

  // Stable versions whose time had not come when their log entry was pruned.
  absl::Status drop_due(Transaction& tx, WallMs wall, std::size_t limit);

  // Contexts that the replica clock has come to cover.
  absl::Status strip_contexts(Transaction& tx, std::size_t limit);

  // ---- Durability ------------------------------------------------------------------------------------------------------

  // Everything in `clock` is on this node's disk.
  void note_durable(const Clock& clock) { durable_.join(clock); }

  // Writes the replica record into the batch if it changed since the last call, and says so. Every step ends with it.
  bool flush(storage::WriteBatch& batch) {
    const bool changed = std::exchange(changed_, false);
    if (changed) put_record(batch);
    return changed;
  }

  // Takes a new actor, the first or another: nothing that an old one may have issued can be issued again.
  void renew_actor(Rng& rng);

  // True if `clock`, which a peer holds, names writes of this replica's actor that this replica does not know: its disk
  // has gone back in time, and its actor must be renewed before the next write, or one dot would name two writes.
  bool is_behind_itself(const Clock& clock) const;

 private:
  // What the counts and indexes say of an object.
  struct Traits {
    bool value = false;
    bool marker = false;
    bool context = false;
    std::vector<WallMs> drop_times;  // of stable versions: they are in the index
  };
  Traits traits_of(const Object& object) const;
  // Stores the object, stripped; keeps the counts and indexes. `before`: of what is stored.
  void save(storage::WriteBatch& batch, const std::string& key, Object object,
            const Traits& before);
  // Adds the dots to the clock and the log. `perishable`: those of them whose versions are to be dropped some day.
  void mark_processed(storage::WriteBatch& batch, const std::string& key, const Clock& dots,
                      const Clock& perishable);
  absl::Status apply_items(Transaction& tx, const std::vector<Item>& items,
                           const Transfers& transfers, const Clock& their_clock);
  void join_item(Transaction& tx, const Item& item, const Clock& their_clock, const Clock& known,
                 const Transfers& transfers, Object mine);
  void put_record(storage::WriteBatch& batch) const;
  void settle();
  void drop_later(storage::WriteBatch& batch, const std::string& key, WallMs at);
  absl::Status drop_perished(Transaction& tx, WallMs wall, const std::string& key);
  absl::Status prune_run(Transaction& tx, WallMs wall, Actor actor, Clock::Run run);
  absl::Status apply_absent(Transaction& tx, const SyncPage& page);
  absl::Status answer_from_log(const storage::View& view, const Clock& missing,
                               const PageLimits& limits, SyncPage& page) const;
  absl::Status answer_full(const storage::View& view, const SyncRequest& request,
                           const PageLimits& limits, SyncPage& page) const;

  const Partition partition_;
  storage::ReplicaState state_;
  Clock durable_;  // part of state_.clock; starts as all of it, since it was read from disk
  std::map<NodeIndex, PeerClock>
      peers_;  // every other replica of the partition; empty clocks until heard from
  std::set<NodeIndex> unheard_;  // peers with which a new actor has not caught up yet
  std::string context_cursor_;   // where strip_contexts goes on
  bool changed_ = false;
};

Actor fresh_actor(Rng& rng);

}  // namespace kv
