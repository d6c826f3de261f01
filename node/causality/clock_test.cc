#include "node/causality/clock.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>

namespace kv {
namespace {

constexpr std::uint64_t kActors = 3;
constexpr std::uint64_t kCounters = 24;

// A clock and the plain set of dots that it stands for.
struct Modelled {
  Clock clock;
  std::set<Dot> dots;

  void add_run(Actor actor, Clock::Run run) {
    clock.add_run(actor, run);
    for (std::uint64_t counter = run.first; counter <= run.last; ++counter)
      dots.insert({actor, counter});
  }
};

Clock clock_of(const std::set<Dot>& dots) {
  Clock clock;
  for (const Dot& dot : dots) clock.add(dot);
  return clock;
}

// Runs that overlap, touch and leave gaps, in any order.
Modelled any_clock() {
  Modelled out;
  const auto runs =
      *rc::gen::container<std::vector<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>>>(
          rc::gen::tuple(rc::gen::inRange<std::uint64_t>(1, kActors + 1),
                         rc::gen::inRange<std::uint64_t>(1, kCounters),
                         rc::gen::inRange<std::uint64_t>(0, 5)));
  for (const auto& [actor, first, length] : runs)
    out.add_run(Actor{actor}, {first, first + length});
  return out;
}

std::set<Dot> universe() {
  std::set<Dot> dots;
  for (std::uint64_t actor = 1; actor <= kActors + 1; ++actor)
    for (std::uint64_t counter = 1; counter <= kCounters + 6; ++counter)
      dots.insert({Actor{actor}, counter});
  return dots;
}

template <typename Operation>
std::set<Dot> combine(const Modelled& a, const Modelled& b, Operation operation) {
  std::set<Dot> out;
  operation(a.dots.begin(), a.dots.end(), b.dots.begin(), b.dots.end(),
            std::inserter(out, out.end()));
  return out;
}

bool is_canonical(const Clock& clock) {
  for (std::size_t i = 0; i < clock.entries().size(); ++i) {
    const auto& entry = clock.entries()[i];
    if (entry.runs.empty() || entry.runs.front().first < 1) return false;
    if (i > 0 && clock.entries()[i - 1].actor >= entry.actor) return false;
    for (std::size_t r = 0; r < entry.runs.size(); ++r) {
      if (entry.runs[r].first > entry.runs[r].last) return false;
      if (r > 0 && entry.runs[r].first <= entry.runs[r - 1].last + 1) return false;
    }
  }
  return true;
}

RC_GTEST_PROP(Clock, IsTheSetOfDotsThatWasAdded, ()) {
  const Modelled m = any_clock();
  RC_ASSERT(is_canonical(m.clock));
  RC_ASSERT(m.clock.empty() == m.dots.empty());
  RC_ASSERT(m.clock.count() == m.dots.size());
  for (const Dot& dot : universe()) RC_ASSERT(m.clock.contains(dot) == (m.dots.count(dot) > 0));
  std::set<Dot> visited;
  for_each_run(m.clock, [&](Actor actor, const Clock::Run& run) {
    for (std::uint64_t counter = run.first; counter <= run.last; ++counter)
      visited.insert({actor, counter});
  });
  RC_ASSERT(visited == m.dots);
}

RC_GTEST_PROP(Clock, TheBaseEndsBeforeTheFirstMissingCounter, ()) {
  const Modelled m = any_clock();
  for (std::uint64_t actor = 1; actor <= kActors + 1; ++actor) {
    std::uint64_t base = 0;
    while (m.dots.count({Actor{actor}, base + 1}) > 0) ++base;
    RC_ASSERT(m.clock.base(Actor{actor}) == base);
  }
}

RC_GTEST_PROP(Clock, EqualSetsAreEqualClocksHoweverTheyWereBuilt, ()) {
  const Modelled m = any_clock();
  std::vector<Dot> dots(m.dots.begin(), m.dots.end());
  std::reverse(dots.begin(), dots.end());
  Clock backwards;
  for (const Dot& dot : dots) backwards.add(dot);
  RC_ASSERT(backwards == m.clock);
  RC_ASSERT(backwards.digest() == m.clock.digest());
  RC_ASSERT(clock_of(m.dots) == m.clock);
}

RC_GTEST_PROP(Clock, DifferentSetsDifferInEverything, ()) {
  const Modelled a = any_clock();
  const Modelled b = any_clock();
  RC_ASSERT((a.clock == b.clock) == (a.dots == b.dots));
  RC_ASSERT((a.clock.digest() == b.clock.digest()) == (a.dots == b.dots));
  RC_ASSERT((to_string(a.clock) == to_string(b.clock)) == (a.dots == b.dots));
}

RC_GTEST_PROP(Clock, JoinIsUnion, ()) {
  const Modelled a = any_clock();
  const Modelled b = any_clock();
  Clock joined = a.clock;
  joined.join(b.clock);
  RC_ASSERT(is_canonical(joined));
  RC_ASSERT(joined == clock_of(combine(a, b, [](auto... args) { std::set_union(args...); })));
}

RC_GTEST_PROP(Clock, MinusIsDifference, ()) {
  const Modelled a = any_clock();
  const Modelled b = any_clock();
  const Clock left = a.clock.minus(b.clock);
  RC_ASSERT(is_canonical(left));
  RC_ASSERT(left == clock_of(combine(a, b, [](auto... args) { std::set_difference(args...); })));
}

RC_GTEST_PROP(Clock, IntersectIsIntersection, ()) {
  const Modelled a = any_clock();
  const Modelled b = any_clock();
  const Clock both = a.clock.intersect(b.clock);
  RC_ASSERT(is_canonical(both));
  RC_ASSERT(both == clock_of(combine(a, b, [](auto... args) { std::set_intersection(args...); })));
}

RC_GTEST_PROP(Clock, CoversIsInclusion, ()) {
  const Modelled a = any_clock();
  Modelled b = any_clock();
  RC_ASSERT(a.clock.covers(b.clock) ==
            std::includes(a.dots.begin(), a.dots.end(), b.dots.begin(), b.dots.end()));
  RC_ASSERT(a.clock.covers(a.clock.intersect(b.clock)));
  RC_ASSERT(a.clock.covers(Clock()));
}

TEST(Clock, KnowsABaseAndTheExceptionsAboveIt) {
  const Actor a{0xa}, b{0xb};
  Clock clock;
  for (std::uint64_t counter : {3, 1, 2, 7, 9, 8}) clock.add({a, counter});
  clock.add({b, 5});
  EXPECT_EQ(to_string(clock), "{a:1-3,7-9 b:5}");
  EXPECT_EQ(clock.base(a), 3U);
  EXPECT_EQ(clock.base(b), 0U);
  EXPECT_EQ(clock.count(), 7U);
  clock.add_run(a, {4, 6});
  EXPECT_EQ(to_string(clock), "{a:1-9 b:5}");
  EXPECT_EQ(to_string(Clock()), "{}");
}

TEST(Clock, MillionsOfDotsAreOneRun) {
  Clock clock;
  clock.add_run(Actor{1}, {1, 5'000'000});
  clock.add_run(Actor{1}, {5'000'001, kMaxCounter});
  EXPECT_EQ(clock.entries().front().runs.size(), 1U);
  EXPECT_EQ(clock.count(), kMaxCounter);
  Clock hole{{Actor{1}, 77}};
  EXPECT_EQ(clock.minus(hole).count(), kMaxCounter - 1);
  EXPECT_EQ(clock.minus(hole).base(Actor{1}), 76U);
}

TEST(Clock, JoinsWithItself) {
  Clock clock{{Actor{1}, 1}, {Actor{1}, 3}, {Actor{2}, 2}};
  const Clock before = clock;
  clock.join(clock);
  EXPECT_EQ(clock, before);
  EXPECT_TRUE(clock.minus(clock).empty());
}

TEST(Clock, TheDigestTellsActorsFromCounters) {
  const Clock one{{Actor{1}, 2}}, other{{Actor{2}, 1}}, both{{Actor{1}, 1}, {Actor{2}, 2}};
  EXPECT_NE(one.digest(), other.digest());
  EXPECT_NE(one.digest(), both.digest());
  EXPECT_NE(Clock().digest(), one.digest());
}

TEST(ClockDeathTest, RefusesDotsThatNameNothing) {
  Clock clock;
  EXPECT_DEATH(clock.add({Actor{0}, 1}), "actor 0");
  EXPECT_DEATH(clock.add({Actor{1}, 0}), "counters are bounded");
  EXPECT_DEATH(clock.add({Actor{1}, kMaxCounter + 1}), "counters are bounded");
  EXPECT_DEATH(clock.append(Actor{0}, {{1, 1}}), "actors ascend");
  EXPECT_DEATH(clock.append(Actor{1}, {{1, kMaxCounter + 1}}), "counters are bounded");
  clock.append(Actor{2}, {{1, 1}, {3, 4}});
  EXPECT_EQ(to_string(clock), "{2:1,3-4}");
  EXPECT_DEATH(clock.append(Actor{2}, {{5, 5}}), "actors ascend");
}

TEST(Dot, PrintsAsUsersSeeIt) {
  EXPECT_EQ(to_string(Dot{Actor{0x00c0ffee00c0ffee}, 17}), "00c0ffee00c0ffee:17");
}

}  // namespace
}  // namespace kv
