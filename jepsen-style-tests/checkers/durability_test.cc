// What a loss of power may take, and what it may not.
#include <gtest/gtest.h>

#include "jepsen-style-tests/checkers/testing/story.h"

namespace kv::check {
namespace {

using history::Durability;

void lose_power_everywhere(Story& story, std::int64_t at) {
  for (const char* node : {"n1", "n2", "n3"}) story.lose_power(node, at);
}

TEST(Durability, WhatWasAcknowledgedAtOsMayGoWithThePowerOfAll) {
  Story story;
  Operation& put = story.put("a", 0, 10);
  lose_power_everywhere(story, 20);
  story.end({});
  EXPECT_TRUE(is_good(story.judge()));
  put.durability = Durability::kDisk;
  EXPECT_TRUE(is_only(story.judge(), Demand::kNothingLost));
}

TEST(Durability, OneLossOfPowerTakesOneOfTheReplicasThatHaveItAtOs) {
  Story story;
  Operation& put = story.put("a", 0, 10);
  story.lose_power("n1", 20);
  story.end({});
  EXPECT_TRUE(is_only(story.judge(), Demand::kNothingLost));
  put.acks = 1;
  put.level = Level::kOne;
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Durability, ALostDiskTakesWhatWasOnIt) {
  Story story;
  Operation& put = story.put("a", 0, 10);
  put.durability = Durability::kDisk;
  story.lose_disk("n1", 20);
  story.lose_disk("n2", 30);
  story.end({});
  EXPECT_TRUE(is_good(story.judge()));
  put.acks = 3;
  EXPECT_TRUE(is_only(story.judge(), Demand::kNothingLost));
}

// The other two replicas got it later, and need not have synced it.
TEST(Durability, EqualReplicasHaveItAllButNotOnDisk) {
  Story story;
  Operation& put = story.put("a", 0, 10);
  put.acks = 1;
  put.level = Level::kOne;
  put.durability = Durability::kDisk;
  story.rest(20);
  story.lose_disk("n1", 30);
  story.end({});
  EXPECT_TRUE(is_only(story.judge(), Demand::kNothingLost)) << "two have it still";
  lose_power_everywhere(story, 40);
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Durability, AnEarlierValueThatIsOnDiskComesBack) {
  Story story;
  story.put("a", 0, 10).durability = Durability::kDisk;
  story.put("b", 20, 30);
  lose_power_everywhere(story, 40);
  story.end({"a"});
  EXPECT_TRUE(is_good(story.judge()));
  story.history().operations[1].durability = Durability::kDisk;
  EXPECT_TRUE(is_only(story.judge(), Demand::kNothingLost));
}

TEST(Durability, AWriteUnderWayWhenThePowerGoes) {
  Story story;
  Operation& put = story.put("a", 0, 50);
  lose_power_everywhere(story, 20);
  story.end({});
  EXPECT_TRUE(is_good(story.judge()));
  put.durability = Durability::kDisk;
  EXPECT_TRUE(is_only(story.judge(), Demand::kNothingLost));
}

TEST(Durability, OfSiblings) {
  Story story("siblings");
  Operation& a = story.put("a", 0, 10);
  Operation& b = story.put_seen("b", {"a"}, 20, 30);
  lose_power_everywhere(story, 40);
  story.end({});
  EXPECT_TRUE(is_good(story.judge()));
  b.durability = Durability::kDisk;
  EXPECT_TRUE(is_only(story.judge(), Demand::kNothingLost));
  b.durability = Durability::kOs;
  a.durability = Durability::kDisk;
  EXPECT_TRUE(is_good(story.judge())) << "a may have been replaced";
}

TEST(Durability, OfASiblingThatWasReplacedOnDisk) {
  Story story("siblings");
  story.put("a", 0, 10).durability = Durability::kDisk;
  Operation& b = story.put_seen("b", {"a"}, 20, 30);
  lose_power_everywhere(story, 40);
  story.end({"a"});
  EXPECT_TRUE(is_good(story.judge()));
  b.durability = Durability::kDisk;
  EXPECT_TRUE(story.judge().has(Demand::kContextHonoured));
}

TEST(Durability, OfACounter) {
  Story story("counter");
  story.add(5, 0, 10).durability = Durability::kDisk;
  Operation& later = story.add(2, 20, 30);
  lose_power_everywhere(story, 40);
  story.end({"5"});
  EXPECT_TRUE(is_good(story.judge()));
  later.durability = Durability::kDisk;
  EXPECT_TRUE(is_only(story.judge(), Demand::kNothingLost));
}

}  // namespace
}  // namespace kv::check
