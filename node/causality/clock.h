// A set of dots: what a replica knows, what a version supersedes, what a client has read. One type
// for all three.
//
// Per actor it holds the counters as runs, ascending and never adjacent. In the common case that is
// one run from 1 to the actor's latest write (the *base*), so a set of millions of dots costs a few
// bytes per actor; runs above the base are the exceptions that arrived ahead of a gap. Rejected: a
// bitmap above the base (unbounded while a node is behind), and single exceptions (the same, and
// differences of large clocks explode).
//
// A value type. Not thread-safe. All operations are linear in the number of runs.
// See: Almeida, Gonçalves, Baquero et al., "Scalable and Accurate Causality Tracking for Eventually
// Consistent Stores" (DAIS 2014) and Gonçalves et al., "DottedDB" (SRDS 2017).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "node/causality/dot.h"

namespace kv {

class Clock {
 public:
  struct Run {
    std::uint64_t first = 0;  // inclusive, at least 1
    std::uint64_t last = 0;   // inclusive
    bool operator==(const Run&) const = default;
  };
  using Runs = absl::InlinedVector<Run, 1>;
  struct Entry {
    Actor actor;
    Runs runs;  // ascending, with at least one missing counter between neighbours; never empty
    bool operator==(const Entry&) const = default;
  };

  Clock() = default;
  Clock(std::initializer_list<Dot> dots);

  bool operator==(const Clock&) const = default;
  bool empty() const { return entries_.empty(); }
  bool contains(Dot dot) const;
  bool covers(const Clock& other) const;  // every dot of `other` is here

  // The largest n such that counters 1..n of the actor are all here.
  std::uint64_t base(Actor actor) const;

  std::uint64_t count() const;  // dots

  void reserve(std::size_t actors) { entries_.reserve(actors); }  // room for so many
  void add(Dot dot);
  void add_run(Actor actor, Run run);
  // The same for a whole entry whose actor is after all that are here, and whose runs are as an entry's are.
  void append(Actor actor, Runs runs);
  void join(const Clock& other);  // union

  Clock minus(const Clock& other) const;
  Clock intersect(const Clock& other) const;

  const std::vector<Entry>& entries() const { return entries_; }  // by actor, ascending

  // Equal sets have equal digests; different ones differ but for a chance of 2^-64.
  std::uint64_t digest() const;

 private:
  const Entry* find(Actor actor) const;
  Entry& find_or_insert(Actor actor);

  std::vector<Entry> entries_;
};

// The dots of `clock` one run at a time, in order: visit(actor, run).
template <typename Visit>
void for_each_run(const Clock& clock, Visit visit) {
  for (const auto& entry : clock.entries())
    for (const auto& run : entry.runs) visit(entry.actor, run);
}

// The dots of `clock` one at a time, in order: visit(dot).
template <typename Visit>
void for_each_dot(const Clock& clock, Visit visit) {
  for_each_run(clock, [&](Actor actor, const Clock::Run& run) {
    for (std::uint64_t counter = run.first; counter <= run.last; ++counter)
      visit(Dot{actor, counter});
  });
}

std::string to_string(const Clock& clock);  // "{a:1-7,9 b:1-3}", for logs and tests

}  // namespace kv
