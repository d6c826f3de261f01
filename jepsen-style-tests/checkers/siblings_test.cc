#include <gtest/gtest.h>

#include "jepsen-style-tests/checkers/testing/story.h"

namespace kv::check {
namespace {

TEST(Siblings, WhatMayBeShown) {
  Story story("siblings");
  story.put("a", 0, 10);
  story.put("b", 0, 10);
  story.get({"b", "a"}, 20, 30);
  story.put_seen("c", {"a"}, 40, 60);
  story.get({"a", "b"}, 45, 50);  // while c is written
  story.get(
      {"b"}, 45,
      50);  // between what c removes and c itself there is no moment, but two replicas are joined
  story.get({"b", "c"}, 70, 80);
  story.remove_seen({"b"}, 90, 100);
  story.get({"c"}, 110, 120);
  story.end({"c"});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Siblings, AnAcknowledgedValueStaysUntilItIsReplaced) {
  Story story("siblings");
  story.put("a", 0, 10);
  story.put("b", 0, 10);
  story.get({"b"}, 20, 30);
  story.end({"a", "b"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kRegularRead));

  Story lost("siblings");
  lost.put("a", 0, 10);
  lost.put("b", 20, 30);  // without a token it replaces nothing
  lost.end({"b"});
  EXPECT_TRUE(is_only(lost.judge(), Demand::kNothingLost));
}

TEST(Siblings, WhatATokenHadSeenIsGone) {
  Story story("siblings");
  story.put("a", 0, 10);
  story.put_seen("b", {"a"}, 20, 30);
  story.get({"a", "b"}, 40, 50);
  story.end({"b"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kContextHonoured));

  Story zombie("siblings");
  zombie.put("a", 0, 10);
  zombie.remove_seen({"a"}, 20, 30);
  zombie.end({"a"});
  EXPECT_TRUE(is_only(zombie.judge(), Demand::kDeletedStays));
}

TEST(Siblings, AReplacementOfUnknownOutcomeMayReplace) {
  Story story("siblings");
  story.put("a", 0, 10);
  Story::failed(story.put_seen("b", {"a"}, 20, 30), Outcome::kUnknown);
  story.get({"a"}, 40, 50);
  story.get({}, 52, 54).level = Level::kOne;
  story.end({"a"});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Siblings, AReplacementThatWasRefusedReplacesNothing) {
  Story story("siblings");
  story.put("a", 0, 10);
  Story::failed(story.put_seen("b", {"a"}, 20, 30), Outcome::kNotApplied);
  story.end({});
  EXPECT_TRUE(is_only(story.judge(), Demand::kNothingLost));
}

TEST(Siblings, ALostDiskExcusesWhatOnlyItHad) {
  Story story("siblings");
  story.put("a", 0, 10).acks = 3;
  Operation& b = story.put_seen("b", {"a"}, 20, 30);
  b.acks = 1;
  b.level = Level::kOne;
  story.lose_disk("n1", 40);
  story.get({"a"}, 50, 60);
  story.end({"a"});
  EXPECT_TRUE(is_good(story.judge()));
  b.acks = 3;
  EXPECT_TRUE(story.judge().has(Demand::kNothingLost));
  EXPECT_TRUE(story.judge().has(Demand::kContextHonoured));
}

TEST(Siblings, ADeleteWithoutATokenMayRemoveAnything) {
  Story story("siblings");
  story.put("a", 0, 10);
  story.get({}, 15, 40);  // it may have seen the delete, which came and went meanwhile
  story.remove(20, 30);
  story.end({});
  EXPECT_TRUE(is_good(story.judge()));
  story.put("b", 40, 50);
  EXPECT_TRUE(is_only(story.judge(), Demand::kNothingLost));
}

TEST(Siblings, NoneIsShownTwice) {
  Story story("siblings");
  story.put("a", 0, 10);
  story.get({"a", "a"}, 20, 30);
  story.end({"a"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kContextHonoured));
}

TEST(Counter, TheSumIsBetweenWhatWasAcknowledgedAndWhatWasSent) {
  Story story("counter");
  story.get({}, 0, 1);
  story.add(5, 10, 20);
  story.get({"5"}, 30, 40);
  Story::failed(story.add(3, 50, 60), Outcome::kUnknown);
  story.get({"5"}, 70, 75);
  story.get({"8"}, 80, 85);
  Story::failed(story.add(9, 86, 87), Outcome::kNotApplied);
  story.add(-2, 90, 100);
  story.get({"8"}, 92, 94);
  story.get({"6"}, 92, 94);
  story.end({"6"});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Counter, NothingThatWasAcknowledgedIsMissing) {
  Story story("counter");
  story.add(5, 10, 20);
  story.get({"4"}, 30, 40);
  story.end({"5"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kNumberRight));

  Story lost("counter");
  lost.add(5, 10, 20);
  lost.add(2, 30, 40);
  lost.end({"5"});
  EXPECT_TRUE(is_only(lost.judge(), Demand::kNothingLost));
}

TEST(Counter, NothingIsCountedTwice) {
  Story story("counter");
  story.add(5, 10, 20);
  story.end({"10"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kNumberRight));
}

TEST(Counter, ShowsANumber) {
  Story story("counter");
  story.add(5, 10, 20);
  story.end({"five"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kNumberRight));
}

TEST(Counter, ALostDiskExcusesWhatOnlyItHad) {
  Story story("counter");
  Operation& add = story.add(5, 10, 20);
  add.acks = 1;
  add.level = Level::kOne;
  story.lose_disk("n1", 30);
  story.end({"0"});
  EXPECT_TRUE(is_good(story.judge()));
  add.acks = 2;
  EXPECT_TRUE(is_only(story.judge(), Demand::kNothingLost));
}

// The same addition, sent again under its request id.
Operation& attempt(Operation& op, const std::string& request, const std::string& node = "n1") {
  op.request = request;
  op.node = node;
  return op;
}

TEST(CounterRequests, AttemptsAreOneAddition) {
  Story story("counter");
  const Operation first = attempt(story.add(5, 0, 10), "r1");
  attempt(story.add(5, 20, 30), "r1", "n2").dot = first.dot;  // which is answered for the first
  Story::failed(attempt(story.add(7, 40, 50), "r2"), Outcome::kUnknown);
  Story::failed(attempt(story.add(7, 60, 70), "r2", "n3"), Outcome::kNotApplied);
  attempt(story.add(7, 80, 90), "r2", "n2");
  story.end({"12"});
  EXPECT_TRUE(is_good(story.judge()));
  for (const char* twice : {"17", "19"}) {
    for (int i = 0; i < 3; ++i) story.history().operations[5 + i].values = {twice};
    EXPECT_TRUE(is_only(story.judge(), Demand::kNumberRight)) << twice;
  }
  for (const char* lost : {"5", "7"}) {
    for (int i = 0; i < 3; ++i) story.history().operations[5 + i].values = {lost};
    EXPECT_TRUE(is_only(story.judge(), Demand::kNothingLost)) << lost;
  }
}

TEST(CounterRequests, OneThatStaysUnknownCountsOnceOrNever) {
  Story story("counter");
  for (int i = 0; i < 4; ++i)
    Story::failed(attempt(story.add(5, 10 * i, 10 * i + 5), "r1"), Outcome::kUnknown);
  story.end({"5"});
  EXPECT_TRUE(is_good(story.judge()));
  for (int i = 0; i < 3; ++i) story.history().operations[4 + i].values = {};
  EXPECT_TRUE(is_good(story.judge()));
  for (int i = 0; i < 3; ++i) story.history().operations[4 + i].values = {"10"};
  EXPECT_TRUE(is_only(story.judge(), Demand::kNumberRight));
}

TEST(CounterRequests, OneThatWasRefusedAtEachAttemptNeverCounts) {
  Story story("counter");
  Story::failed(attempt(story.add(5, 0, 10), "r1"), Outcome::kNotApplied);
  Story::failed(attempt(story.add(5, 20, 30), "r1", "n2"), Outcome::kNotApplied);
  story.end({"5"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kNumberRight));
}

// Two nodes that do not hear each other both make it, and one takes it back when they do.
TEST(CounterRequests, MayShowTwiceUntilAllAreEqual) {
  Story story("counter");
  attempt(story.add(5, 0, 10), "r1");
  attempt(story.add(5, 20, 30), "r1", "n3");
  story.get({"10"}, 40, 50);
  story.end({"5"});
  EXPECT_TRUE(is_good(story.judge()));
  story.rest(35);
  EXPECT_TRUE(is_only(story.judge(), Demand::kNumberRight));

  Story once("counter");
  attempt(once.add(5, 0, 10), "r1");
  once.get({"10"}, 40, 50);
  once.end({"5"});
  EXPECT_TRUE(is_only(once.judge(), Demand::kNumberRight)) << "it was sent once";
}

// Who made it is gone, and cannot take it back.
TEST(CounterRequests, MayCountTwiceOnceADiskWasLostOrClocksWereWrong) {
  Story story("counter");
  attempt(story.add(5, 0, 10), "r1");
  attempt(story.add(5, 20, 30), "r1", "n3");
  story.end({"10"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kNumberRight));
  story.history().conditions = {{.at_us = 0, .clocks_off = {"n2"}}};
  EXPECT_TRUE(is_good(story.judge()));
  story.history().conditions.clear();
  story.lose_power("n3", 40);
  EXPECT_TRUE(is_good(story.judge()));
  story.rest(35);
  EXPECT_TRUE(is_only(story.judge(), Demand::kNumberRight)) << "they had heard of each other";
}

TEST(CounterRequests, WhatIsSentAgainToANodeThatWasEmptiedMayCountTwice) {
  Story story("counter");
  attempt(story.add(5, 0, 10), "r1");
  story.rest(15);
  story.lose_disk("n3", 20);
  story.rest(25);
  attempt(story.add(5, 30, 40), "r1", "n3");
  story.end({"10"});
  EXPECT_TRUE(is_good(story.judge()));
  story.history().operations[1].request = "r2";
  EXPECT_TRUE(is_good(story.judge()));
  story.history().operations[1].outcome = Outcome::kNotApplied;
  EXPECT_TRUE(is_only(story.judge(), Demand::kNumberRight)) << "r1 was sent once";
}

TEST(CounterRequests, AnswersOfOneRequestDoNotAddUpToMoreReplicas) {
  Story story("counter");
  attempt(story.add(5, 0, 10), "r1");
  attempt(story.add(5, 20, 30), "r1", "n2");
  story.lose_disk("n1", 40);
  story.lose_disk("n2", 41);
  story.end({});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(CounterRequests, OnlyAttemptsOfOneRequestShareADot) {
  Story story("counter");
  const Operation first = attempt(story.add(5, 0, 10), "r1");
  attempt(story.add(5, 20, 30), "r2").dot = first.dot;
  story.end({"10"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kDotOnce));
}

}  // namespace
}  // namespace kv::check
