// Reads in flight: ask R replicas, join what they hold, answer (2-protocol, section 7).
//
// A get reads one key, a scan a stretch of one partition's keys; both are the same join over the same messages. The answer
// is the newest by causality and then by policy, never the most common. A replica that does not answer in time is
// joined by a spare one: at the latest after a fixed time, and sooner (a hedge, reads/latency.h) when it has been waited for longer
// than 95 % of its recent answers took. Of several replicas the fastest are asked first; this node if it is one. When none is left all that are waited for are asked again, ever less often until the deadline, for
// what was lost may have been the question or the answer.
//
// A get with a session (reads/session.h) needs more: the replicas that answer must, together, have processed what the session has
// seen. As long as they have not, all others are asked, then all again, until the deadline; the answer is then "stale"
// (UNAVAILABLE). When all replicas have answered and none can ever, that is told at once (FAILED_PRECONDITION).
// Every request gets exactly one reply. Not thread-safe: one shard owns it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "node/coordinator/join_answers.h"
#include "node/coordinator/reads/latency.h"
#include "node/coordinator/reads/read_repair.h"
#include "node/coordinator/tally.h"
#include "node/replica/neighbours.h"
#include "node/replica/step.h"

namespace kv {

// Totals since the start of the process.
struct ReadCounters {
  std::uint64_t asked = 0;            // gets for which other nodes were asked
  std::uint64_t hedges = 0;           // spare requests sent sooner than after the fixed time
  std::uint64_t spares = 0;           // and after it
  std::uint64_t repairs = 0;          // versions sent to replicas that were behind
  std::uint64_t repairs_skipped = 0;  // for want of budget
};

class Reads {
 public:
  static constexpr std::int64_t kRepairBytesPerS = 4 * 1024 * 1024;

  // `spare_after_ms`: how long to wait for a replica at most before asking one more; at least 1.
  Reads(const Neighbours& neighbours, const Replicas& replicas, std::size_t max_pending,
        std::int64_t spare_after_ms, std::uint64_t first_request,
        std::int64_t repair_bytes_per_s = kRepairBytesPerS);

  void start(Step& step, ClientGet get);
  void start(Step& step, ClientScan scan);

  // A coordinator elsewhere asks this node's replica.
  void on_read_request(Step& step, NodeIndex from, Partition partition,
                       const ReadRequest& request) const;
  void on_scan_request(Step& step, NodeIndex from, Partition partition,
                       const ScanChunkRequest& request) const;

  void on_read_reply(Step& step, NodeIndex from, Partition partition, ReadReply reply);
  void on_scan_reply(Step& step, NodeIndex from, Partition partition, ScanChunkReply reply);

  void on_peer_down(Step& step, NodeIndex peer);
  void expire(Step& step);  // asks spares, answers what is past its deadline
  Instant next_deadline() const;
  std::size_t pending() const { return pending_.size(); }

  ReadRepair& repairs() { return repairs_; }
  ReadCounters counters() const;

 private:
  struct Answer {
    NodeIndex node;
    std::vector<Item> items;
    bool more = false;
    Clock clock;
    Hlc floor{};
  };
  struct Asked {
    NodeIndex node;
    Instant at;
  };
  struct Pending {
    std::uint64_t client = 0;
    Partition partition;
    bool is_scan = false;
    std::string key;  // a scan: where it starts
    std::string end;
    std::uint32_t max_items = 0;
    std::uint32_t max_bytes = 0;
    Level level;
    Instant deadline;
    Instant
        wake_at;  // when to ask a spare, or those again that have not answered; the deadline at the latest
    std::int64_t patience_ms = 0;  // from one of these to the next
    Tally tally;
    std::vector<NodeIndex> candidates;  // replicas not yet asked, best first
    std::vector<Asked> waiting;         // asked, not yet answered
    std::vector<Answer> answers;        // one for each node
    std::optional<Clock> session;
    Instant spare_at = kNever;  // set while a hedge is planned: when to ask one more without it
  };
  using Iterator = std::map<std::uint64_t, Pending>::iterator;

  // The partition's replicas that can be asked. That of this node only while it is fit: others do not answer otherwise.
  std::vector<NodeIndex> askable(Partition partition) const;
  Tally tally_of(Level level, Partition partition) const;
  void begin(Step& step, Pending pending);
  void ask_next(Step& step, std::uint64_t request, Pending& pending);
  static void ask(Step& step, std::uint64_t request, const Pending& pending, NodeIndex node);
  void ask_here(Step& step, Pending& pending);
  void ask_again(Step& step, std::uint64_t request, Pending& pending);
  void take_answer(Step& step, std::uint64_t request, Partition partition, bool is_scan,
                   Answer answer);
  static std::vector<ReplicaObject> objects_of(const Pending& pending);
  static std::vector<NodeIndex> nodes_of(const Pending& pending);
  static bool is_served(const Pending& pending);
  void go_on(Step& step, Iterator it);
  void give_up(Step& step, Iterator it);
  std::int64_t hedge_after_us(const Pending& pending, Instant now) const;
  bool may_ask_spare(Step& step, std::uint64_t request, Pending& pending);
  void wait_on(Step& step, std::uint64_t request, Pending& pending);
  void set_wake(std::uint64_t request, Pending& pending, Instant at);
  void finish(Step& step, Iterator it);
  void fail(Step& step, Iterator it, absl::StatusCode code, std::string why);

  const Neighbours& neighbours_;
  const Replicas& replicas_;
  const std::size_t max_pending_;
  const std::int64_t spare_after_ms_;
  std::uint64_t next_request_;
  Latencies latencies_;
  HedgeBudget hedges_;
  ReadRepair repairs_;
  ReadCounters counters_;
  std::map<std::uint64_t, Pending> pending_;
  std::set<std::pair<Instant, std::uint64_t>> wakes_;
};

}  // namespace kv
