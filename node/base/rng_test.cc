#include "node/base/rng.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

TEST(Rng, TheSameSeedGivesTheSameNumbersEverywhere) {
  Rng rng(5489);
  EXPECT_EQ(rng.next(),
            14514284786278117030ULL);  // first output of mt19937_64 with its default seed
}

TEST(Rng, StaysInItsRangeAndReachesBothEnds) {
  Rng rng(1);
  bool low = false, high = false;
  for (int i = 0; i < 1000; ++i) {
    const auto n = rng.between(-2, 2);
    ASSERT_GE(n, -2);
    ASSERT_LE(n, 2);
    low |= n == -2;
    high |= n == 2;
  }
  EXPECT_TRUE(low && high);
}

}  // namespace
}  // namespace kv
