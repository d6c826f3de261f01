#include <gtest/gtest.h>

#include "jepsen-style-tests/checkers/testing/story.h"

namespace kv::check {
namespace {

// Reads at ONE, of which nothing is demanded but by their sessions.
Operation& one(Operation& op, std::uint64_t session) {
  op.level = Level::kOne;
  if (is_write(op))
    op.acks = 1;
  else
    op.replicas = {"n3"};
  op.session = session;
  return op;
}

TEST(Sessions, SeeTheirOwnWritesAndWhatTheyHaveSeen) {
  Story story;
  one(story.put("a", 0, 10), 1);
  one(story.get({"a"}, 20, 30), 1);
  one(story.put("b", 40, 50), 2);
  one(story.get({"a"}, 60, 70), 1);  // of another session
  one(story.get({"b"}, 80, 90), 1);
  one(story.get({}, 80, 90), 3);  // one that has seen nothing
  one(story.get({"b"}, 100, 110), 1);
  story.end({"b"});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Sessions, AWriteIsReadByItsSession) {
  Story story;
  one(story.put("a", 0, 10), 1);
  one(story.put("b", 20, 30), 1);
  one(story.get({"a"}, 40, 50), 1);
  story.end({"b"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kSession));
  Story nothing;
  one(nothing.put("a", 0, 10), 1);
  one(nothing.get({}, 40, 50), 1);
  nothing.end({"a"});
  EXPECT_TRUE(is_only(nothing.judge(), Demand::kSession));
}

TEST(Sessions, ReadsDoNotGoBack) {
  Story story;
  one(story.put("a", 0, 10), 1);
  one(story.put("b", 20, 30), 2);
  one(story.get({"b"}, 40, 50), 3);
  Operation& again = one(story.get({"a"}, 60, 70), 3);
  story.end({"b"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kSession));
  again.session = 4;
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Sessions, WritesAreAfterWhatWasSeen) {
  Story story;
  Operation& ahead = one(story.put("a", 0, 10), 1);
  ahead.hlc = 100ULL << 16;
  one(story.get({"a"}, 20, 30), 2);
  Operation& write = one(story.put("b", 40, 50), 2);
  story.end({"a"});
  EXPECT_TRUE(is_only(story.judge(), Demand::kSession));
  write.hlc = 101ULL << 16;
  story.history().operations.resize(3);
  story.end({"b"});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Sessions, NothingIsShownOnceSomebodyDeletes) {
  Story story;
  one(story.put("a", 0, 10), 1);
  one(story.remove(20, 30), 2);
  one(story.get({}, 40, 50), 1);
  story.end({});
  EXPECT_TRUE(is_good(story.judge()));
}

TEST(Sessions, AWriteThatFailedIsNotExpected) {
  Story story;
  one(story.put("a", 0, 10), 1);
  Story::failed(one(story.put("b", 20, 30), 1), Outcome::kUnknown);
  one(story.get({"a"}, 40, 50), 1);
  story.end({"a"});
  EXPECT_TRUE(is_good(story.judge()));
}

}  // namespace
}  // namespace kv::check
