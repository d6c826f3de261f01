#include "node/coordinator/join_answers.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "node/resolution/policies.h"
namespace kv {
namespace {

constexpr Actor kA{0xa}, kB{0xb}, kC{0xc};

Clock up_to(std::initializer_list<Dot> last) {
  Clock clock;
  for (const Dot& dot : last) clock.add_run(dot.actor, {1, dot.counter});
  return clock;
}

struct Answer {
  Object object;
  Clock clock;
  Hlc floor{};
};

Answer holding(Dot dot, std::uint64_t hlc, std::optional<std::string> value, Clock clock) {
  return {{{{dot, Hlc{hlc}, std::move(value)}}, {}}, std::move(clock)};
}

Joined join_all(const std::vector<Answer>& answers) {
  std::vector<ReplicaObject> objects;
  objects.reserve(answers.size());
  for (const Answer& answer : answers)
    objects.push_back({&answer.object, &answer.clock, answer.floor});
  return join_answers(objects, lww_policy(), WallMs{1000});
}

std::string winner(const Joined& joined) {
  if (joined.object.versions.empty()) return "absent";
  EXPECT_EQ(joined.object.versions.size(), 1U);
  return joined.object.versions[0].value.value_or("marker");
}

TEST(JoinAnswers, OneAnswerIsTheAnswer) {
  const Joined joined = join_all({holding({kA, 1}, 5, "v", up_to({{kA, 1}}))});
  EXPECT_EQ(winner(joined), "v");
  EXPECT_TRUE(joined.agreed);
}

TEST(JoinAnswers, TheNewestByCausalityBeatsTheMostCommon) {
  const Answer old = holding({kA, 1}, 5, "old", up_to({{kA, 1}}));
  // It has a smaller time, which only a false clock could give it; but it has seen the other and replaced it.
  const Answer replaced = holding({kB, 1}, 3, "new", up_to({{kA, 1}, {kB, 1}}));
  for (const auto& answers : {std::vector{old, old, replaced}, std::vector{old, replaced, old},
                              std::vector{replaced, old, old}}) {
    const Joined joined = join_all(answers);
    EXPECT_EQ(winner(joined), "new");
    EXPECT_FALSE(joined.agreed);
  }
}

TEST(JoinAnswers, AMarkerThatSomeHaveDroppedIsNoDisagreement) {
  const Answer marker = holding({kA, 2}, 7, std::nullopt, up_to({{kA, 2}}));
  const Answer dropped{{}, up_to({{kA, 2}}), Hlc{7}};
  const Answer older = holding({kA, 1}, 5, "v", up_to({{kA, 1}}));
  for (const auto& answers : {std::vector{marker, dropped}, std::vector{dropped, marker}}) {
    EXPECT_EQ(winner(join_all(answers)), "absent");
    EXPECT_TRUE(join_all(answers).agreed);
  }
  EXPECT_FALSE(join_all({older, dropped}).agreed);
}

TEST(JoinAnswers, TheTokenIsAfterMarkersThatAreGone) {
  const Answer dropped{{}, up_to({{kA, 2}}), Hlc{7}};
  const Answer older = holding({kA, 1}, 5, "v", up_to({{kA, 1}}));
  EXPECT_EQ(to_read_item("k", join_all({dropped, older}), lww_policy(), WallMs{1000}).token.hlc,
            Hlc{7});
  EXPECT_EQ(to_read_item("k", join_all({older}), lww_policy(), WallMs{1000}).token.hlc, Hlc{5});
}

TEST(JoinAnswers, ConcurrentWritesAreDecidedByThePolicy) {
  const Answer earlier = holding({kA, 1}, 5, "earlier", up_to({{kA, 1}}));
  const Answer later = holding({kB, 1}, 6, "later", up_to({{kB, 1}}));
  const Answer tied = holding({kC, 1}, 6, "tied", up_to({{kC, 1}}));
  EXPECT_EQ(winner(join_all({earlier, later})), "later");
  EXPECT_EQ(winner(join_all({later, earlier})), "later");
  EXPECT_EQ(winner(join_all({later, tied})), "tied") << "the greater dot";
  EXPECT_EQ(winner(join_all({tied, later})), "tied");
}

TEST(JoinAnswers, AReplicaThatDroppedAVersionIsBelieved) {
  const Answer holder = holding({kA, 1}, 5, "v", up_to({{kA, 1}}));
  const Answer knows_and_holds_nothing{{}, up_to({{kA, 1}})};
  const Answer knows_nothing{{}, {}};
  const Answer knows_by_context{{{}, up_to({{kA, 1}})}, {}};
  EXPECT_EQ(winner(join_all({holder, knows_and_holds_nothing})), "absent");
  EXPECT_EQ(winner(join_all({knows_and_holds_nothing, holder})), "absent");
  EXPECT_EQ(winner(join_all({holder, knows_nothing})), "v");
  EXPECT_EQ(winner(join_all({holder, knows_by_context})), "absent");
  EXPECT_EQ(winner(join_all({knows_by_context, holder})), "absent");
}

TEST(JoinAnswers, TheTokenCoversAllThatTheAnswersKnew) {
  Answer first = holding({kA, 2}, 5, "a", up_to({{kA, 2}}));
  first.object.context = up_to({{kC, 1}});
  const Answer second = holding({kB, 1}, 6, "b", up_to({{kB, 3}}));
  const ReadItem item = to_read_item("key", join_all({first, second}), lww_policy(), WallMs{1000});
  EXPECT_EQ(item.key, "key");
  EXPECT_TRUE(item.token.context.covers(up_to({{kA, 2}, {kB, 3}, {kC, 1}})));
  EXPECT_EQ(item.token.hlc, Hlc{6});
  EXPECT_EQ(item.versions.at(0).value, "b");
  EXPECT_EQ(
      to_read_item("key", join_all({Answer{{}, up_to({{kA, 1}})}}), lww_policy(), WallMs{1000})
          .token,
      (Token{up_to({{kA, 1}}), Hlc{}}));
}

// Replicas that have applied any of the deltas of a history: the order of their answers does not matter, one asked twice
// changes nothing, and all together they know what each knows.
RC_GTEST_PROP(JoinAnswers, DoesNotDependOnTheOrder, ()) {
  std::vector<Answer> answers(4);
  std::vector<Answer> writes;
  for (int i = *rc::gen::inRange(1, 8); i > 0; --i) {
    Answer& writer = answers[static_cast<std::size_t>(*rc::gen::inRange(0, 4))];
    const Actor actor{static_cast<std::uint64_t>(1 + (&writer - answers.data()))};
    const Dot dot{actor, writer.clock.base(actor) + 1};
    const std::uint64_t hlc =
        greatest_hlc(writer.object).bits + static_cast<std::uint64_t>(*rc::gen::inRange(1, 4));
    Clock context = dots_of(writer.object);
    context.add(dot);
    writes.push_back({{{{dot, Hlc{hlc}, std::to_string(i)}}, context}, Clock{dot}});
    for (Answer& answer : answers) {
      if (&answer != &writer && *rc::gen::arbitrary<bool>()) continue;
      join(answer.object, answer.clock, writes.back().object, {});
      lww_policy().resolve(answer.object.versions);
      answer.clock.add(dot);
      strip(answer.object, answer.clock);
    }
  }
  const Joined joined = join_all(answers);
  std::vector<Answer> others = {answers[2], answers[0], answers[3], answers[1], answers[0]};
  const Joined again = join_all(others);
  RC_ASSERT(joined.object.versions == again.object.versions);
  RC_ASSERT(joined.context == again.context);
  RC_ASSERT(joined.agreed == again.agreed);
  for (const Answer& answer : answers) RC_ASSERT(joined.context.covers(answer.clock));
  std::pair<Hlc, Dot> greatest;
  for (const Answer& write : writes)
    greatest = std::max(greatest, {write.object.versions[0].hlc, write.object.versions[0].dot});
  RC_ASSERT(std::pair(joined.object.versions.at(0).hlc, joined.object.versions.at(0).dot) ==
            greatest);
}

TEST(JoinAnswers, WhatHasExpiredIsNotShownAndIsNoDisagreement) {
  Answer expiring = holding({kA, 2}, 7, "v", up_to({{kA, 2}}));
  expiring.object.versions.at(0).expires = WallMs{1000};
  const Answer older = holding({kB, 1}, 5, "older", up_to({{kB, 1}}));
  const auto shown = [&](const std::vector<Answer>& answers, std::int64_t now_ms) {
    const auto item = to_read_item("k", join_all(answers), lww_policy(), WallMs{now_ms});
    return item.versions.empty() ? "nothing" : item.versions.at(0).value.value_or("a marker");
  };
  EXPECT_EQ(shown({expiring, older}, 999), "v");
  EXPECT_EQ(shown({expiring, older}, 1000), "nothing") << "what it had won against stays away";
  const Answer dropped{{}, up_to({{kA, 2}}), Hlc{7}};
  EXPECT_TRUE(join_all({expiring, dropped}).agreed);
}

}  // namespace
}  // namespace kv
