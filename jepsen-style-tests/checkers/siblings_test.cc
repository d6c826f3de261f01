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

}  // namespace
}  // namespace kv::check
