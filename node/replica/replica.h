// One replica of one partition: the only code that changes objects, the dot log and the replica clock.
//
// Intuition: every change goes load -> join -> resolve -> batch, and puts the object, the log entry and the clock into the
// same batch, so that a dot in the clock always has its effect beside it (2-protocol, invariants 1 and 2). It commits
// nothing itself; it reads through a view of the batch under construction. What watchers are to hear of is announced in the
// batch (storage/changes.h): each dot that is processed, and each version that goes without one.
//
// A failed read of the engine fails the operation and changes nothing: damage is never taken for absence. The first read that
// finds some makes the replica *damaged* (2-protocol, section 6): from then on whoever runs it asks it for nothing but what
// helps others, until it has been discarded, and *rebuilding* until it has caught up with one of them (damage.cc).
// Not thread-safe: one shard owns it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "node/base/flat_map.h"
#include "node/base/limits.h"
#include "node/base/rng.h"
#include "node/base/time.h"
#include "node/messages/message.h"
#include "node/replica/conflicts.h"
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
  // When it last stated what it holds, being neither damaged nor under reconstruction; none: it said that it is.
  std::optional<Instant> fit_at;
};

// A full transfer under way, as far as it has come: a version with a key up to `last` that `clock` names and that is not
// here is superseded, for the sender knew it and did not hold it. The replica clock will say so only at the transfer's end.
struct Transfer {  // of what its session holds
  std::string_view last;
  const Clock* clock;
};
using Transfers = std::vector<Transfer>;

// For how long a write with a request id is known again, by its own time, and how many are; see limits.h.
struct RequestLimits {
  std::int64_t window_ms = kRequestWindowMs;
  std::uint64_t most = kMaxRequestsPerPartition;
};

