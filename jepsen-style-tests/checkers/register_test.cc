#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jepsen-style-tests/checkers/testing/story.h"

namespace kv::check {
namespace {

TEST(Register, WhatARegisterMayShow) {
  Story story;
  story.get({}, 0, 5);
  story.put("a", 10, 20);
  story.get({"a"}, 30, 40);
  story.put("b", 50, 100);
  story.get({"a"}, 60, 70);  // while b is written, one may see it,
  story.get({"b"}, 60, 70);
  story.get({"a"}, 80, 90);  // and then not
  story.get({"b"}, 110, 120);
  story.remove(130, 140);
  story.get({}, 150, 160);
  story.put("c", 170, 180);
  story.end({"c"});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Register, AReadMustSeeTheLastAcknowledgedWrite) {
  Story story;
  story.put("a", 10, 20);
  story.put("b", 30, 40);
  story.get({"a"}, 50, 60);
  story.end({"b"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kRegularRead));
}

TEST(Register, AReadMustNotSeeNothingWhenNobodyDeleted) {
  Story story;
  story.put("a", 10, 20);
  story.get({}, 50, 60);
  story.end({"a"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kRegularRead));
}

// One replica is asked that need not be one of the two which acknowledged.
TEST(Register, AReadThatMeetsNoAcknowledgingReplicaMaySeeLess) {
  Story story;
  story.put("a", 10, 20);
  Operation& one = story.get({}, 30, 40);
  one.level = Level::kOne;
  story.end({"a"});
  EXPECT_TRUE(is_good(story.judge()));
  story.history().operations.front().acks = 3;  // then all have it
  EXPECT_TRUE(is_only(story.judge(), Demand::kRegularRead));
}

// Which of two writes is last is for their times to say, not for the order in which they were acknowledged.
TEST(Register, TimesDecideWhichIsLast) {
  Story story;
  story.put("a", 10, 20).hlc = 100ULL << 32;
  story.put("b", 30, 40);
  story.get({"a"}, 50, 60);
  story.end({"a"});
  EXPECT_TRUE(is_good(story.judge()));
  story.history().operations[2].values = {"b"};
  story.history().operations[2].dots = {story.history().operations[1].dot};
  EXPECT_TRUE(is_only(story.judge(), Demand::kRegularRead));
}

TEST(Register, AWriteOfUnknownOutcomeMayShowAndMayNot) {
  Story story;
  story.put("a", 10, 20);
  Story::failed(story.put("b", 30, 40), Outcome::kUnknown);
  story.get({"a"}, 50, 60);
  story.get({"b"}, 70, 80).dots = {{7, 7}};
  story.get({"a"}, 90, 95);
  story.end({"b"});
  for (std::size_t i = 5; i < 8; ++i) story.history().operations[i].dots = {{7, 7}};
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Register, AnAcknowledgedWriteIsThereInTheEnd) {
  for (const std::vector<std::string>& shown :
       {std::vector<std::string>{"a"}, std::vector<std::string>{}}) {
    Story story;
    story.put("a", 10, 20);
    Operation& last = story.put("b", 30, 40);
    last.level = Level::kOne;
    last.acks = 1;
    story.end(shown);
    EXPECT_TRUE(is_only(story.judge(), Demand::kNothingLost));
  }
}

TEST(Register, ALostDiskExcusesWhatOnlyItHad) {
  Story story;
  story.put("a", 10, 20);
  story.rest(25);  // all have a
  Operation& last = story.put("b", 30, 40);
  last.level = Level::kOne;
  last.acks = 1;
  story.lose_disk("n1", 50);
  story.get({"a"}, 60, 70);
  story.end({"a"});
  EXPECT_TRUE(is_good(story.judge()));
  last.acks = 2;  // then another has it still
  EXPECT_TRUE(is_only(story.judge(), Demand::kNothingLost));
}

TEST(Register, ADiskThatIsLostDuringTheWriteCounts) {
  Story story;
  Operation& put = story.put("a", 10, 60);
  story.lose_disk("n1", 50);
  story.get({}, 70, 80);  // the other replica with it may not have been asked
  story.end({"a"});
  EXPECT_TRUE(is_good(story.judge()));
  put.acks = 3;
  EXPECT_TRUE(is_only(story.judge(), Demand::kRegularRead));
}

TEST(Register, WhatADeleteHasBeatenStaysGone) {
  Story story;
  story.put("a", 10, 20);
  story.remove(30, 40);
  story.get({"a"}, 50, 60);
  story.end({});
  EXPECT_TRUE(is_only(story.judge(), Demand::kDeletedStays));

  Story zombie;
  zombie.put("a", 10, 20);
  zombie.remove(30, 40);
  zombie.end({"a"});
  EXPECT_TRUE(is_only(zombie.judge(), Demand::kDeletedStays));
}

TEST(Register, ADeleteOfUnknownOutcomeMayRemove) {
  Story story;
  story.put("a", 10, 20);
  Story::failed(story.remove(30, 40), Outcome::kUnknown);
  story.get({"a"}, 50, 60);
  story.get({}, 70, 80);
  story.end({});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Register, ADeleteThatWasRefusedDoesNotRemove) {
  Story story;
  story.put("a", 10, 20);
  Story::failed(story.remove(30, 40), Outcome::kNotApplied);
  story.end({});
  EXPECT_TRUE(is_only(story.judge(), Demand::kNothingLost));
}

TEST(Register, AWriteIsAfterWhatItsTokenHadSeen) {
  Story story;
  story.put("a", 10, 20);
  Operation& after = story.put_seen("b", {"a"}, 30, 40);
  story.end({"b"});
  EXPECT_TRUE(is_good(story.judge()));
  after.hlc = 1;
  for (std::size_t i = 2; i < 5; ++i) {
    story.history().operations[i].values = {"a"};
    story.history().operations[i].dots = {story.history().operations[0].dot};
  }
  EXPECT_TRUE(is_only(story.judge(), Demand::kCausalOrder));
}

TEST(Register, AWriteIsAfterWhatEveryReplicaHad) {
  Story story;
  story.put("a", 10, 20).hlc = 100ULL << 32;
  story.put("b", 30, 40);
  story.end({"a"});
  EXPECT_TRUE(is_good(story.judge()));
  story.history().operations.front().acks = 3;
  EXPECT_TRUE(is_only(story.judge(), Demand::kCausalOrder));
}

TEST(Register, HoldsOneValue) {
  Story story;
  story.put("a", 10, 50);
  story.put("b", 10, 50);
  story.get({"a", "b"}, 20, 30);
  story.end({"b"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kContextHonoured));
}

}  // namespace
}  // namespace kv::check
