// A whole cluster in one thread and in virtual time: cores over in-memory engines, joined by links that misbehave on demand.
//
// Everything happens in one queue of events ordered by (time, sequence), and every choice is drawn from generators that one
// seed makes, so a seed names a run: the same seed gives the same trace(), message by message. Network, disks and each
// node have generators of their own, so that a change to one leaves the others' choices alone.
//
// It carries out effects as the contract in node/messages/effects.h demands, and is as unkind as that contract allows: events
// that arrive close together share a flush or not; a sync becomes effective at its start or at its end; a message passes
// through the codec, and is lost when its connection breaks while it is under way. It checks that no core asks to be woken
// in the past, which would be a busy loop.
// Not thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "node/core/core.h"
#include "node/core/identity.h"
#include "node/storage/memory_engine.h"

namespace kv::sim {

// What happens to messages while the two nodes are connected.
struct LinkFaults {
  std::uint32_t lost_permille = 0;
  std::uint32_t repeated_permille = 0;
  bool reordered = false;  // messages overtake each other
  std::int64_t min_delay_us = 50;
  std::int64_t max_delay_us = 500;
  // A message is followed by one of long ago, also across reconnects.
  std::uint32_t replayed_permille = 0;
};

struct ClusterOptions {
  std::vector<std::uint32_t> shards = {1, 1,
                                       1};  // one entry per node: into how many shards it is split
  std::uint32_t partitions = 8;
  std::uint32_t n = 3;
  std::set<std::uint32_t> bucket_n{};  // other numbers of replicas that buckets have
  std::uint64_t seed = 1;
  CoreOptions core;                      // shard and shards are set for each core
  std::int64_t max_turn_delay_us = 100;  // from an event's arrival to its step
  std::int64_t max_sync_us = 5'000;
  std::int64_t heartbeat_interval_ms = 250;
  std::size_t kept_changes = 1000;  // for watchers, by each engine
};

struct WriteOptions {
  Level level = Level::kQuorum;
  Durability durability = Durability::kOs;
  std::int64_t timeout_ms = 1000;
  std::optional<Token> token;
  Condition condition = Condition::kAlways;
  std::int64_t ttl_ms = 0;
  Hlc after{};               // of the client's session
  std::string request_id{};  // empty: none
};

// What becomes of a node's disk when the node dies.
enum class Disk {
  kKept,          // only the process died
  kUnsyncedLost,  // power loss: any suffix of the commits that were not synced is gone
  kWiped,
};

// Sees what happens where no client can. Called at once; must not call back.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_commit(std::size_t /*node*/, const storage::WriteBatch& /*batch*/) {}
  virtual void on_synced(std::size_t /*node*/) {}  // all that the node has committed is on its disk
  // True: it has been dealt with, and is not kept for write_result() and read_reply().
  virtual bool on_reply(const ClientReply& /*reply*/) { return false; }
  virtual void on_event(std::size_t /*node*/, std::size_t /*shard*/, const Event& /*event*/) {
  }  // a core is about to take it
  virtual void on_disk_changed(std::size_t /*node*/) {
  }  // something was lost, or another disk is there
};

// The storage key that a name means: "k" a key in a bucket of policy lww, "siblings:k" one of policy siblings, and so on. What
// begins with "catalog:" is of policy siblings and belongs to the partition that every node has. What begins with "few:" or "many:"
// is of policy lww, in a bucket of the smallest or greatest number of replicas that the cluster offers.
std::string stored(const std::string& name);

// Where a storage key belongs.
struct Place {
  std::string key;
  Partition partition;
};

inline NodeIndex index_of(std::size_t node) { return NodeIndex{static_cast<std::uint16_t>(node)}; }

// An independent generator for each name.
Rng stream(std::uint64_t seed, std::string_view name);

class Cluster {
 public:
  // `observer` may be null; it outlives the cluster.
  explicit Cluster(ClusterOptions options, Observer* observer = nullptr);
  Cluster(const Cluster&) = delete;  // events hold on to it
  Cluster& operator=(const Cluster&) = delete;

