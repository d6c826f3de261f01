#include "node/adapters/lua/merge_function.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kv::lua {
namespace {

using testing::HasSubstr;

const std::string kGreater = "function merge(a, b) return a > b and a or b end";

TEST(MergeFunction, DocumentsAreTheSameHoweverTheyAreWritten) {
  EXPECT_TRUE(is_same("x", "x"));
  EXPECT_FALSE(is_same("x", "y"));
  EXPECT_TRUE(is_same("{\"a\":1,\"b\":2}", "{ \"b\": 2.0, \"a\": 1 }"));
  EXPECT_FALSE(is_same("{\"a\":1}", "{\"a\":\"1\"}"));
  EXPECT_FALSE(is_same("[1", " [1"));
}

TEST(MergeFunction, ValuesAreShownOnOneLine) {
  EXPECT_EQ(shown("{\"a\":\"it's\"}"), "{\"a\":\"it's\"}");
  EXPECT_EQ(shown("a\nb\xff"), "a\\nb\\377");
  EXPECT_EQ(shown(""), "\"\"");
  EXPECT_EQ(shown(std::string(1000, 'x')), std::string(200, 'x') + "... (1000 bytes)");
}

TEST(MergeFunction, AllAreMergedWhateverTheirOrder) {
  EXPECT_EQ(*merge_all(kGreater, {"b"}), "b");
  EXPECT_EQ(*merge_all(kGreater, {"b", "c", "a", "b"}), "c");
  EXPECT_EQ(*merge_all("no Lua", {"a", "a"}), "a") << "nothing is to be merged";
  const std::string list =
      "function merge(a, b) return a < b and a .. '+' .. b or a == b and a or b .. '+' .. a end";
  // Not what the laws allow, but the same whatever came first.
  const auto one = merge_all(list, {"x", "y"});
  EXPECT_EQ(one.ok() ? *one : one.status().ToString(), "x+y");
}

TEST(MergeFunction, WhatBreaksALawIsNotMerged) {
  const auto first = merge_all("function merge(a, b) return a end", {"x", "y"});
  EXPECT_EQ(first.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(
      std::string(first.status().message()),
      HasSubstr("not commutative:\n  a = x\n  b = y\n  merge(a, b) = x\n  merge(b, a) = y"));
  const auto added = merge_all(
      "function merge(a, b) return json.encode(json.decode(a) + json.decode(b)) end", {"1", "2"});
  EXPECT_EQ(added.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(added.status().message()), HasSubstr("not idempotent:\n  a = 3"));
}

TEST(MergeFunction, WhatRaisesAnErrorIsNotMerged) {
  const auto refused = merge_all("function merge(a, b) error('no ' .. b) end", {"x", "y"});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused.status().message(), "merge:1: no y");
}

TEST(MergeFunction, ACallIsMadeOnce) {
  Merges merges(kGreater);
  EXPECT_TRUE(merges.check_value("a").ok());
  const std::int64_t steps = merges.steps();
  EXPECT_GT(steps, 0);
  EXPECT_TRUE(merges.check_idempotent("a").ok());
  EXPECT_EQ(merges.steps(), steps);
}

}  // namespace
}  // namespace kv::lua
