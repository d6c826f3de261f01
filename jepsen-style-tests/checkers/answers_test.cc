// What any history is held against, whatever its policy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jepsen-style-tests/checkers/testing/story.h"

namespace kv::check {
namespace {

TEST(Answers, NobodyReadsWhatNobodyWrote) {
  Story story;
  story.get({"made up"}, 0, 10);
  story.end({});
  EXPECT_TRUE(is_only(story.judge(), Demand::kNoPhantom));

  Story future;
  future.get({"a"}, 0, 10).dots = {{1, 1}};
  future.put("a", 20, 30);
  future.end({"a"});
  EXPECT_TRUE(is_only(future.judge(), Demand::kNoPhantom));
}

TEST(Answers, WhatWasNotAppliedIsNeverSeen) {
  Story story;
  Story::failed(story.put("a", 0, 10), Outcome::kNotApplied);
  story.end({});
  EXPECT_TRUE(is_good(story.judge()));
  story.get({"a"}, 20, 30);
  EXPECT_TRUE(is_only(story.judge(), Demand::kNotApplied));
}

TEST(Answers, AnOkNamesAsManyReplicasAsItsLevelNeeds) {
  Story story;
  Operation& put = story.put("a", 0, 10);
  story.end({"a"});
  for (const Level level : {Level::kOne, Level::kQuorum, Level::kAll}) {
    put.level = level;
    for (std::uint32_t acks = 0; acks <= 4; ++acks) {
      put.acks = acks;
      const bool honest = acks <= 3 && acks >= history::needed_at(level, 3);
      EXPECT_EQ(story.judge().has(Demand::kLevelHonest), !honest) << acks;
    }
  }
  put.acks = 3;
  put.coordinator = "n9";
  EXPECT_TRUE(is_only(story.judge(), Demand::kLevelHonest));
}

TEST(Answers, AReadJoinsAsManyDistinctNodesAsItsLevelNeeds) {
  Story story;
  Operation& get = story.get({}, 0, 10);
  story.end({});
  EXPECT_TRUE(is_good(story.judge()));
  for (const std::vector<std::string>& replicas :
       {std::vector<std::string>{"n1"}, {"n1", "n1"}, {"n1", "n9"}, {}}) {
    get.replicas = replicas;
    EXPECT_TRUE(is_only(story.judge(), Demand::kLevelHonest)) << replicas.size();
  }
}

TEST(Answers, ADotNamesOneWrite) {
  Story story;
  Operation& a = story.put("a", 0, 10);
  story.put("b", 20, 30);
  story.end({"b"});
  EXPECT_TRUE(is_good(story.judge()));
  a.dot = story.history().operations[1].dot;
  EXPECT_TRUE(is_only(story.judge(), Demand::kDotOnce));
}

TEST(Answers, AValueIsShownUnderItsOwnDot) {
  Story story;
  story.put("a", 0, 10);
  story.get({"a"}, 20, 30).dots = {{5, 5}};
  story.end({"a"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kDotOnce));
  story.history().operations[1].dots = {};
  EXPECT_TRUE(is_only(story.judge(), Demand::kDotOnce));
}

TEST(Answers, ComeByTheirDeadline) {
  Story story;
  Story::failed(story.put("a", 0, 2400), Outcome::kUnknown);
  story.end({});
  EXPECT_TRUE(is_good(story.judge()));
  story.history().operations.front().end_us = 9'000'000;
  EXPECT_TRUE(is_only(story.judge(), Demand::kAnswered));
  story.history().stalls.push_back({5'000'000, 8'000'000});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Answers, NoNodeEndsByItself) {
  Story story;
  story.end({});
  story.history().deaths.push_back("n2 ended by itself");
  EXPECT_TRUE(is_only(story.judge(), Demand::kAlive));
}

TEST(Answers, NoNodeTakesMoreMemoryThanItMay) {
  Story story;
  story.end({});
  story.history().memory = {{1, "n1", 90 << 20}, {2, "n2", 100 << 20}};
  EXPECT_TRUE(is_good(story.judge())) << "nothing is said about how much it may";
  story.history().setup.memory_bytes = 100 << 20;
  EXPECT_TRUE(is_good(story.judge()));
  story.history().memory.push_back({3, "n2", 101 << 20});
  EXPECT_TRUE(is_only(story.judge(), Demand::kMemory));
}

TEST(Convergence, EveryNodeShowsTheSameInTheEnd) {
  Story story("siblings");
  story.put("a", 0, 10);
  story.put("b", 0, 10);
  story.end({"a", "b"});
  story.history().operations.back().values = {"b", "a"};  // in whatever order
  story.history().operations.back().dots = {{1, 2}, {1, 1}};
  EXPECT_TRUE(is_good(story.judge()));
  Story::failed(story.put("c", 20, 30), Outcome::kUnknown);
  story.history().operations[4].values = {"a", "b", "c"};
  story.history().operations[4].dots = {{1, 1}, {1, 2}, {1, 3}};
  EXPECT_TRUE(is_only(story.judge(), Demand::kConverges));
}

TEST(Convergence, MustBeReached) {
  Story story;
  story.end({});
  story.history().rests.push_back({Story::kEnd * 1000, false, "partition 3"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kConverges));
}

TEST(Convergence, ANodeThatDoesNotAnswerInTheEnd) {
  Story story;
  story.end({});
  Story::failed(story.history().operations.back(), Outcome::kNotApplied);
  EXPECT_TRUE(is_only(story.judge(), Demand::kConverges));
}

TEST(Convergence, AKeyThatNobodyAskedForProvesNothing) {
  Story story;
  story.put("a", 0, 10);
  EXPECT_TRUE(is_only(story.judge(), Demand::kConverges));
}

TEST(Check, AHistoryThatWasCutShortIsHeldAgainstItsAnswersOnly) {
  Story story;
  story.get({"made up"}, 0, 10);
  story.history().complete = false;
  EXPECT_TRUE(is_good(story.judge()));
  story.history().operations.front().replicas = {};
  EXPECT_TRUE(is_only(story.judge(), Demand::kLevelHonest));
}

// --- Who should have been able to serve -----------------------------------------------------------------------------

Story with_failure(std::int64_t at, Level level = Level::kQuorum) {
  Story story;
  Operation& get = Story::failed(story.get({}, at, at + 10), Outcome::kNotApplied);
  get.level = level;
  story.end({});
  return story;
}

TEST(Availability, ASoundNodeServes) {
  Story story = with_failure(10'000);
  story.condition(0, {});
  EXPECT_TRUE(is_only(story.judge(), Demand::kAvailable));
}

TEST(Availability, AtFirstNothingIsExpected) {
  Story story = with_failure(3'000);
  story.condition(0, {});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Availability, ANodeThatIsOutNeedNotServe) {
  Story story = with_failure(10'000);
  story.condition(0, {});
  story.condition(9'000, {"n1"});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Availability, NorOneThatBreaksBeforeItAnswers) {
  Story story = with_failure(10'000);
  story.condition(0, {});
  story.condition(10'005, {"n1"});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Availability, NorOneThatHasJustComeBack) {
  Story story = with_failure(12'000);
  story.condition(0, {});
  story.condition(8'000, {"n1"});
  story.condition(9'000, {});
  EXPECT_TRUE(is_good(story.judge()));
  story.history().operations.front().start_us += 5'000'000;
  story.history().operations.front().end_us += 5'000'000;
  EXPECT_TRUE(is_only(story.judge(), Demand::kAvailable));
}

TEST(Availability, AMajorityServesQuorumAndAMinorityOne) {
  const std::set<std::pair<std::string, std::string>> lone = {{"n1", "n2"}, {"n3", "n1"}};
  for (const auto& [level, expected] :
       {std::pair(Level::kOne, true), std::pair(Level::kQuorum, false),
        std::pair(Level::kAll, false)}) {
    Story story = with_failure(10'000, level);
    story.condition(0, {}, lone);
    EXPECT_EQ(story.judge().has(Demand::kAvailable), expected) << static_cast<int>(level);
  }
  for (const auto& [level, expected] :
       {std::pair(Level::kOne, true), std::pair(Level::kQuorum, true),
        std::pair(Level::kAll, false)}) {
    Story story = with_failure(10'000, level);
    story.condition(0, {"n3"});
    EXPECT_EQ(story.judge().has(Demand::kAvailable), expected) << static_cast<int>(level);
  }
}

// n1 still waits to hear from n3 again when n2 goes: it has had nobody for long enough.
TEST(Availability, EachOtherNodeNeedsItsTime) {
  const std::set<std::pair<std::string, std::string>> first = {{"n1", "n3"}};
  const std::set<std::pair<std::string, std::string>> then = {{"n2", "n1"}};
  for (const auto& [at, expected] : {std::pair(14'000, false), std::pair(16'500, true)}) {
    Story story = with_failure(at);
    story.condition(0, {}, first);
    story.condition(10'000, {}, then);
    EXPECT_EQ(story.judge().has(Demand::kAvailable), expected) << at;
  }
}

// With five nodes n1 may hold no replica of the key.
Story with_failure_of_five(std::int64_t at, Level level) {
  Story story = with_failure(at, level);
  for (const char* node : {"n4", "n5"}) {
    story.history().setup.nodes.emplace_back(node);
    Operation read = story.history().operations.back();
    read.node = node;
    read.replicas = {node};
    story.history().operations.push_back(read);
  }
  return story;
}

// A write may be forwarded to n5, which has just gone.
TEST(Availability, ANodeThatMayHaveToForwardNeedsToKnowItsPeers) {
  for (const auto& [at, expected] : {std::pair(14'000, false), std::pair(16'500, true)}) {
    Story story = with_failure_of_five(at, Level::kOne);
    story.condition(0, {});
    story.condition(10'000, {"n5"});
    EXPECT_EQ(story.judge().has(Demand::kAvailable), expected) << at;
  }
}

// A write may be forwarded to n4, which does not reach n5.
TEST(Availability, ANodeThatMayHaveToForwardNeedsPeersThatReachAsMany) {
  Story story = with_failure_of_five(16'500, Level::kQuorum);
  story.condition(0, {});
  story.condition(5'000, {}, {{"n5", "n4"}});
  EXPECT_TRUE(is_good(story.judge()));
  story.history().conditions.back().cuts = {{"n5", "n1"}};
  EXPECT_TRUE(is_only(story.judge(), Demand::kAvailable));
}

// 100 ms each way leave time enough, 200 ms do not.
TEST(Availability, ALinkOfWhichTheRoundTripFitsTheDeadlineIsAsGoodAsAny) {
  for (const auto& [late_ms, expected] : {std::pair(150, true), std::pair(200, false)}) {
    Story story = with_failure(10'000, Level::kAll);
    story.condition(0, {});
    story.condition(1'000, {});
    story.history().conditions.back().late_ms = {{{"n1", "n2"}, late_ms}, {{"n2", "n1"}, late_ms}};
    EXPECT_EQ(story.judge().has(Demand::kAvailable), expected) << late_ms;
  }
}

// A majority has been there all the time, and needs nobody else.
TEST(Availability, ALateLinkExcusesNobodyWhoDoesNotNeedIt) {
  Story story = with_failure(10'000);
  story.condition(0, {});
  story.condition(9'000, {});
  story.history().conditions.back().late_ms = {{{"n1", "n2"}, 100'000}};
  EXPECT_TRUE(is_only(story.judge(), Demand::kAvailable));
}

// What is neither there nor gone for certain may be chosen to forward to.
TEST(Availability, ALateLinkExcusesWhoMayForward) {
  Story story = with_failure_of_five(16'500, Level::kOne);
  story.condition(0, {});
  story.condition(5'000, {});
  EXPECT_TRUE(is_only(story.judge(), Demand::kAvailable));
  story.history().conditions.back().late_ms = {{{"n5", "n1"}, 100'000}};
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Availability, ConnectionsThatBrokeNeedTheirTime) {
  for (const auto& [at, expected] : {std::pair(12'000, false), std::pair(16'500, true)}) {
    Story story = with_failure(at, Level::kAll);
    story.condition(0, {});
    story.condition(10'000, {});
    story.history().conditions.back().broken = {{"n2", "n1"}};
    EXPECT_EQ(story.judge().has(Demand::kAvailable), expected) << at;
  }
}

// Client 0 is at c1 and does not reach n1; the others do.
TEST(Availability, AClientIsServedByWhomItReaches) {
  for (const auto& [client, expected] : {std::pair(0U, false), std::pair(1U, true)}) {
    Story story = with_failure(20'000, Level::kOne);
    story.history().setup.places = {"c1", "c2"};
    story.history().operations.front().client = client;
    story.condition(0, {}, {{"n1", "c1"}, {"c2", "n2"}});
    EXPECT_EQ(story.judge().has(Demand::kAvailable), expected) << client;
    // Having got back what it lacked, it needs its time.
    story.condition(15'000, {});
    EXPECT_EQ(story.judge().has(Demand::kAvailable), expected) << client;
    story.history().conditions.back().at_us = 13'000'000;
    EXPECT_TRUE(story.judge().has(Demand::kAvailable));
  }
}

TEST(Availability, WhatIsRefusedForItselfIsNoFailure) {
  Story story = with_failure(10'000);
  story.condition(0, {});
  story.history().operations.front().error = "FAILED_PRECONDITION: too many siblings";
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Availability, NothingIsSaidWhileTheMachineStandsStill) {
  Story story = with_failure(10'000);
  story.condition(0, {});
  story.history().stalls.push_back({9'000'000, 9'900'000});
  EXPECT_TRUE(is_good(story.judge()));
}

}  // namespace
}  // namespace kv::check