  // ---- Clients -------------------------------------------------------------------------------------------------------
  // Nodes are named by their index. Each of these starts a request and returns its id; a request to a node that dies is
  // never answered.

  std::uint64_t write(std::size_t node, const Place& place, std::optional<std::string> value,
                      WriteOptions options = {});
  std::uint64_t write(std::size_t node, const std::string& key, std::optional<std::string> value,
                      WriteOptions options = {}) {
    return write(node, place(key), std::move(value), std::move(options));
  }
  std::uint64_t read(std::size_t node, const Place& place, Level level, std::int64_t timeout_ms,
                     std::optional<Clock> session = {});
  std::uint64_t read(std::size_t node, const std::string& key, Level level = Level::kQuorum,
                     std::int64_t timeout_ms = 1000, std::optional<Clock> session = {}) {
    return read(node, place(key), level, timeout_ms, std::move(session));
  }
  std::uint64_t scan(std::size_t node, Partition partition, Level level, std::uint32_t max_items,
                     std::int64_t timeout_ms);

  const WriteResult* write_result(std::uint64_t id) const;  // null until answered
  const ClientReadReply* read_reply(std::uint64_t id) const;

  // Starts it and lets time pass until the answer comes.
  WriteResult write_now(std::size_t node, const std::string& key, std::optional<std::string> value,
                        WriteOptions options = {});
  ClientReadReply read_now(std::size_t node, const std::string& key, Level level = Level::kQuorum,
                           std::optional<Clock> session = {});

  // ---- Time ----------------------------------------------------------------------------------------------------------

  Instant now() const { return now_; }
  void run_for(std::int64_t ms);
  bool run_until(const std::function<bool()>& condition,
                 std::int64_t within_ms);  // false: it did not come true

  // ---- Faults --------------------------------------------------------------------------------------------------------

  void cut(std::size_t a, std::size_t b) { set_cut(a, b, true); }
  void heal(std::size_t a, std::size_t b) { set_cut(a, b, false); }
  void isolate(std::size_t node);
  void heal_all();                            // links only
  void set_faults(const LinkFaults& faults);  // of all links
  void set_link_faults(std::size_t from, std::size_t to, const LinkFaults& faults);
  // One way only, and neither end notices: what is sent is lost, or waits until unclog() lets it go in random order.
  void block(std::size_t from, std::size_t to, bool blocked);
  void clog(std::size_t from, std::size_t to);
  void unclog(std::size_t from, std::size_t to);

  void crash(std::size_t node, Disk disk);
  // `keep_actors`: right only if nothing was lost.
  void restart(std::size_t node, bool keep_actors);
  // As the node's process does it: the directory is claimed, and that decides about the actors. False: it refused to start.
  enum class Until { kUp, kClaimed, kRecovered };  // how far the start gets before the process dies
  bool start(std::size_t node, Until until = Until::kUp);
  void stop(std::size_t node);                    // an orderly stop: synced, and recorded as clean
  void pause(std::size_t node, std::int64_t ms);  // takes no turn for so long; its connections stay

  void backup(std::size_t node);  // remembers the disk as it is
  // The node is down, and has been backed up: the disk goes back to that. `unseen`: as a snapshot
  // of a whole machine does it, which leaves no trace for the node to find.
  void restore(std::size_t node, bool unseen = false);
  void swap_disks(std::size_t a, std::size_t b);  // both are down

  void lend_copy(std::size_t node, std::size_t of);  // `node` is down; its own disk is put aside
  void take_copy_back(std::size_t node);
  void set_sync_time(std::size_t node, std::int64_t max_us) { nodes_[node].max_sync_us = max_us; }

  void set_wall_offset(std::size_t node, std::int64_t ms) { nodes_[node].wall_offset_ms = ms; }
  void set_wall(std::size_t node, WallMs wall);  // and no drift
  void set_wall_drift(std::size_t node, std::int64_t ppm);

  // ---- What is there -------------------------------------------------------------------------------------------------

