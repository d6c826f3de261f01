#include "client/src/backoff.h"

#include <gtest/gtest.h>

#include <set>

namespace kv::client {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, DoublesUpToItsMaximumWithinTheUpperHalf) {
  Backoff backoff(7, milliseconds(20), milliseconds(100));
  for (const int longest : {20, 40, 80, 100, 100, 100}) {
    const milliseconds wait = backoff.next();
    EXPECT_GE(wait.count() * 2, longest);
    EXPECT_LE(wait.count(), longest);
  }
}

TEST(Backoff, SpreadsClientsThatFailedTogether) {
  std::set<milliseconds::rep> waits;
  for (std::uint64_t seed = 0; seed < 200; ++seed)
    waits.insert(Backoff(seed * 7919, milliseconds(200)).next().count());
  EXPECT_GT(waits.size(), 50U);
}

TEST(Backoff, IsTheSameForTheSameSeed) {
  Backoff one(3);
  Backoff two(3);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(one.next(), two.next());
}

}  // namespace
}  // namespace kv::client
