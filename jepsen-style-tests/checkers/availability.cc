#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>

#include "jepsen-style-tests/checkers/checkers.h"

namespace kv::check {
namespace {

using history::Condition;
using history::Operation;
using history::Outcome;

// Since when each node is sound or not, and since when it and each other reach each other or not, as time goes on.
class Able {
 public:
  Able(const history::Setup& setup, const Rules& rules) : setup_(setup), rules_(rules) {}

  // From the time of the condition on.
  void become(const Condition& condition) {
    for (const std::string& node : setup_.nodes) {
      // Of a node and itself: whether it is sound.
      for (const std::string& other : setup_.nodes) become(condition, node, other);
      for (const std::string& place : setup_.places) become(condition, place, node);
    }
  }

  // Whether the node must be able to serve this, having had the time to notice what others it has. Any of the others may be
  // replicas of the key.
  bool at(const Operation& op) const {
    const std::int64_t at_us = op.start_us;
    if (!reaches_for_long(op.node, op.node, at_us)) return false;
    if (!setup_.places.empty() &&
        !reaches_for_long(setup_.places[op.client % setup_.places.size()], op.node, at_us))
      return false;
    if (setup_.nodes.size() > setup_.replicas && !may_forward(op.node, at_us)) return false;
    std::uint32_t missing = 0;
    for (const std::string& other : setup_.nodes)
      missing += reaches_for_long(op.node, other, at_us) ? 0 : 1;
    return needed_at(op.level, setup_.replicas) + missing <= setup_.replicas;
  }

 private:
  enum class Reach : std::uint8_t { kNo, kPerhaps, kYes };
  struct State {
    Reach reach = Reach::kNo;
    std::int64_t since_us = 0;
  };

  void become(const Condition& condition, const std::string& one, const std::string& other) {
    const Reach reach = reach_of(condition, one, other);
    const bool is_broken =
        condition.broken.contains({one, other}) || condition.broken.contains({other, one});
    const auto [it, is_new] = states_.try_emplace({one, other}, State{reach, condition.at_us});
    if (!is_new && (it->second.reach != reach || is_broken)) it->second = {reach, condition.at_us};
  }

  Reach reach_of(const Condition& condition, const std::string& one,
                 const std::string& other) const {
    if (condition.out.contains(one) || condition.out.contains(other) ||
        condition.cuts.contains({one, other}) || condition.cuts.contains({other, one}))
      return Reach::kNo;
    const auto late_ms = [&condition](const std::string& from, const std::string& to) {
      const auto it = condition.late_ms.find({from, to});
      return it == condition.late_ms.end() ? 0 : it->second;
    };
    return late_ms(one, other) + late_ms(other, one) <= rules_.round_trip_ms ? Reach::kYes
                                                                             : Reach::kPerhaps;
  }

  // A node that holds no replica of the key has another do it: perhaps one that has just gone or is too slow and is not known to
  // be so, one that has just come back and does not reach it yet, or one that reaches fewer others than itself.
  bool may_forward(const std::string& node, std::int64_t at_us) const {
    for (const std::string& to : setup_.nodes) {
      if (!is_known(node, to, at_us)) return false;
      if (!reaches_for_long(node, to, at_us)) continue;
      for (const std::string& other : setup_.nodes)
        if (reaches_for_long(node, other, at_us) && !reaches_for_long(to, other, at_us))
          return false;
    }
    return true;
  }

  // Whether the node has had the time to notice if it reaches the other.
  bool is_known(const std::string& node, const std::string& other, std::int64_t at_us) const {
    const auto state = states_.find({node, other});
    return state != states_.end() && state->second.since_us + rules_.grace_us <= at_us &&
           state->second.reach != Reach::kPerhaps;
  }
  bool reaches_for_long(const std::string& node, const std::string& other,
                        std::int64_t at_us) const {
    return is_known(node, other, at_us) && states_.at({node, other}).reach == Reach::kYes;
  }

  const history::Setup& setup_;
  const Rules& rules_;
  std::map<std::pair<std::string, std::string>, State> states_;
};

// The node refused it for what it asked, not for the state that the cluster is in.
bool is_refused_for_itself(const Operation& op) {
  return absl::StartsWith(op.error, "FAILED_PRECONDITION") ||
         absl::StartsWith(op.error, "ALREADY_EXISTS") || absl::StartsWith(op.error, "ABORTED") ||
         // What the session has seen may be on nodes only that are away.
         (op.session > 0 && absl::StrContains(op.error, "stale"));
}

// The next change after `at_us` that could matter to somebody.
bool changes_within(const std::vector<Condition>& conditions, std::size_t next,
                    std::int64_t end_us) {
  return next < conditions.size() && conditions[next].at_us <= end_us;
}

}  // namespace

void check_availability(const history::History& history, const Rules& rules, Verdict& verdict) {
  std::vector<const Operation*> failed;
  for (const Operation& op : history.operations)
    if (op.outcome != Outcome::kOk && !is_refused_for_itself(op)) failed.push_back(&op);
  std::sort(failed.begin(), failed.end(),
            [](const Operation* a, const Operation* b) { return a->start_us < b->start_us; });
  Able able(history.setup, rules);
  std::size_t next = 0;
  for (const Operation* op : failed) {
    while (changes_within(history.conditions, next, op->start_us))
      able.become(history.conditions[next++]);
    if (!able.at(*op)) continue;
    // It must stay so until the answer.
    Able until = able;
    for (std::size_t i = next; changes_within(history.conditions, i, op->end_us); ++i)
      until.become(history.conditions[i]);
    const bool stalled =
        std::any_of(history.stalls.begin(), history.stalls.end(), [&](const history::Stall& stall) {
          return stall.start_us <= op->end_us && op->start_us <= stall.end_us + rules.grace_us;
        });
    if (until.at(*op) && !stalled)
      verdict.add(Demand::kAvailable,
                  absl::StrCat("failed, although its node has been sound and connected to it and "
                               "to enough others for ",
                               rules.grace_us / 1'000'000, " s"),
                  {op});
  }
}

}  // namespace kv::check