  const Ring& ring() const { return ring_; }
  std::size_t size() const { return nodes_.size(); }
  bool is_up(std::size_t node) const { return nodes_[node].up; }
  storage::MemoryEngine& engine(std::size_t node) { return *nodes_[node].engine; }
  CoreStatus status(std::size_t node) const;  // the sum of its shards
  Held held(std::size_t node) const;          // of each kind, by the shard that holds most
  ReadCounters reads(std::size_t node) const;
  bool has_owner(std::size_t node) const;     // its disk says whose it is
  Place place(const std::string& key) const;  // of what the name means
  Partition partition_of(const std::string& key) const { return place(key).partition; }
  Partition home_of(const std::string& storage_key) const;
  // The replica there is neither damaged nor being rebuilt. The node is up and has one.
  bool is_fit(std::size_t node, Partition partition) const;
  bool is_catching_up(std::size_t node, Partition partition) const;  // as core.h says; likewise
  bool is_replica(std::size_t node, Partition partition) const;

  // As committed.
  storage::ReplicaState replica(std::size_t node, Partition partition) const;
  std::map<std::string, std::vector<Version>> objects(std::size_t node,
                                                      Partition partition) const;  // by storage key
  std::map<std::string, Object> whole_objects(std::size_t node, Partition partition) const;
  // Objects with a context that should have been stripped. What no replica's clock names is no such: a token may name a
  // write that was lost with its disk, and that context stays.
  std::size_t contexts(std::size_t node) const;
  bool has_log(std::size_t node) const;  // some entry is stored, or some that was cut still matters
  std::size_t expired(std::size_t node) const;      // versions that have and are still there
  std::size_t forgettable(std::size_t node) const;  // requests that should have been forgotten
  std::optional<std::string> value(std::size_t node, const std::string& key) const;
  std::vector<NotedConflict> conflicts(std::size_t node) const;  // as noted, partition by partition
  std::size_t overdue_conflicts(std::size_t node) const;         // notes beyond their bounds

  // In what the replicas of a partition differ; empty: in nothing.
  std::string difference() const;
  bool clocks_are_equal() const;  // of the replicas of every partition
  // All is done and known to be done: no difference, no request under way, every log empty, no debt, no marker and no
  // context left, and the notes of conflicts within their bounds.
  bool is_quiet() const;

  std::uint64_t trace() const { return trace_; }  // digest of everything that has happened
  const std::vector<std::string>& warnings() const { return warnings_; }
  std::uint64_t messages_sent() const { return messages_sent_; }
  std::uint64_t incarnation(std::size_t node) const { return nodes_[node].incarnation; }
  WallMs wall(std::size_t node) const { return now_at(node).wall; }
  Now now_at(std::size_t node) const;
  bool is_skewed(std::size_t node) const;  // by its own judgement

 private:
  struct PeerClock {
    std::uint64_t connection = 0;  // on which it was asked
    PeerWall wall;
  };
  struct Shard {
    std::unique_ptr<Core> core;
    std::vector<Event> inbox;
    bool turn_is_due = false;
    Instant wake_at = kNever;
  };
  struct Node {
    std::unique_ptr<storage::MemoryEngine> engine;
    std::vector<Shard> shards;
    bool up = false;
    std::uint64_t incarnation = 0;
    std::uint64_t boot = 1;       // run of the machine: a loss of power starts another
    std::uint64_t directory = 1;  // a restored one is another
    Instant paused_until;
    std::int64_t wall_offset_ms = 0;
    std::int64_t drift_ppm = 0;
    Instant drift_since;
    std::unique_ptr<storage::MemoryEngine> backup;
    std::unique_ptr<storage::MemoryEngine> put_aside;
    std::int64_t max_sync_us = 0;
    Rng rng{0};
  };
  struct Link {  // between two nodes, both ways
    bool is_cut = false;
    bool connected = false;
    std::uint64_t connection =
        0;            // its number; a message arrives only on the connection on which it was sent
    Instant told[2];  // when the ends were told last; a connection's news arrive in order
  };
  struct Direction {  // from one node to another
    LinkFaults faults;
    bool is_blocked = false;
    bool is_clogged = false;
    Instant arrived;                // when the last message arrives
    std::vector<std::string> held;  // while clogged
    std::deque<std::string> old;    // the latest messages, for replay; kept while faults ask for it
  };
  // What happens most is plain data; everything else is a function.
  struct Turn {
    std::size_t node;
    std::size_t shard;
    std::uint64_t incarnation;
  };
  struct WakeUp : Turn {};
  struct Arrival {
    std::size_t from;
    std::size_t to;
    std::uint64_t connection;
    std::string bytes;
  };
  using What = std::variant<Turn, WakeUp, Arrival, std::function<void()>>;
  struct Happening {
    Instant at;
    std::uint64_t sequence;
    What* what;  // the heap moves these often
  };

