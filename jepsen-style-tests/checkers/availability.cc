#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>

#include "jepsen-style-tests/checkers/checkers.h"

namespace kv::check {
namespace {

using history::Condition;
using history::Level;
using history::Operation;
using history::Outcome;

// Since when each node is sound or not, and since when it and each other reach each other or not, as time goes on.
class Able {
 public:
  Able(const history::Setup& setup, std::int64_t grace_us) : setup_(setup), grace_us_(grace_us) {}

  // From the time of the condition on.
  void become(const Condition& condition) {
    for (const std::string& node : setup_.nodes)
      for (const std::string& other : setup_.nodes) {
        // Of a node and itself: whether it is sound.
        const bool reach = !condition.out.contains(node) && !condition.out.contains(other) &&
                           !condition.cuts.contains({node, other}) &&
                           !condition.cuts.contains({other, node});
        const auto [it, is_new] = states_.try_emplace({node, other}, State{reach, condition.at_us});
        if (!is_new && it->second.reach != reach) it->second = {reach, condition.at_us};
      }
  }

  // Whether the node must be able to serve this, having had the time to notice what others it has. Any of the others may be
  // replicas of the key.
  bool at(const std::string& node, Level level, std::int64_t at_us) const {
    if (!reaches_for_long(node, node, at_us)) return false;
    if (setup_.nodes.size() > setup_.replicas && !may_forward(node, at_us)) return false;
    std::uint32_t missing = 0;
    for (const std::string& other : setup_.nodes)
      missing += reaches_for_long(node, other, at_us) ? 0 : 1;
    return needed_at(level, setup_.replicas) + missing <= setup_.replicas;
  }

 private:
  struct State {
    bool reach = false;
    std::int64_t since_us = 0;
  };

  // A node that holds no replica of the key has another do it: perhaps one that has just gone and is not known to be gone, one
  // that has just come back and does not reach it yet, or one that reaches fewer others than itself.
  bool may_forward(const std::string& node, std::int64_t at_us) const {
    for (const std::string& to : setup_.nodes) {
      if (has_just_changed(node, to, at_us)) return false;
      if (!reaches_for_long(node, to, at_us)) continue;
      for (const std::string& other : setup_.nodes)
        if (reaches_for_long(node, other, at_us) && !reaches_for_long(to, other, at_us))
          return false;
    }
    return true;
  }

  bool has_just_changed(const std::string& node, const std::string& other,
                        std::int64_t at_us) const {
    const auto state = states_.find({node, other});
    return state == states_.end() || state->second.since_us + grace_us_ > at_us;
  }
  bool reaches_for_long(const std::string& node, const std::string& other,
                        std::int64_t at_us) const {
    return !has_just_changed(node, other, at_us) && states_.at({node, other}).reach;
  }

  const history::Setup& setup_;
  const std::int64_t grace_us_;
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
  Able able(history.setup, rules.grace_us);
  std::size_t next = 0;
  for (const Operation* op : failed) {
    while (changes_within(history.conditions, next, op->start_us))
      able.become(history.conditions[next++]);
    if (!able.at(op->node, op->level, op->start_us)) continue;
    // It must stay so until the answer.
    Able until = able;
    for (std::size_t i = next; changes_within(history.conditions, i, op->end_us); ++i)
      until.become(history.conditions[i]);
    const bool stalled =
        std::any_of(history.stalls.begin(), history.stalls.end(), [&](const history::Stall& stall) {
          return stall.start_us <= op->end_us && op->start_us <= stall.end_us + rules.grace_us;
        });
    if (until.at(op->node, op->level, op->start_us) && !stalled)
      verdict.add(Demand::kAvailable,
                  absl::StrCat("failed, although its node has been sound and connected to enough "
                               "others for ",
                               rules.grace_us / 1'000'000, " s"),
                  {op});
  }
}

}  // namespace kv::check
