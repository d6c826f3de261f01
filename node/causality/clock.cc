#include "node/causality/clock.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "node/base/check.h"
#include "node/base/hash.h"

namespace kv {
namespace {

using Run = Clock::Run;
using Runs = Clock::Runs;

// Appends to a list under construction; `run` starts at or after every run before it.
void append_merging(Runs& runs, Run run) {
  if (!runs.empty() && run.first <= runs.back().last + 1)
    runs.back().last = std::max(runs.back().last, run.last);
  else
    runs.push_back(run);
}

Runs unite(const Runs& a, const Runs& b) {
  Runs out;
  auto i = a.begin();
  auto j = b.begin();
  while (i != a.end() || j != b.end()) {
    const bool from_a = j == b.end() || (i != a.end() && i->first <= j->first);
    append_merging(out, from_a ? *i++ : *j++);
  }
  return out;
}

// `a` becomes the union of both.
void unite_into(Runs& a, const Runs& b) {
  // Mostly both are one run from 1 on.
  if (a.size() == 1 && b.size() == 1 && b[0].first <= a[0].last + 1 && a[0].first <= b[0].last + 1)
    a[0] = {std::min(a[0].first, b[0].first), std::max(a[0].last, b[0].last)};
  else
    a = unite(a, b);
}

Runs subtract(const Runs& a, const Runs& b) {
  Runs out;
  auto j = b.begin();
  for (Run run : a) {
    while (j != b.end() && j->last < run.first) ++j;
    for (auto k = j; k != b.end() && k->first <= run.last && run.first <= run.last; ++k) {
      if (k->first > run.first) out.push_back({run.first, k->first - 1});
      run.first = k->last + 1;
    }
    if (run.first <= run.last) out.push_back(run);
  }
  return out;
}

// Whether all of `b` is in `a`; runs are never adjacent, so each of its runs must lie in one.
bool includes(const Runs& a, const Runs& b) {
  if (a.size() == 1 && b.size() == 1)  // as mostly
    return a[0].first <= b[0].first && b[0].last <= a[0].last;
  auto i = a.begin();
  for (const Run& run : b) {
    while (i != a.end() && i->last < run.first) ++i;
    if (i == a.end() || i->first > run.first || i->last < run.last) return false;
  }
  return true;
}

Runs overlap(const Runs& a, const Runs& b) {
  Runs out;
  auto i = a.begin();
  auto j = b.begin();
  while (i != a.end() && j != b.end()) {
    const Run both{std::max(i->first, j->first), std::min(i->last, j->last)};
    if (both.first <= both.last) out.push_back(both);
    if (i->last < j->last)
      ++i;
    else
      ++j;
  }
  return out;
}

bool by_actor(const Clock::Entry& entry, Actor actor) { return entry.actor < actor; }

// Finds entries in ascending order of actors: each search goes on where the last one ended, which in clocks of one partition
// is mostly the place.
class Cursor {
 public:
  explicit Cursor(const std::vector<Clock::Entry>& entries)
      : at_(entries.begin()), end_(entries.end()) {}

  const Clock::Entry* find(Actor actor) {
    if (at_ != end_ && at_->actor < actor) at_ = std::lower_bound(at_ + 1, end_, actor, by_actor);
    return at_ != end_ && at_->actor == actor ? &*at_++ : nullptr;
  }