  What& schedule(Instant when);  // what it is to be is the caller's to say
  template <typename It>
  void at(Instant when, It it) {
    schedule(when) = std::move(it);
  }
  void step();
  void happen(const Turn& turn);
  void happen(const WakeUp& wake_up);
  void happen(const Arrival& arrival);
  static void happen(const std::function<void()>& what) { what(); }
  template <typename Kind>
  void deliver(std::size_t node, std::size_t shard, Kind event) {
    if (!nodes_[node].up) return;
    nodes_[node].shards[shard].inbox.emplace_back(std::move(event));
    turn_soon(node, shard);
  }
  void turn_soon(std::size_t node, std::size_t shard);
  void take_turn(std::size_t node, std::size_t shard);
  void carry_out(std::size_t node, std::size_t shard, Effects& effects);
  bool commit(std::size_t node, const storage::WriteBatch& batch);
  bool commit_whole(std::size_t node, const storage::WriteBatch& batch);
  void start_sync(std::size_t node, std::size_t shard);
  void wake_later(std::size_t node, std::size_t shard, Instant when);
  void transmit(std::size_t from, std::size_t to, const Message& message);
  void arrive_later(std::size_t from, std::size_t to, std::string bytes);
  void arrive_at(Instant when, std::size_t from, std::size_t to, std::string bytes);
  void maybe_replay(std::size_t from, std::size_t to, const std::string& bytes);
  Identity identity(std::size_t node) const;
  void make_cores(std::size_t node, bool keep_actors);
  void answer(ClientReply reply);
  Link& link(std::size_t a, std::size_t b) {
    return links_[std::min(a, b) * nodes_.size() + std::max(a, b)];
  }
  Direction& direction(std::size_t from, std::size_t to) {
    return directions_[from * nodes_.size() + to];
  }
  void set_cut(std::size_t a, std::size_t b, bool is_cut);
  void update_link(std::size_t a, std::size_t b);
  void beat(std::size_t node);
  void ask_wall(std::size_t node, std::size_t peer);
  void heard_wall(std::size_t node, std::size_t peer, Instant sent, WallMs wall);
  template <typename Then>
  void carry_heartbeat(std::size_t from, std::size_t to, std::uint64_t connection, Then then);
  void tell(std::size_t node, std::size_t peer, bool up);
  void note(std::string_view what);

  ClusterOptions options_;
  Ring ring_;
  Observer* const observer_;
  Rng network_;
  Rng disks_;
  Rng heartbeats_;
  Instant now_;
  std::uint64_t sequence_ = 0;
  std::vector<Happening> events_;  // a heap: the next to happen in front
  std::deque<What> whats_;         // which stay where they are while others come
  std::vector<What*> free_;        // places in whats_
  std::vector<Node> nodes_;
  std::vector<Link> links_;  // by min * nodes + max
  std::vector<Direction> directions_;
  std::vector<PeerClock> peer_clocks_;  // as `from` knows them of `to`, like directions_
  std::uint64_t next_request_ = 1;
  std::vector<bool> answered_;                    // by id
  std::map<std::uint64_t, ClientReply> replies_;  // that are kept
  std::uint64_t trace_ = 0;
  std::uint64_t messages_sent_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace kv::sim
