// One watcher of each node, who follows everything that changes there, through all that happens to the node; and what it must
// have been told.
//
// It reads a page now and then, or many, or leaves in the midst of one; it comes back with a token that it was given, also
// after its node did. When it is told that the token is too old it does as the advice says: it begins anew, then reads the
// state. Its model of the node, made of that state and of events, must at the end be what the node holds.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "jepsen-style-tests/simulation/violations.h"
#include "node/core/testing/cluster.h"
#include "node/feed/feed.h"

namespace kv::sim {

class Watchers {
 public:
  // `kept`: commits that each engine keeps; 0: there are no watchers.
  Watchers(Violations& violations, Cluster& cluster, std::uint64_t seed, std::size_t kept);

  void on_commit(std::size_t node, const storage::WriteBatch& batch);

  // The node's disk went back and nothing on it tells: nobody can tell its watchers, either.
  void start_anew(std::size_t node);
  void expires(const std::string& storage_key) { expiring_.insert(storage_key); }

  void look_now_and_then();  // at a node of its choice
  void check_at_end();       // everything is well and at rest

 private:
  using Told = std::pair<std::string, Clock>;  // of an object key
  struct Watcher {
    std::unique_ptr<Feed> feed;  // of one life of the node
    std::uint64_t incarnation = 0;
    std::optional<Watch> watch;
    std::optional<std::string> token;
    FeedPosition next;            // what the token says
    std::vector<Actor> actors;    // of the node, when it began
    std::deque<Told> expected{};  // what was committed since, and has not been told
    std::map<std::string, std::vector<Dot>> shown{};  // by storage key
  };

  void look(std::size_t node, bool leave_midway);
  bool open(std::size_t node);
  void begin_anew(std::size_t node);
  bool read_page(std::size_t node, bool leave_midway);
  void take(std::size_t node, const FeedEvent& event);
  void note_too_old(std::size_t node, const std::string& why);
  std::vector<Actor> actors_of(std::size_t node) const;
  std::map<std::string, std::vector<Dot>> state_of(std::size_t node) const;
  [[gnu::cold]] void violate(Check check, std::size_t node, const std::string& text);

  Violations& violations_;
  Cluster& cluster_;
  Rng rng_;
  const std::size_t kept_;
  FeedLimits limits_;
  std::vector<Watcher> watchers_;
  std::set<std::string> expiring_;
};

}  // namespace kv::sim