 private:
  std::vector<Clock::Entry>::const_iterator at_;
  const std::vector<Clock::Entry>::const_iterator end_;
};

}  // namespace

Clock::Clock(std::initializer_list<Dot> dots) {
  for (const Dot& dot : dots) add(dot);
}

const Clock::Entry* Clock::find(Actor actor) const {
  const auto it = std::lower_bound(entries_.begin(), entries_.end(), actor, by_actor);
  return it != entries_.end() && it->actor == actor ? &*it : nullptr;
}

Clock::Entry& Clock::find_or_insert(Actor actor) {
  if (entries_.empty() || entries_.back().actor < actor) {
    entries_.emplace_back().actor = actor;
    return entries_.back();
  }
  auto it = std::lower_bound(entries_.begin(), entries_.end(), actor, by_actor);
  if (it == entries_.end() || it->actor != actor) it = entries_.insert(it, Entry{actor, {}});
  return *it;
}

bool Clock::contains(Dot dot) const {
  const Entry* entry = find(dot.actor);
  if (entry == nullptr) return false;
  if (dot.counter <= entry->runs[0].last) return entry->runs[0].first <= dot.counter;
  const auto it =
      std::lower_bound(entry->runs.begin() + 1, entry->runs.end(), dot.counter,
                       [](const Run& run, std::uint64_t counter) { return run.last < counter; });
  return it != entry->runs.end() && it->first <= dot.counter;
}

bool Clock::covers(const Clock& other) const {
  Cursor cursor(entries_);
  for (const Entry& theirs : other.entries_) {
    const Entry* ours = cursor.find(theirs.actor);
    if (ours == nullptr || !includes(ours->runs, theirs.runs)) return false;
  }
  return true;
}

std::uint64_t Clock::base(Actor actor) const {
  const Entry* entry = find(actor);
  return entry != nullptr && entry->runs.front().first == 1 ? entry->runs.front().last : 0;
}

std::uint64_t Clock::count() const {
  std::uint64_t n = 0;
  for_each_run(*this, [&](Actor, const Run& run) { n += run.last - run.first + 1; });
  return n;
}

void Clock::add(Dot dot) { add_run(dot.actor, {dot.counter, dot.counter}); }

void Clock::add_run(Actor actor, Run run) {
  KV_CHECK(run.first >= 1 && run.first <= run.last && run.last <= kMaxCounter,
           "counters are bounded where they enter");
  KV_CHECK(actor.id != 0, "actor 0 names nobody");
  Entry& entry = find_or_insert(actor);
  if (entry.runs.empty() || run.first >= entry.runs.back().first)
    append_merging(entry.runs, run);
  else
    entry.runs = unite(entry.runs, Runs{run});
}

void Clock::append(Actor actor, Runs runs) {
  KV_CHECK(entries_.empty() ? actor.id != 0 : entries_.back().actor < actor, "actors ascend");
  KV_CHECK(!runs.empty() && runs.front().first >= 1 && runs.back().last <= kMaxCounter,
           "counters are bounded where they enter");
  entries_.push_back({actor, std::move(runs)});
}

void Clock::join(const Clock& other) {
  if (entries_.empty()) {
    entries_ = other.entries_;
    return;
  }
  auto at = entries_.begin();
  for (const Entry& theirs : other.entries_) {
    if (at != entries_.end() && at->actor < theirs.actor)
      at = std::lower_bound(at + 1, entries_.end(), theirs.actor, by_actor);
    if (at == entries_.end() || at->actor != theirs.actor)
      at = entries_.insert(at, theirs);
    else
      unite_into(at->runs, theirs.runs);
    ++at;
  }
}

Clock Clock::minus(const Clock& other) const {
  Clock out;
  Cursor cursor(other.entries_);
  for (const Entry& ours : entries_) {
    const Entry* theirs = cursor.find(ours.actor);
    if (theirs != nullptr && includes(theirs->runs, ours.runs)) continue;  // as mostly
    if (out.entries_.empty()) out.entries_.reserve(entries_.size());
    out.entries_.push_back(
        {ours.actor, theirs == nullptr ? ours.runs : subtract(ours.runs, theirs->runs)});
  }
  return out;
}

Clock Clock::intersect(const Clock& other) const {
  Clock out;
  out.entries_.reserve(std::min(entries_.size(), other.entries_.size()));
  Cursor cursor(other.entries_);
  for (const Entry& ours : entries_) {
    const Entry* theirs = cursor.find(ours.actor);
    if (theirs == nullptr) continue;
    Runs both = overlap(ours.runs, theirs->runs);
    if (!both.empty()) out.entries_.push_back({ours.actor, std::move(both)});
  }
  return out;
}

std::uint64_t Clock::digest() const {
  std::vector<std::uint64_t> words;
  words.reserve(4 * entries_.size());
  for (const Entry& entry : entries_) {
    words.push_back(entry.actor.id);
    words.push_back(entry.runs.size());
    for (const Run& run : entry.runs) {
      words.push_back(run.first);
      words.push_back(run.last);
    }
  }
  static_assert(std::endian::native == std::endian::little, "digests are compared between nodes");
  return stable_hash(
      {reinterpret_cast<const char*>(words.data()), words.size() * sizeof(words[0])});
}

std::string to_string(Dot dot) { return absl::StrFormat("%016x:%d", dot.actor.id, dot.counter); }

std::string to_string(const Clock& clock) {
  std::string out = "{";
  for (const auto& entry : clock.entries()) {
    absl::StrAppendFormat(&out, "%s%x:", out.size() > 1 ? " " : "", entry.actor.id);
    const char* separator = "";
    for (const auto& run : entry.runs) {
      absl::StrAppend(&out, separator, run.first);
      if (run.last != run.first) absl::StrAppend(&out, "-", run.last);
      separator = ",";
    }
  }
  return out + "}";
}

}  // namespace kv
