// What is really so: every commit of every node, seen from inside, and checked as it happens.
//
// Replicas: the clocks as committed and as synced, and a digest of the objects of each. Writes: every version that any disk
// ever held, and whom of its holders an acknowledgement named. Client-side promises are judged against this.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "jepsen-style-tests/simulation/conflicts/conflict_model.h"
#include "jepsen-style-tests/simulation/judges/skew.h"
#include "jepsen-style-tests/simulation/judges/survivors.h"
#include "jepsen-style-tests/simulation/judges/tables.h"
#include "jepsen-style-tests/simulation/violations.h"
#include "node/core/testing/cluster.h"

namespace kv::sim {

// The partition that a key of the families objects and log belongs to.
inline Partition partition_at_start(std::string_view key) {
  return Partition{static_cast<std::uint16_t>(static_cast<unsigned char>(key[0]) << 8 |
                                              static_cast<unsigned char>(key[1]))};
}

class Truth {
 public:
  Truth(Violations& violations, const CoreOptions& options);
  ~Truth();
  Truth(const Truth&) = delete;  // the core tells it of writes
  Truth& operator=(const Truth&) = delete;

  void attach(const Cluster& cluster);  // before anything happens but the first starts

  // ---- Told by whoever sends requests --------------------------------------------------------------------------------

  // A value that is about to be put once only, and what its write was told to supersede (null: no token).
  void sent(const std::string& value, const Clock* token = nullptr);
  // A number that is about to be put to a key whose values are numbers.
  void sent_number(const std::string& storage_key, std::int64_t number);
  // What was put or added before is sent once more, under the same request id.
  void sent_again(const std::string& storage_key, const std::string& value);
  void not_applied(const std::string& value);
  // Or it will expire.
  void deleted(const std::string& storage_key) { deleted_.insert(storage_key); }
  // Every replica of the key holds a value, and nobody has ever deleted it, nor was anything lost.
  bool exists_for_sure(const std::string& storage_key);
  // An acknowledged write: checks that enough replicas really have it.
  void acknowledged(const std::string& storage_key, Partition partition, const WriteResult& result,
                    Level level, Durability durability);
  void acknowledged_number(const std::string& storage_key, std::int64_t number);
  // `wall`: of the node that was asked, not later than the answer.
  void read(const ReadItem& item, WallMs wall);
  // A write is about to be sent that must be after this time.
  void carried(Hlc hlc) { greatest_carried_ = std::max(greatest_carried_, hlc); }

  // How many writes of the key have been acknowledged so far.
  std::size_t acknowledged_count(const std::string& storage_key) const;
  // Of the first `count` of them, those that a read at `level` must have taken notice of: the greatest, and one that is not in
  // `noticed`, if there is.
  struct MustSee {
    std::optional<std::pair<Hlc, Dot>> greatest;
    std::optional<Dot> missed;
  };
  MustSee must_see(const std::string& storage_key, std::size_t count, Level level,
                   const Clock& noticed) const;

  // Some write of the key at that time or later was a delete, or may have expired: nothing is what a read may return.
  bool gone_at_or_after(const std::string& storage_key, Hlc hlc) const;
  Hlc greatest() const;  // time of any write

  void note_walls();  // before and after every change of a wall clock
  void check_skew();  // that no node takes its clock for off without a reason

  // ---- At the end ----------------------------------------------------------------------------------------------------

  void check_winners();
  void check_numbers();
  void check_key_counts();
  void check_conflicts();
  bool lost_something() const { return lost_something_; }
  bool lost_a_disk() const { return lost_a_disk_; }

  // ---- Told by whoever observes the cluster --------------------------------------------------------------------------

  void on_commit(std::size_t node, const storage::WriteBatch& batch);
  void on_synced(std::size_t node);
  void on_event(std::size_t node, std::size_t shard, const Event& event) {
    if (skew_.has_value()) skew_->on_event(node, shard, event);
    note_delta(node, event);
  }
  void on_disk_changed(std::size_t node);
  void disk_replaced() { lost_a_disk_ = true; }  // wiped, or gone back
  // What the key of the family objects or log names is damaged on the node's disk.
  void rots(std::size_t node, storage::Family family, const std::string& key);
  // Some other replica of the partition is damaged; of any partition that the node has.
  bool is_rotten_beside(std::size_t node, Partition partition) const;
  bool is_rotten_beside(std::size_t node) const;
  bool is_rotten_on(std::size_t node) const;  // some replica there
  bool is_rotten(Partition partition) const;  // some replica of it

 private:
  struct Mirror {  // one replica
    Clock clock;
    Clock synced;
    Clock ever;  // had at any time
    Clock ever_synced;
    Actor actor;
    std::uint64_t digest = 0;               // of `objects`
    ByKey<std::uint64_t> objects;           // digests of their versions
    std::map<std::string, Clock> contexts;  // objects with a context of their own
  };
  struct Written {
    std::string key;
    Hlc hlc;
    std::optional<std::string> value;
    WallMs expires;
    std::size_t order;  // how many were seen before it
  };
  struct Fate {  // of a value
    std::vector<Dot> dots;
    bool again = false;  // several attempts of one request may have made it
    bool refused = false;
    std::optional<Clock> token;
  };
  struct Numbers {              // of a key; all are positive
    std::int64_t sent_sum = 0;  // each request once
    std::int64_t attempted_sum = 0;
    std::int64_t sent_max = 0;
    std::int64_t acknowledged_sum = 0;
    std::int64_t acknowledged_max = 0;
  };
  struct Acknowledged {
    Dot dot;
    Hlc hlc;
    Level level;
    Durability durability;
    std::uint32_t holders = 0;  // one bit for each node whose disk has kept it since
    bool degraded = false;      // one of them has lost it
    Hlc latest;                 // of this one and those before it
  };

