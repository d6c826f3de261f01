#include <gtest/gtest.h>

#include "jepsen-style-tests/checkers/testing/story.h"

namespace kv::check {
namespace {

TEST(Elements, WhatASetMayShow) {
  Story story("set");
  story.elements({}, 0, 5);
  story.insert("a", 10, 20);
  story.elements({"a"}, 30, 40);
  story.insert("b", 50, 70);
  story.elements({"a"}, 55, 60);
  story.elements({"b", "a"}, 80, 90);
  story.erase("a", 100, 120);
  story.elements({"a", "b"}, 105, 110);
  story.elements({"b"}, 130, 140);
  story.insert("a", 150, 160);
  story.end({"a", "b"});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Elements, OneThatWasInsertedIsThere) {
  Story story("set");
  story.insert("a", 0, 10);
  story.elements({}, 20, 30);
  story.end({"a"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kRegularRead));
  Story lost("set");
  lost.insert("a", 0, 10);
  lost.end({});
  EXPECT_TRUE(is_only(lost.judge(), Demand::kNothingLost));
}

// Adding wins over a removal that cannot have seen it.
TEST(Elements, AnInsertionOutlivesARemovalThatEndedBefore) {
  Story story("set");
  story.insert("a", 0, 10);
  story.erase("a", 20, 30);
  story.insert("a", 40, 50);
  story.end({});
  EXPECT_TRUE(is_only(story.judge(), Demand::kNothingLost));
}

TEST(Elements, ARemovalAtTheSameTimeMayHaveSeenItAndMayNot) {
  for (const std::vector<std::string>& shown : {std::vector<std::string>{"a"}, {}}) {
    Story story("set");
    story.insert("a", 0, 20).acks = 3;
    story.erase("a", 10, 30);
    story.end(shown);
    EXPECT_TRUE(is_good(story.judge()));
  }
}

TEST(Elements, ARemovalOfUnknownOutcomeMayComeAtAnyTime) {
  Story story("set");
  story.insert("a", 0, 10);
  Story::failed(story.erase("a", 20, 30), Outcome::kUnknown);
  story.insert("a", 40, 50);
  story.end({});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Elements, WhatEveryReplicaHadIsGoneOnceItIsRemoved) {
  Story story("set");
  Operation& insert = story.insert("a", 0, 10);
  story.erase("a", 20, 30);
  story.end({"a"});
  EXPECT_TRUE(is_good(story.judge())) << "the replica that removed it need not have had it";
  insert.acks = 3;
  EXPECT_TRUE(is_only(story.judge(), Demand::kDeletedStays));
}

TEST(Elements, WhatIsInsertedAnewIsNotGone) {
  Story story("set");
  story.insert("a", 0, 10).acks = 3;
  story.erase("a", 20, 30);
  Story::failed(story.insert("a", 40, 50), Outcome::kUnknown);
  story.end({"a"});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Elements, ARemovalOnLostDisksRemovesNothing) {
  Story story("set");
  story.insert("a", 0, 10).acks = 3;
  Operation& erase = story.erase("a", 20, 30);
  story.lose_disk("n1", 40);
  story.lose_disk("n2", 50);
  story.end({"a"});
  EXPECT_TRUE(is_good(story.judge()));
  erase.acks = 3;
  EXPECT_TRUE(is_only(story.judge(), Demand::kDeletedStays));
}

TEST(Elements, AReplicaThatLostItsDiskMayRemoveNothing) {
  Story story("set");
  story.insert("a", 0, 10).acks = 3;
  story.lose_disk("n1", 15);
  story.erase("a", 20, 30).acks = 3;
  story.end({"a"});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Elements, AllOfThemEqualIsAllOfThem) {
  Story story("set");
  Story::failed(story.insert("a", 0, 10), Outcome::kUnknown);
  story.rest(20);
  story.erase("a", 30, 40);
  story.end({"a"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kDeletedStays));
}

TEST(Elements, NobodyReadsWhatNobodyInserted) {
  Story story("set");
  story.elements({"made up"}, 0, 10);
  story.end({});
  EXPECT_TRUE(is_only(story.judge(), Demand::kNoPhantom));
  Story refused("set");
  Story::failed(refused.insert("a", 0, 10), Outcome::kNotApplied);
  refused.end({"a"});
  EXPECT_TRUE(is_only(refused.judge(), Demand::kNoPhantom));
}

TEST(Elements, NoneIsShownTwice) {
  Story story("set");
  story.insert("a", 0, 10);
  story.elements({"a", "a"}, 20, 30);
  story.end({"a"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kContextHonoured));
}

TEST(Elements, ThePowerTakesWhatWasNotOnDisk) {
  Story story("set");
  Operation& insert = story.insert("a", 0, 10);
  for (const char* node : {"n1", "n2", "n3"}) story.lose_power(node, 20);
  story.end({});
  EXPECT_TRUE(is_good(story.judge()));
  insert.durability = history::Durability::kDisk;
  EXPECT_TRUE(is_only(story.judge(), Demand::kNothingLost));
}

}  // namespace
}  // namespace kv::check
