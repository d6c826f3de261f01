// Carries out a plan and judges what happened.
//
// Phases: chaos, as planned; then a random majority is mended and must serve while the rest stays broken; then all is
// mended, must become equal, and must come to rest.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jepsen-style-tests/simulation/judges/client_history.h"
#include "jepsen-style-tests/simulation/judges/client_session.h"
#include "jepsen-style-tests/simulation/plan.h"
#include "jepsen-style-tests/simulation/truth.h"
#include "jepsen-style-tests/simulation/violations.h"
#include "jepsen-style-tests/simulation/watch/watchers.h"

namespace kv::sim {

struct Outcome {
  Violations violations;
  std::uint64_t trace = 0;  // of everything that happened; the same plan gives the same
  std::int64_t simulated_us = 0;
  std::int64_t equal_after_ms = 0;  // from when all was mended until all replicas were equal
  std::uint64_t acknowledged = 0;
  std::array<std::uint64_t, kKinds> done{};  // operations and faults carried out, by kind
  std::vector<std::string> transcript;       // when asked for
};

class Run final : private Observer {
 public:
  Run(const Plan& plan, bool with_transcript);

  Outcome play();

 private:
  // Replicas of a partition that are not to be read: node, its incarnation, and what is wrong. One that is damaged takes a new
  // actor to be rebuilt, and one that has been rebuilt under an actor is fit until it is damaged: so who is in this twice has
  // been unfit meanwhile.
  struct UnfitReplica {
    std::size_t node = 0;
    std::uint64_t incarnation = 0;
    Actor actor;
    bool rebuilding = false;
    auto operator<=>(const UnfitReplica&) const = default;
  };
  using Unfit = std::set<UnfitReplica>;

  struct Operation {
    Action action;
    std::string key;  // storage key
    Partition partition;
    std::string value;
    std::optional<Token> token;
    std::vector<Dot> seen;  // by the read that the token is of
    bool must_be_refused = false;
    std::size_t acknowledged_before = 0;
    Instant deadline;
    std::uint64_t incarnation = 0;
    std::int64_t wall_ms = 0;  // of the node that was asked
    Unfit unfit;               // when it was asked
    ClientSession::Before before;
  };
  struct Key {
    std::string name;
    Place place;
  };
  struct LastRead {
    std::string key;
    Token token;
    std::vector<Dot> dots;  // of what it showed
  };
  struct Request {  // with an id, and perhaps sent several times
    std::string value;
    std::optional<Token> token;
    std::uint64_t attempts = 0;
    std::uint64_t refused = 0;
    bool acknowledged = false;
  };

  void chaos();
  void majority();
  void check_sessions();
  void note_sent(std::uint64_t id, const std::string& name, const Operation& operation);
  void judge_history();
  void check_majority(std::uint32_t members, bool silent);
  void on_discarded(std::size_t node) {  // a damaged replica: to clients, a lost disk
    watchers_.start_anew(node);
    if (history_.has_value()) history_->disk_lost(node, cluster_.now());
  }
  void check_logs(std::uint32_t members);
  void check_scrub();
  std::vector<std::string> spoil(std::size_t node, Partition partition);
  bool can_order(std::uint32_t members, const Place& place) const;
  void check_bounds();
  void check_bound(std::size_t node, std::string_view what, std::uint64_t held,
                   std::uint64_t limit);
  void check_page(std::size_t node, const SyncPage& page);
  void mend_and_rest();
  void mend_clocks();

  // Operations.
  std::string announce(const std::string& key, std::uint64_t number, const Clock* token);
  void start(const Action& action);
  std::uint64_t write(const Action& action, const Place& place, Operation& operation);
  std::int64_t ttl_for(const Action& action, const std::string& key) const;
  const LastRead* read_for(const Action& action, const std::string& key) const;
  void on_write(const Operation& operation, const ClientWriteReply& reply);
  Unfit unfit(Partition partition) const;
  void check_silent(const Operation& operation, const ClientReadReply& reply);
  void on_read(const Operation& operation, const ClientReadReply& reply);

  // Faults: false if the action does not apply to the cluster as it is.
  bool apply(const Action& action);
  bool apply_to_network(const Action& action);
  bool apply_to_process(const Action& action);
  bool apply_to_disk(const Action& action);
  bool apply_to_clock(const Action& action);
  void crash(std::size_t node, Disk disk);
  void crash_all(Disk disk);
  void start_node(std::size_t node);
  void start_all();
  void swizzle(std::uint32_t members, std::int64_t ms);
  void start_on_copy(std::size_t node, std::size_t of);
  void start_swapped(std::size_t a, std::size_t b);
  bool rot(std::size_t node, std::size_t number);
  void disks_well();
  bool roll_back(std::size_t node);
  bool is_known_elsewhere(std::size_t node) const;

  void on_commit(std::size_t node, const storage::WriteBatch& batch) override {
    truth_.on_commit(node, batch);
    if (!batch.ranges().empty()) on_discarded(node);
    watchers_.on_commit(node, batch);
  }
  void on_synced(std::size_t node) override { truth_.on_synced(node); }
  void on_event(std::size_t node, std::size_t shard, const Event& event) override {
    truth_.on_event(node, shard, event);
    if (const auto* heard = std::get_if<FromPeer>(&event))
      if (const auto* page = std::get_if<SyncPage>(&heard->message.body)) check_page(node, *page);
  }
  void on_disk_changed(std::size_t node) override {
    truth_.on_disk_changed(node);
    if (history_.has_value()) history_->disk_lost(node, cluster_.now());
  }
  bool on_reply(const ClientReply& reply) override;

  std::int64_t now_ms() const { return cluster_.now().us / 1000; }
  std::int64_t pause_left_ms() const {
    return std::max<std::int64_t>(0, elapsed_us(cluster_.now(), paused_until_) / 1000);
  }
  // `line()` is made only if there is a transcript.
  template <typename Line>
  void say(const Line& line) {
    if (with_transcript_) [[unlikely]]
      outcome_.transcript.push_back(absl::StrCat(now_ms(), " ms  ", line()));
  }
  [[gnu::cold]] void violate(Check check, std::string text);

  const Plan& plan_;
  const bool with_transcript_;
  Outcome outcome_;
  Truth truth_;
  Cluster cluster_;
  Watchers watchers_;
  Rng rng_;  // of the phases after chaos
  std::vector<Key> keys_;
  std::optional<ClientHistory> history_;  // if the plan wants it
  std::map<std::uint64_t, Operation> pending_;
  std::map<std::uint64_t, Request> requests_;         // by Action::request
  std::map<std::uint32_t, ClientSession> sessions_;   // by client, if the plan has them
  std::map<std::uint32_t, LastRead> last_read_;       // by client
  std::map<std::string, LastRead> last_read_of_key_;  // of causal policies, whoever read it
  std::vector<bool> backed_up_;
  std::uint64_t transfers_before_;
  std::uint64_t cuts_before_;
  std::uint64_t found_before_;  // by scrub
  Instant paused_until_;
};

}  // namespace kv::sim
