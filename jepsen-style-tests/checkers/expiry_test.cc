#include <gtest/gtest.h>

#include "jepsen-style-tests/checkers/testing/story.h"

namespace kv::check {
namespace {

Operation& for_a_second(Operation& put) {
  put.ttl_us = 1'000'000;
  return put;
}

TEST(Expiry, AValueIsShownForItsTimeAndThenNot) {
  Story story;
  for_a_second(story.put("a", 0, 10));
  story.get({"a"}, 20, 30);
  story.get({"a"}, 900, 910);
  story.get({}, 990, 1000);
  story.get({"a"}, 1500, 1510);  // by a clock that is behind
  story.get({}, 2000, 2010);
  story.end({});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Expiry, ItIsGoneAfterwards) {
  Story story;
  for_a_second(story.put("a", 0, 10));
  story.get({"a"}, 2000, 2010);
  story.end({});
  EXPECT_TRUE(is_only(story.judge(), Demand::kExpired));
  story.condition(900, {"n1"});
  story.history().conditions.back().clocks_off = {"n1"};
  EXPECT_TRUE(is_good(story.judge())) << "a clock was wrong";
  story.condition(950, {});
  EXPECT_TRUE(is_good(story.judge())) << "and was read again only later";
}

TEST(Expiry, NotBeforeItsTime) {
  Story story;
  for_a_second(story.put("a", 0, 10));
  story.get({}, 100, 110);
  story.end({});
  EXPECT_TRUE(is_only(story.judge(), Demand::kRegularRead));
  story.condition(90, {"n1"});
  story.history().conditions.back().clocks_off = {"n1"};
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Expiry, NothingOlderComesBack) {
  Story story;
  story.put("old", 0, 10);
  for_a_second(story.put("a", 20, 30));
  story.get({"old"}, 2000, 2010);
  story.end({});
  EXPECT_TRUE(is_only(story.judge(), Demand::kRegularRead));
}

TEST(Expiry, WhatIsPutLaterStays) {
  Story story;
  for_a_second(story.put("a", 0, 10));
  story.put("b", 20, 30);
  story.get({"b"}, 2000, 2010);
  story.end({"b"});
  EXPECT_TRUE(is_good(story.judge()));
  story.get({}, 3000, 3010);
  EXPECT_TRUE(is_only(story.judge(), Demand::kRegularRead));
}

TEST(Expiry, OneOfUnknownOutcomeMayHaveComeAndGone) {
  Story story;
  story.put("a", 0, 10);
  Story::failed(for_a_second(story.put("b", 20, 30)), Outcome::kUnknown);
  story.get({}, 2000, 2010);
  story.get({"a"}, 2100, 2110);
  story.end({});
  EXPECT_TRUE(is_good(story.judge()));
  story.history().operations[1].outcome = Outcome::kNotApplied;
  EXPECT_TRUE(story.judge().has(Demand::kRegularRead));
}

}  // namespace
}  // namespace kv::check
