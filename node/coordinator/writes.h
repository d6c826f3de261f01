// Writes in flight: from a client's request to the answer that says what became of it (2-protocol, sections 2 and 8).
//
// A node that holds a replica of the key issues the dot and counts confirmations; one that does not forwards to one that
// does. Every request gets exactly one reply, at its deadline at the latest. Nothing is refused after its dot was issued:
// from then on the answer is "ok" or "outcome unknown".
// A node whose wall clock is off (node/membership/skew_guard.h) issues no dot in a bucket of an ordered policy: it forwards such
// a write to another replica, and what one refuses as UNAVAILABLE is taken to the next, as long as there is one.
//
// A write with a request id (requests.cc) whose request is known here is answered for the dot that it has made. Else the other
// replicas that can be reached are asked, once, for a part of the time that is left: one that knows it gets the write; if none
// does, it is made here. So a retry finds its first attempt at any node that can reach one which has processed it.
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
  static constexpr std::size_t kRememberedForwards = 16 * 1024;

  // `first_request`: where the numbering of requests to peers starts; random, so that a restarted node does not take an
  // old answer for a new one. `max_remembered`: how many of the latest forwarded requests are told from repeated ones.
  Writes(const Neighbours& neighbours, Replicas& replicas, HlcClock& hlc, std::size_t max_pending,
         std::uint64_t first_request, std::size_t max_remembered = kRememberedForwards,
         RequestLimits requests = {});

  void start(Step& step, ClientWrite write);
  void on_forward_request(Step& step, NodeIndex from, Partition partition,
                          const ForwardRequest& request);
  void on_forward_reply(Step& step, NodeIndex from, const ForwardReply& reply);

  void on_request_query(Step& step, NodeIndex from, Partition partition, const RequestQuery& query);
  void on_request_answer(Step& step, NodeIndex from, const RequestAnswer& answer);

  // `node` has these dots of the partition: in memory or page cache, or (durable) on its disk. May repeat.
  void on_confirmed(Step& step, NodeIndex node, Partition partition, const Clock& dots,
                    bool durable);

  void on_peer_down(Step& step, NodeIndex peer);
  void expire(Step& step);  // answers what is past its deadline
  Instant next_deadline() const;
  std::size_t pending() const { return pending_.size() + forwards_.size() + inquiries_.size(); }
  std::size_t remembered() const { return seen_.size(); }  // forwarded requests

  // Deltas of the writes made since the last call, to be pushed to the partition's other replicas.
  std::vector<std::pair<Partition, Delta>> take_pushes() { return std::exchange(pushes_, {}); }
  bool has_pushes() const { return !pushes_.empty(); }

  // Replicas that a repeated request waits for: what they have is to be found out at once.
  std::vector<std::pair<Partition, NodeIndex>> take_exchanges() {
    return std::exchange(exchanges_, {});
  }
  bool has_exchanges() const { return !exchanges_.empty(); }

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
    Asker asker;
    ClientWrite write;
    NodeIndex target;
    std::vector<NodeIndex> others;  // who may be asked when the target refuses, the best first
    Dot dot;                        // counter 0 until the target has told
    Hlc hlc;
  };

  // Several may wait for one dot: the attempts of one request.
  using PendingKey = std::pair<Dot, std::uint64_t>;

  // A write whose request is not known here: which replicas have not said yet whether they know it.
  struct Inquiry {
    Asker asker;
    ClientWrite write;
    std::vector<NodeIndex> silent;
    Instant until;
  };

  std::vector<NodeIndex> coordinators_of(Now now, Partition partition,
                                         const std::string& key) const;
  // False: it has been refused.
  bool has_room(Step& step, const Asker& asker, Partition partition);
  bool reaches_enough(Step& step, const Asker& asker, Partition partition, Level level);
  void write_here(Step& step, Asker asker, ClientWrite write);
  void wait_for(Step& step, Asker asker, const ClientWrite& write, Dot dot, Hlc hlc, Tally tally);
  void start_at(Step& step, Asker asker, std::vector<NodeIndex> coordinators, ClientWrite write);
  void forward(Step& step, Asker asker, NodeIndex target, std::vector<NodeIndex> others,
               ClientWrite write, bool asked = false);

  // Requests (requests.cc).
  bool answer_known(Step& step, const Asker& asker, const ClientWrite& write);
  void resume(Step& step, const Asker& asker, const ClientWrite& write,
              const storage::RequestRecord& made);
  void inquire(Step& step, Asker asker, ClientWrite write);
  Inquiry take_inquiry(std::map<std::uint64_t, Inquiry>::iterator it);
  void note_unknown(Step& step, std::map<std::uint64_t, Inquiry>::iterator it, NodeIndex at);
  void write_unknown(Step& step, Inquiry inquiry);

  bool is_skewed_for(Now now, const std::string& key) const;
  bool is_damaged_here(Partition partition) const;
  void refuse_damaged(Step& step, const Asker& asker, Partition partition);
  void refuse_skewed(Step& step, const Asker& asker, Partition partition, const std::string& key);
  bool is_repeated(const Forwarded& forwarded);
  void answer(Step& step, const Asker& asker, Partition partition, const WriteResult& result,
              bool final) {
    answer(step, asker, partition, result, final, neighbours_.self);
  }
  void answer(Step& step, const Asker& asker, Partition partition, const WriteResult& result,
              bool final, NodeIndex coordinator);
  void refuse(Step& step, const Asker& asker, Partition partition, absl::StatusCode code,
              std::string why);
  void finish_forward(Step& step, std::map<std::uint64_t, Forward>::iterator it, std::string why);

  const Neighbours& neighbours_;
  Replicas& replicas_;
  HlcClock& hlc_;
  const std::size_t max_pending_;
  const RequestLimits request_limits_;
  std::uint64_t next_request_;
  std::uint64_t next_pending_ = 0;
  const std::size_t max_remembered_;

  std::map<PendingKey, Pending> pending_;
  std::set<std::pair<Instant, PendingKey>> deadlines_;
  std::map<std::uint64_t, Inquiry> inquiries_;
  std::set<std::pair<Instant, std::uint64_t>> inquiry_deadlines_;
  std::map<std::uint64_t, Forward> forwards_;
  std::set<std::pair<Instant, std::uint64_t>> forward_deadlines_;

  // The latest forwarded requests, so that a repeated message does not write twice.
  std::set<std::pair<NodeIndex, std::uint64_t>> seen_;
  std::deque<std::pair<NodeIndex, std::uint64_t>> seen_order_;

  std::vector<std::pair<Partition, Delta>> pushes_;
  std::vector<std::pair<Partition, NodeIndex>> exchanges_;
  bool wants_sync_ = false;
};

}  // namespace kv
