// The checkers. Each is a pure function that adds to a verdict what it finds; check() runs all that apply.
//
// What they take for granted: the history tells of every operation that was sent. What they may demand of a write depends on
// its answer only: of an acknowledged one that it is kept (by the replicas that acknowledged it, as long as their disks last),
// of one that was not applied that it is nowhere, of one whose outcome is unknown nothing.
//
// Thread-safety: pure. Time: about linear in the operations; a million take seconds.
#pragma once

#include "jepsen-style-tests/checkers/timeline.h"
#include "jepsen-style-tests/checkers/verdict.h"
#include "jepsen-style-tests/history/history.h"

namespace kv::check {

struct Rules {
  // How long a node must have been sound and connected before it is expected to serve: it must hear from its peers again, and
  // must have noticed which of them are gone.
  std::int64_t grace_us = 6'000'000;
  // Two ends between which a question and its answer may take longer are of no certain use to each other. Three times this (to
  // the node, on to another, from there to the replicas) and a second of work fit into a client's deadline of two.
  std::int64_t round_trip_ms = 333;
  // How much later than its deadline an answer may come.
  std::int64_t late_us = 1'500'000;
  // How far a node's wall clock may be from those of the others without being told that it is off, and a little more.
  std::int64_t clock_tolerance_us = 700'000;
};

// When some node's wall clock was wrong: what depends on wall clocks is then not judged.
class ClocksOff {
 public:
  explicit ClocksOff(const history::History& history);
  bool between(std::int64_t from_us, std::int64_t to_us) const;

 private:
  std::vector<std::pair<std::int64_t, std::int64_t>> spells_;
};

// One answer by itself: levels, deadlines; deaths and memory of nodes.
void check_answers(const history::History& history, const Rules& rules, Verdict& verdict);

// Values and dots of one key: nothing made up, nothing that was refused, each dot once. Policies lww and siblings.
void check_values(const KeyOperations& key, Verdict& verdict);
// Dots of all keys together.
void check_dots(const history::History& history, Verdict& verdict);

// One key of policy lww: the greatest in (time, dot) that is certain to be seen, or a greater one, is what a read shows.
// A value that was put for a time need not be shown towards its end; what is older stays away for good.
void check_register(const history::History& history, const KeyOperations& key, const Rules& rules,
                    Verdict& verdict);
// One key of policy lww: no value is shown after its time.
void check_expiry(const history::History& history, const KeyOperations& key, const Rules& rules,
                  Verdict& verdict);
// One key of policy lww: each session sees what it has written and seen, or what is later, at whatever nodes and levels.
void check_sessions(const KeyOperations& key, Verdict& verdict);
// One key of policy siblings: what is certain to be seen and not superseded is shown; what is superseded for certain is not.
void check_siblings(const history::History& history, const KeyOperations& key, Verdict& verdict);
// One key of policy set: elements are shown whose insertion no removal can have seen, and none that a removal saw for certain.
void check_elements(const history::History& history, const KeyOperations& key, Verdict& verdict);
// One key of policy counter. Attempts of one request are one addition.
void check_counter(const history::History& history, const KeyOperations& key, Verdict& verdict);

// What each watcher was told, from where it began: each dot once and under the right key and value, nothing that is older than
// what it was told of before, every acknowledged write that began later, and of each key last what its node shows in the end. An
// event of a node that has been sent the newest state may show that only; it names all dots, unless some disk was lost meanwhile:
// then states travel that do not name what they replaced. Nothing is said of what a watcher was told until its own node lost its
// disk, for a node that went back unseen cannot know of it.
void check_watch(const history::History& history, const std::vector<KeyOperations>& keys,
                 Verdict& verdict);

// After everything was mended.
void check_convergence(const history::History& history, const std::vector<KeyOperations>& keys,
                       Verdict& verdict);

// Who should have been able to serve did.
void check_availability(const history::History& history, const Rules& rules, Verdict& verdict);

// All of them. A history that was cut short is not judged by what may be missing from it: only answers are checked.
Verdict check(const history::History& history, const Rules& rules = {});

}  // namespace kv::check