// Objects of a range of keys, as far as replicas with equal clocks must agree in them.
struct LastingRange {
  std::vector<Item> items;   // with contexts, if any is left
  std::string last;          // the range's end; empty: that of the partition
  bool more = false;         // a limit cut it short
  std::uint64_t digest = 0;  // of keys, dots, times and values; not of contexts
  std::size_t bytes = 0;     // of keys and values that were read
};

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
  Clock logged() const { return state_.clock.minus(state_.pruned); }  // what the dot log names
  std::uint64_t live_keys() const { return state_.live_keys; }
  std::uint64_t markers() const { return state_.markers; }
  Hlc floor() const { return state_.floor; }  // see storage::ReplicaState
  const FlatMap<NodeIndex, PeerClock>& peers() const { return peers_; }

  // An actor is new on an empty disk, and after a loss. What its replica held before may be known to others only, and so may
  // markers that others have dropped since: until it has caught up with some replica, another is the better coordinator.
  bool is_catching_up() const { return !peers_.empty() && unheard_.size() == peers_.size(); }

  // ---- Writes --------------------------------------------------------------------------------------------------------

  // A new write by a client (2-protocol, section 2): issues the next dot and returns the delta to push.
  // `token`: what the client has seen, or none: what the policy says. `ttl_ms`: how long from now on the value is shown; 0: for
  // ever. `after`: a time that the write must be ordered after, besides those that it sees here. A write that its policy or its
  // condition refuses has changed nothing (is_refusal).
  // What has expired is to the client as if it were not there; the write supersedes it.
  // `request`: recorded with the write, so that whoever processes it knows the request. Precondition: it is not known here.
  absl::StatusOr<Delta> write(Transaction& tx, HlcClock& hlc, WallMs wall, const std::string& key,
                              std::optional<std::string> value, const std::optional<Token>& token,
                              Condition condition = Condition::kAlways, std::int64_t ttl_ms = 0,
                              Hlc after = {}, const std::optional<RequestId>& request = {});

  // A delta from the replica that issued it. No-op when its dot has been processed.
  // `transfers`: those of the partition that are under way.
  absl::Status apply(Transaction& tx, const Delta& delta, const Transfers& transfers = {});

  // A version from a read that found this replica behind. No-op when its dot has been processed. Of an ordered policy: what
  // the version superseded is earlier, and need not be named. What those who held it knew becomes the object's context.
  absl::Status apply(Transaction& tx, const Repair& repair, const Transfers& transfers = {});

  // ---- Requests: writes that their clients may send again (requests.cc) --------------------------------------------------

  // The write that this request has made, or none that is known here. Of several, which two sides of a partition may have
  // made, the one with the least dot: it is the one that counts. One with another digest if there is only such a one.
  absl::StatusOr<std::optional<storage::RequestRecord>> find_request(const storage::View& view,
                                                                     const RequestId& id) const;

  std::uint64_t requests() const { return state_.requests; }

  // Whether a counter here has been corrected since the last call. Others get that by anti-entropy alone: so nobody has it who
  // does not also have the write that counts.
  bool take_corrected() { return std::exchange(corrected_, false); }

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

  // Some of these were cut from the log (cut_log): the peer will need a full transfer.
  bool owes_transfer(NodeIndex peer) const;

  // ---- Upkeep: forgets what nobody needs any more ----------------------------------------------------------------------

  // Each looks at up to `limit` entries at once. After a failed read the rest is left for the next time.

  // Log entries whose dots are settled everywhere, and with them the markers and expired versions that they name: *causally
  // stable* ones, which nothing that is still to come could lose against (2-protocol, section 4).
  absl::Status prune_log(Transaction& tx, WallMs wall, std::size_t limit);

  // Cuts a log of more than `max_entries`, which only replicas that lack something can make so long. It gives up on them one
  // after another, those first that are away (`up`: by NodeIndex), of these the one that lacks most: entries that nobody else
  // lacks go, the oldest of each actor first. That replica will get a full transfer. One that is connected is given up only
  // at twice the bound. An entry whose version is a marker or will expire stays as long as that version is stored, to bring
  // it to mind once it is stable; it answers no request any more, and is not counted.
  absl::Status cut_log(Transaction& tx, const std::vector<bool>& up, std::uint64_t max_entries,
                       std::size_t limit);

  // Stable versions whose time had not come when their log entry was pruned.
  absl::Status drop_due(Transaction& tx, WallMs wall, std::size_t limit);

  // Contexts that the replica clock has come to cover. One that names a write which no replica has any more (a loss of power or
  // damage took it after its effect was handed on) keeps its object *ahead* of the clock for good: others may show what it
  // superseded, and equal clocks would hide that. So once all replicas are level, the object is written again as it is, by a
  // delete of what is not in it.
  absl::Status strip_contexts(Transaction& tx, HlcClock& hlc, WallMs wall, std::size_t limit);

  // Notes of conflicts beyond their bounds.
  absl::Status trim_conflicts(Transaction& tx, std::size_t limit);
  // Requests whose window has passed; not while a replica may lack their write, for it may make them, too, as long as there is
  // room for others.
  absl::Status drop_requests(Transaction& tx, WallMs wall, const RequestLimits& limits,
                             std::size_t limit);

  // ---- Damage --------------------------------------------------------------------------------------------------------------

  bool is_damaged() const { return !damage_.empty(); }
  const std::string& damage() const { return damage_; }  // what was found first
  bool is_fit() const { return !is_damaged() && !state_.rebuilding; }

  // The peer has just stated what it holds.
  void note_fit(NodeIndex peer, bool is_fit, Instant now);

  // True if the peer is known to have everything that can still be read here. Then discarding this replica loses nothing but
  // what the damage has taken.
  bool is_backed_by(const storage::View& view, NodeIndex peer) const;

  // Erases everything of the partition, unread, and takes a new actor.
  void start_anew(storage::WriteBatch& batch, Rng& rng);

  // ---- Scrub: replicas whose clocks are equal compare what they hold (scrub.cc) ---------------------------------------------

  // What is here of the keys in (after, last], without markers and without what expires: one replica may drop those before
  // another. At least one object, else up to `max_bytes`.
  absl::StatusOr<LastingRange> read_lasting(const storage::View& view, const std::string& after,
                                            const std::string& last, std::size_t max_bytes) const;

  // Puts `lasting` in the place of what read_lasting shows of the key. No dot is issued: the clocks were right. Watchers are
  // told.
  absl::Status mend(Transaction& tx, const std::string& key, const std::vector<Version>& lasting);

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
    Clock kept;                      // dots of versions whose log entries outlived a cut
  };
  Traits traits_of(const Object& object) const;
  // Stores the object, stripped; keeps the counts and indexes. `before`: of what is stored.
  void save(storage::WriteBatch& batch, const std::string& key, Object object,
            const Traits& before);
  // Adds the dots to the clock and the log. `perishable`: those of them whose versions are to be dropped some day.
  // `requests`: those of them that were written with a request id.
  void mark_processed(storage::WriteBatch& batch, const std::string& key, const Clock& dots,
                      const Clock& perishable,
                      const std::vector<storage::RequestRecord>& requests = {});
  // Resolves by policy; of an ordered one, notes what is dropped.
  void resolve(Transaction& tx, const std::string& key, std::vector<Version>& versions);
  // What a write supersedes of several values of which readers were shown one.
  void note_unshown(Transaction& tx, const Delta& write, const std::vector<Version>& versions);
  absl::Status apply_items(Transaction& tx, const std::vector<Item>& items,
                           const Transfers& transfers, const Clock& their_clock);
  // What an item's requests mean here.
  struct Requested {
    std::vector<storage::RequestRecord> fresh;  // not known before
    std::vector<storage::RequestRecord>
        superfluous;  // this actor's own, made by an earlier dot, too
  };
  absl::StatusOr<Requested> look_up(const storage::View& view, const Item& item) const;
  absl::StatusOr<std::vector<storage::RequestRecord>> requests_named(const storage::View& view,
                                                                     std::uint64_t name) const;
  absl::Status add_requests(const storage::View& view, std::string_view log_key,
                            std::string_view entry, std::vector<storage::RequestRecord>& out) const;
  void remember(storage::WriteBatch& batch, const storage::RequestRecord& request);
  void take_back(storage::WriteBatch& batch, const std::string& key, Object& object,
                 storage::RequestRecord own, Clock& fresh);
  void join_item(Transaction& tx, const Item& item, const Clock& their_clock, const Clock& known,
                 const Transfers& transfers, Object mine, const Requested& requested);
  // Passes the status on, and remembers that it told of damage.
  absl::Status noted(absl::Status status) const;
  bool is_unreadable(const storage::View& view, Dot dot) const;
  // Those of the run's log entries that can be read.
  void visit_readable(const storage::View& view, Actor actor, Clock::Run run,
                      const storage::Visitor& visit) const;
  void put_record(storage::WriteBatch& batch) const;
  void settle();
  void drop_later(storage::WriteBatch& batch, const std::string& key, WallMs at);
  void drop_perished(Transaction& tx, WallMs wall, const std::string& key, Object object);
  bool is_level() const;
  absl::Status announce_ahead(Transaction& tx, HlcClock& hlc, WallMs wall, const std::string& key,
                              const Object& object);
  // A write that the log still names, and whose version is to be dropped one day.
  struct Perishable {
    Dot dot;
    std::string key;
  };
  absl::StatusOr<std::vector<Perishable>> perishables_in(const storage::View& view, Actor actor,
                                                         Clock::Run run) const;
  absl::Status prune_run(Transaction& tx, WallMs wall, Actor actor, Clock::Run run);
  absl::Status cut_run(Transaction& tx, Actor actor, Clock::Run run);
  // Every replica has the dot on its disk, and nothing that was written before it is known can still arrive.
  bool is_stable(Dot dot) const { return state_.pruned.contains(dot) && !state_.cut.contains(dot); }
  absl::Status apply_absent(Transaction& tx, const SyncPage& page);
  absl::Status answer_from_log(const storage::View& view, const Clock& missing,
                               const PageLimits& limits, SyncPage& page) const;
  absl::Status name_all(const storage::View& view, const Clock& missing, Item& item) const;
  absl::Status answer_full(const storage::View& view, const SyncRequest& request,
                           const PageLimits& limits, SyncPage& page) const;

  // First, in one cache line, what every turn of the core looks at.
  Partition partition_;
  bool changed_ = false;
  bool corrected_ = false;
  mutable std::string damage_;  // found by reads, which change nothing else

  storage::ReplicaState state_;
  Clock durable_;  // part of state_.clock; starts as all of it, since it was read from disk
  FlatMap<NodeIndex, PeerClock>
      peers_;  // every other replica of the partition; empty clocks until heard from
  std::set<NodeIndex> unheard_;      // peers with which a new actor has not caught up yet
  std::string context_cursor_;       // where strip_contexts goes on
  bool has_contexts_ = true;         // false: no object is known to have one; found out by looking
  std::set<std::string> announced_;  // keys of objects that are ahead for good: once is enough
  WallMs next_due_{};                // no stable version is due before; found out by looking
  Conflicts conflicts_;
};

Actor fresh_actor(Rng& rng);

}  // namespace kv
