// Writes in flight: from a client's request to the answer that says what became of it (2-protocol, sections 2 and 8).
//
// A node that holds a replica of the key issues the dot and counts confirmations; one that does not forwards to one that
// does. Every request gets exactly one reply, at its deadline at the latest. Nothing is refused after its dot was issued:
// from then on the answer is "ok" or "outcome unknown".
// A node whose wall clock is off (node/membership/skew_guard.h) issues no dot in a bucket of an ordered policy: it forwards such
// a write to another replica, and what one refuses as UNAVAILABLE is taken to the next, as long as there is one.
// Not thread-safe: one shard owns it.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "node/base/hlc.h"
#include "node/base/rng.h"
#include "node/coordinator/tally.h"
#include "node/replica/neighbours.h"
#include "node/replica/step.h"

namespace kv {

class Writes {
 public:
  // `first_request`: where the numbering of requests to peers starts; random, so that a restarted node does not take an
  // old answer for a new one.
  Writes(const Neighbours& neighbours, Replicas& replicas, HlcClock& hlc, std::size_t max_pending,
         std::uint64_t first_request);

  void start(Step& step, ClientWrite write);
  void on_forward_request(Step& step, NodeIndex from, Partition partition,
                          const ForwardRequest& request);
  void on_forward_reply(Step& step, NodeIndex from, const ForwardReply& reply);

  // `node` has these dots of the partition: in memory or page cache, or (durable) on its disk. May repeat.
  void on_confirmed(Step& step, NodeIndex node, Partition partition, const Clock& dots,
                    bool durable);

  void on_peer_down(Step& step, NodeIndex peer);
  void expire(Step& step);  // answers what is past its deadline
  Instant next_deadline() const;
  std::size_t pending() const { return pending_.size() + forwards_.size(); }

  // Deltas of the writes made since the last call, to be pushed to the partition's other replicas.
  std::vector<std::pair<Partition, Delta>> take_pushes() { return std::exchange(pushes_, {}); }

  // Writes made since the last call that wait for this node's own disk.
  bool take_wants_sync() { return std::exchange(wants_sync_, false); }

 private:
  struct Forwarded {
    NodeIndex from;
    std::uint64_t request = 0;
  };
  using Asker =
      std::variant<std::uint64_t, Forwarded>;  // a client's request id, or the node that forwarded

  struct Pending {
    Asker asker;
    Partition partition;
    Level level;
    Durability durability;
    Hlc hlc;
    Tally tally;
    Instant deadline;
  };
  struct Forward {
    ClientWrite write;
    NodeIndex target;
    std::vector<NodeIndex> others;  // who may be asked when the target refuses, the best first
    Dot dot;                        // counter 0 until the target has told
    Hlc hlc;
  };

  std::vector<NodeIndex> coordinators_of(Now now, Partition partition,
                                         const std::string& key) const;
  bool can_start(Step& step, const Asker& asker, Partition partition,
                 Level level);  // false: it has been refused
  void write_here(Step& step, Asker asker, ClientWrite write);
  void start_at(Step& step, std::vector<NodeIndex> coordinators, ClientWrite write);
  void forward(Step& step, NodeIndex target, std::vector<NodeIndex> others, ClientWrite write);
  bool is_skewed_for(Now now, const std::string& key) const;
  void refuse_skewed(Step& step, const Asker& asker, Partition partition, const std::string& key);
  bool is_repeated(const Forwarded& forwarded);
  void answer(Step& step, const Asker& asker, Partition partition, const WriteResult& result,
              bool final);
  void refuse(Step& step, const Asker& asker, Partition partition, absl::StatusCode code,
              std::string why);
  void finish_forward(Step& step, std::map<std::uint64_t, Forward>::iterator it, std::string why);

  const Neighbours& neighbours_;
  Replicas& replicas_;
  HlcClock& hlc_;
  const std::size_t max_pending_;
  std::uint64_t next_request_;

  std::map<Dot, Pending> pending_;
  std::set<std::pair<Instant, Dot>> deadlines_;
  std::map<std::uint64_t, Forward> forwards_;
  std::set<std::pair<Instant, std::uint64_t>> forward_deadlines_;

  // The latest forwarded requests, so that a repeated message does not write twice.
  std::set<std::pair<NodeIndex, std::uint64_t>> seen_;
  std::deque<std::pair<NodeIndex, std::uint64_t>> seen_order_;

  std::vector<std::pair<Partition, Delta>> pushes_;
  bool wants_sync_ = false;
};

}  // namespace kv