  std::int64_t now_ms() const { return cluster_ == nullptr ? 0 : cluster_->now().us / 1000; }
  Mirror& mirror(std::size_t node, Partition partition) { return mirrors_[{partition, node}]; }
  void take_clock(std::size_t node, Partition partition, std::string_view bytes);
  void take_object(std::size_t node, std::string_view key, const std::optional<std::string>& bytes);
  void issued(const Delta& delta);
  void take_version(const std::string& key, const Version& version);
  void note_delta(std::size_t node, const Event& event);
  void take_conflict(std::size_t node, std::string_view key,
                     const std::optional<std::string>& bytes);
  void check_taken_back(std::size_t node);
  static void put_object(Mirror& replica, const std::string& key, const Object& object);
  const Object& stored_object(const std::string& name, std::string_view bytes);
  void check_greatest(std::size_t node, const std::string& key, const Clock& clock,
                      const Object& object);
  std::int64_t greatest_wall_ms() const;
  // Whether some node may have taken the version for expired.
  bool may_be_expired(WallMs expires) const {
    return expires.ms > 0 && expires.ms <= greatest_wall_ms();
  }
  bool may_be_gone(Dot dot) const;  // a delete, or expired
  Partition partition_of(const std::string& storage_key) const {
    return cluster_->home_of(storage_key);
  }
  void check_not_above_sent(const ReadItem& item);  // also while replicas differ
  void check_time(const std::string& key, const Version& version);
  void discarded(std::size_t node, Partition partition);
  void drop_holders(std::size_t node);
  void check_request(const Delta& delta);
  // Whether a request may have been forgotten by now: the window is short, or some clock has gone far.
  bool may_forget_requests() const;
  bool may_have_transferred() const;
  void compare(std::size_t node, Partition partition);
  [[gnu::cold]] void violate(Check check, std::string text) {
    violations_.add(check, now_ms(), std::move(text));
  }

  Violations& violations_;
  const std::int64_t max_skew_ms_;
  const std::int64_t window_ms_;  // of requests
  const Cluster* cluster_ = nullptr;
  std::map<std::pair<Partition, std::size_t>, Mirror> mirrors_;
  std::map<std::size_t, std::set<Partition>>
      unsynced_;   // by node: replicas with commits since its last sync
  struct Rotten {  // of one replica
    std::set<std::string> keys;
    Clock log;
  };
  std::map<std::pair<Partition, std::size_t>, Rotten> rotten_;
  ByDot<Written> writes_;
  // What some replica stored last, as bytes and what they say. Its versions have been taken.
  ByKey<std::pair<std::string, Object>> latest_;
  ByKey<std::set<std::pair<Hlc, Dot>>> writes_by_time_;
  ByKey<Hlc> greatest_;  // of what was issued
  // When what was issued for a key is gone; 0: a delete, at once. Also of what no commit holds, since the same one superseded it:
  // a read may have come between.
  ByKey<std::multimap<Hlc, WallMs>> going_;
  std::map<Actor, std::size_t> issuers_;
  ByDot<Hlc> seen_before_;  // that of its key when it was issued
  std::map<Partition, Hlc> greatest_marker_;
  Hlc greatest_carried_;  // by sessions
  Survivors survivors_;
  ConflictModel conflicts_;
  std::optional<SkewModel> skew_;                 // once attached
  std::unordered_map<std::string, Fate> values_;  // looked up, never walked
  std::map<std::string, Numbers> numbers_;
  std::set<std::string> deleted_;  // keys that somebody asked to delete
  struct AcknowledgedOfKey {
    std::vector<Acknowledged> writes;  // in the order of their answers
    Clock dots;
  };
  ByKey<AcknowledgedOfKey> acknowledged_;
  std::map<std::size_t, std::int64_t> greatest_wall_ms_;  // by node, ever
  std::int64_t greatest_offset_ms_ = INT64_MIN;           // of a wall clock from virtual time, ever
  std::int64_t least_offset_ms_ = INT64_MAX;
  std::map<std::uint64_t, std::vector<Dot>> dots_of_request_;  // by RequestId::name
  std::map<Dot, std::uint64_t> request_of_;
  bool renewed_an_actor_ = false;
  std::uint64_t cuts_before_ = 0;           // of logs, before this run
  std::int64_t least_wall_ms_ = INT64_MAX;  // of any node, ever
  bool lost_something_ = false;             // of what was committed somewhere
  bool lost_a_disk_ = false;
  std::map<Partition, Clock> forgotten_;  // dots that at some time no replica knew any more
};

}  // namespace kv::sim
