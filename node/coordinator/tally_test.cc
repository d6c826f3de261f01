#include "node/coordinator/tally.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

TEST(Tally, CompletesWithAsManyDifferentReplicasAsNeeded) {
  Tally tally(2);
  EXPECT_FALSE(tally.complete());
  tally.add(NodeIndex{4});
  EXPECT_FALSE(tally.complete());
  tally.add(NodeIndex{4});
  EXPECT_FALSE(tally.complete()) << "the same one again";
  EXPECT_EQ(tally.count(), 1U);
  EXPECT_TRUE(tally.has(NodeIndex{4}));
  EXPECT_FALSE(tally.has(NodeIndex{0}));
  tally.add(NodeIndex{0});
  EXPECT_TRUE(tally.complete());
  tally.add(NodeIndex{1});
  EXPECT_TRUE(tally.complete());
  EXPECT_EQ(tally.count(), 3U);
}

TEST(Tally, AnyTwoQuorumsMeet) {
  for (std::size_t n = 1; n <= 7; ++n) {
    EXPECT_EQ(needed(Level::kOne, n), 1U);
    EXPECT_EQ(needed(Level::kAll, n), n);
    EXPECT_GT(2 * needed(Level::kQuorum, n), n);
    EXPECT_LE(2 * (needed(Level::kQuorum, n) - 1), n) << "no more than that takes";
  }
}

}  // namespace
}  // namespace kv
