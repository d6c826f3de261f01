// What watchers were told: at each of three nodes somebody watches the bucket from before the first write on.
#include <gtest/gtest.h>

#include "jepsen-style-tests/checkers/testing/story.h"

namespace kv::check {
namespace {

using history::Told;

class Watched : public Story {
 public:
  explicit Watched(const std::string& policy = "lww") : Story(policy) {
    history().setup.watched = {"b"};
    history().told.reserve(500);
    for (const std::string& node : history().setup.nodes) begin(node, -1);
  }

  Told& begin(const std::string& node, std::int64_t at, const std::string& why = "") {
    return history().told.emplace_back(Told{.at_us = at * 1000,
                                            .node = node,
                                            .bucket = "b",
                                            .begins = true,
                                            .why = why,
                                            .knows_state = true});
  }

  // These writes came together, and the key shows these values since.
  Told& tell(const std::string& node, const std::vector<Operation>& writes,
             const std::vector<std::string>& values, std::int64_t at) {
    Told told{.at_us = at * 1000, .node = node, .bucket = "b", .key = "k", .values = values};
    for (const Operation& write : writes) told.dots.push_back(write.dot);
    for (const std::string& value : values)
      for (const Operation& op : history().operations)
        if (op.kind == Kind::kPut && op.value == value) told.shown.push_back(op.dot);
    return history().told.emplace_back(std::move(told));
  }
  void tell_all(const std::vector<Operation>& writes, const std::vector<std::string>& values,
                std::int64_t at) {
    for (const std::string& node : history().setup.nodes) tell(node, writes, values, at);
  }
};

TEST(Watch, EachWriteIsToldOnceWithWhatTheKeyShowsSince) {
  Watched story;
  const Operation a = story.put("a", 0, 10);
  const Operation b = story.put("b", 20, 30);
  const Operation none = story.remove(40, 50);
  const Operation c = story.put("c", 60, 70);
  story.tell_all({a}, {"a"}, 11);
  story.tell("n1", {b}, {"b"}, 31);
  story.tell("n1", {none}, {}, 51);
  story.tell("n1", {c}, {"c"}, 71);
  story.tell("n2", {none}, {}, 52);
  story.tell("n2", {b}, {}, 53);  // it lost against what was there
  story.tell("n2", {c}, {"c"}, 72);
  story.tell("n3", {b, none, c}, {"c"}, 90);  // the newest state only
  story.end({"c"});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Watch, AWriteThatIsNotToldIsMissing) {
  Watched story;
  Operation& a = story.put("a", 0, 10);
  const Operation b = story.put("b", 20, 30);
  story.tell_all({b}, {"b"}, 31);
  story.end({"b"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kWatchComplete));
  // Of one whose outcome is unknown, or that may be lost, nothing is said.
  const Operation was = a;
  Story::failed(a, Outcome::kUnknown);
  EXPECT_TRUE(is_good(story.judge()));
  a = was;
  story.lose_power("n2", 15);
  story.lose_power("n3", 16);
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Watch, AWriteOfBeforeItBeganNeedNotBeTold) {
  Watched story;
  story.put("a", 0, 10);
  for (Told& told : story.history().told) told.at_us = 15'000;
  story.end({"a"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kWatchComplete)) << "they take it to be absent";
  for (Told& told : story.history().told) told.state = {{"k", {"a"}}};
  EXPECT_TRUE(is_good(story.judge()));
  for (Told& told : story.history().told) told.state = {{"k", {"b"}}};
  EXPECT_TRUE(is_only(story.judge(), Demand::kWatchComplete));
  for (Told& told : story.history().told) told.knows_state = false;
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Watch, NothingIsToldTwice) {
  Watched story;
  const Operation a = story.put("a", 0, 10);
  story.tell_all({a}, {"a"}, 11);
  story.end({"a"});
  story.tell("n2", {}, {"a"}, 20);  // a version that is gone is named by no dot
  EXPECT_TRUE(is_good(story.judge()));
  story.tell("n2", {a}, {"a"}, 30);
  EXPECT_TRUE(is_only(story.judge(), Demand::kWatchOnce));
}

TEST(Watch, DotsAreOfTheirKeyAndOfTheirValue) {
  Watched story;
  const Operation a = story.put("a", 0, 10);
  story.tell_all({a}, {"a"}, 11);
  story.end({"a"});
  Told& told = story.history().told.back();
  told.shown = {{7, 7}};
  EXPECT_TRUE(is_only(story.judge(), Demand::kWatchOnce));
  told.shown = {a.dot};
  told.key = "other";
  told.values = {};
  EXPECT_TRUE(story.judge().has(Demand::kWatchOnce));
}

TEST(Watch, WhatItIsToldLastIsThereInTheEnd) {
  for (const std::string policy : {"lww", "siblings"}) {
    Watched story(policy);
    const Operation a = story.put("a", 0, 10);
    const Operation b = story.put_seen("b", {"a"}, 20, 30);
    const Operation none = story.remove_seen({"b"}, 40, 50);
    story.tell_all({a}, {"a"}, 11);
    story.tell_all({b}, {"b"}, 31);
    story.tell_all({none}, {}, 51);
    story.end({});
    EXPECT_TRUE(is_good(story.judge()));
    story.history().told.pop_back();  // it has not got to the end
    EXPECT_TRUE(is_only(story.judge(), Demand::kWatchComplete));
    story.tell("n3", {none}, {"b"}, 51);
    EXPECT_TRUE(story.judge().has(Demand::kWatchComplete));
  }
}

TEST(Watch, WhatANodeDoesNotHoldItDoesNotTellOf) {
  Watched story;
  const Operation a = story.put("a", 0, 10);
  story.tell("n1", {a}, {"a"}, 11);
  story.tell("n2", {a}, {"a"}, 11);
  story.end({"a"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kWatchComplete));
  story.history().operations.back().replicas = {"n1"};  // who answers n3's clients
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Watch, DoesNotGoBack) {
  Watched story;
  const Operation a = story.put("a", 0, 10);
  const Operation b = story.put("b", 20, 30);
  story.tell_all({b}, {"b"}, 31);
  story.tell("n1", {a}, {"b"}, 32);
  story.tell("n2", {a}, {"b"}, 32);
  Told& back = story.tell("n3", {a}, {"a"}, 32);
  story.tell("n3", {}, {"b"}, 33);
  story.end({"b"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kWatchOrder));
  back.values = {};
  EXPECT_TRUE(is_only(story.judge(), Demand::kWatchOrder)) << "nobody has deleted it";
  Story::failed(story.remove(22, 32), Outcome::kUnknown);
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Watch, ShowsWhatSomebodyWroteAndNobodyRefused) {
  Watched story;
  const Operation a = story.put("a", 0, 10);
  story.tell_all({a}, {"a"}, 11);
  story.end({"a"});
  const std::size_t told = story.history().told.size();
  story.tell("n1", {}, {"made up"}, 20);
  story.tell("n1", {}, {"a"}, 21);
  EXPECT_TRUE(is_only(story.judge(), Demand::kNoPhantom));
  story.history().told.resize(told);
  Story::failed(story.put("refused", 20, 30), Outcome::kNotApplied);
  story.tell("n1", {}, {"refused"}, 20);
  story.tell("n1", {}, {"a"}, 21);
  EXPECT_TRUE(is_only(story.judge(), Demand::kNotApplied));
}

TEST(Watch, BeginsAnewOnlyWhereSomethingMayBeLost) {
  Watched story;
  const Operation a = story.put("a", 0, 10);
  story.tell_all({a}, {"a"}, 11);
  story.begin("n2", 20, "too old").state = {{"k", {"a"}}};
  story.end({"a"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kWatchHonest));
  story.lose_power("n3", 15);
  EXPECT_TRUE(is_only(story.judge(), Demand::kWatchHonest)) << "that was another node";
  story.lose_power("n2", 15);
  EXPECT_TRUE(is_good(story.judge()));
  story.tell("n2", {a}, {"a"}, 30);  // which it has taken again from the others
  EXPECT_TRUE(is_good(story.judge()));
  story.history().disk_losses.clear();
  story.history().setup.nemeses = {"sync-errors"};
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Watch, MustBegin) {
  Watched story;
  story.history().told.pop_back();
  story.end({});
  EXPECT_TRUE(is_only(story.judge(), Demand::kWatchComplete));
}

// States then travel that do not name what they replaced, also on to those that have lost nothing.
TEST(Watch, WhereADiskWasLostDotsMayBeMissingUntilAllAreEqual) {
  Watched story;
  story.lose_disk("n3", 15);
  story.begin("n3", 16, "too old");
  const Operation a = story.put("a", 20, 30);
  const Operation b = story.put("b", 40, 50);
  story.tell("n1", {a}, {"a"}, 31);
  story.tell("n1", {b}, {"b"}, 51);
  story.tell("n2", {b}, {"b"}, 51);
  story.tell("n3", {b}, {"b"}, 51);
  story.end({"b"});
  EXPECT_TRUE(is_good(story.judge()));
  story.history().told.back().values = {"a"};
  EXPECT_TRUE(story.judge().has(Demand::kWatchComplete)) << "the end is to be right all the same";
  story.history().told.back().values = {"b"};
  story.history().rests.insert(story.history().rests.begin(), {18'000, true, ""});
  EXPECT_TRUE(is_only(story.judge(), Demand::kWatchComplete));
}

}  // namespace
}  // namespace kv::check
