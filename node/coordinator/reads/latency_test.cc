#include "node/coordinator/reads/latency.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

constexpr NodeIndex kFirst{1}, kSecond{2}, kThird{3};
constexpr Instant kStart{1'000'000};

std::vector<NodeIndex> sorted(const Latencies& latencies, Instant now = kStart) {
  std::vector<NodeIndex> nodes{kFirst, kSecond, kThird};
  latencies.sort(nodes, now);
  return nodes;
}

void note(Latencies& latencies, NodeIndex node, std::int64_t us, int times = 1) {
  for (int i = 0; i < times; ++i) latencies.note(node, us, kStart);
}

TEST(Latencies, TheFastestIsAskedFirstAndTheUnknownBeforeAll) {
  Latencies latencies;
  EXPECT_EQ(sorted(latencies), (std::vector{kFirst, kSecond, kThird})) << "the order that was";
  note(latencies, kFirst, 900);
  note(latencies, kSecond, 300);
  EXPECT_EQ(sorted(latencies), (std::vector{kThird, kSecond, kFirst}));
  note(latencies, kThird, 400);
  EXPECT_EQ(sorted(latencies), (std::vector{kSecond, kThird, kFirst}));
}

TEST(Latencies, OneSlowAnswerIsNotTypical) {
  Latencies latencies;
  note(latencies, kFirst, 300, 30);
  note(latencies, kFirst, 50'000);
  note(latencies, kSecond, 400, 30);
  note(latencies, kThird, 500, 30);
  EXPECT_EQ(sorted(latencies), (std::vector{kFirst, kSecond, kThird}));
}

TEST(Latencies, WhatWasLongAgoIsForgottenAndTheNodeIsTriedAgain) {
  Latencies latencies;
  note(latencies, kFirst, 900, 20);
  EXPECT_EQ(sorted(latencies, after_ms(kStart, 5000)), (std::vector{kSecond, kThird, kFirst}));
  const Instant later = after_ms(kStart, 5001);
  EXPECT_EQ(sorted(latencies, later), (std::vector{kFirst, kSecond, kThird}));
  EXPECT_EQ(latencies.p95_us(kFirst, later), 0);
  latencies.note(kFirst, 100, later);
  EXPECT_EQ(latencies.p95_us(kFirst, later), 0) << "one sample, not twenty-one";
}

TEST(Latencies, TheP95IsKnownAfterEnoughSamples) {
  Latencies latencies;
  note(latencies, kFirst, 100, 15);
  EXPECT_EQ(latencies.p95_us(kFirst, kStart), 0);
  note(latencies, kFirst, 100);
  EXPECT_EQ(latencies.p95_us(kFirst, kStart), 100);
  for (std::int64_t i = 1; i <= 64; ++i) latencies.note(kFirst, i * 10, kStart);
  EXPECT_EQ(latencies.p95_us(kFirst, kStart), 600) << "of the latest 64";
}

TEST(HedgeBudget, IsOneInTwentyReadsAndTenAtOnceAtMost) {
  HedgeBudget budget;
  EXPECT_TRUE(budget.spend()) << "one to start with";
  EXPECT_FALSE(budget.spend());
  for (int i = 0; i < 19; ++i) budget.earn();
  EXPECT_FALSE(budget.spend());
  budget.earn();
  EXPECT_TRUE(budget.spend());
  EXPECT_FALSE(budget.spend());
  for (int i = 0; i < 10'000; ++i) budget.earn();
  int spent = 0;
  while (budget.spend()) ++spent;
  EXPECT_EQ(spent, 10);
}

}  // namespace
}  // namespace kv
