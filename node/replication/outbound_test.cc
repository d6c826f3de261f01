#include "node/replication/outbound.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

constexpr Partition kHere{1}, kOther{2};
constexpr Actor kWriter{0xa};

Instant moment(std::int64_t ms) { return after_ms(Instant{}, ms); }

class OutboundTest : public testing::Test {
 protected:
  OutboundTest() { outbound_.connect(); }

  bool admit(std::uint64_t counter, std::size_t bytes, std::int64_t at_ms = 0) {
    return outbound_.admit(kHere, {kWriter, counter}, bytes, moment(at_ms));
  }
  bool acknowledge(std::uint64_t first, std::uint64_t last, Partition partition = kHere) {
    Clock dots;
    dots.add_run(kWriter, {first, last});
    return outbound_.acknowledge(partition, dots);
  }

  Outbound outbound_{1000, 5000};
};

TEST_F(OutboundTest, AdmitsUpToTheWindowAndThenPauses) {
  EXPECT_TRUE(admit(1, 600));
  EXPECT_TRUE(admit(2, 400));
  EXPECT_EQ(outbound_.bytes(), 1000U);
  EXPECT_FALSE(admit(3, 1));
  EXPECT_TRUE(outbound_.is_paused());
}

TEST_F(OutboundTest, OneDeltaMayExceedTheWindow) {
  EXPECT_TRUE(admit(1, 5000));
  EXPECT_FALSE(admit(2, 1));
  EXPECT_TRUE(acknowledge(1, 1));
  EXPECT_TRUE(admit(3, 5000));
}

TEST_F(OutboundTest, APauseEndsOnceEverythingUnderWayIsAcknowledged) {
  ASSERT_TRUE(admit(1, 600));
  ASSERT_TRUE(admit(2, 300));
  ASSERT_FALSE(admit(3, 200));
  EXPECT_FALSE(acknowledge(1, 1)) << "there would be room, but what was skipped must come first";
  EXPECT_FALSE(admit(4, 1));
  EXPECT_TRUE(acknowledge(2, 2)) << "said once, so that the peer is told what it lacks";
  EXPECT_FALSE(acknowledge(2, 2));
  EXPECT_TRUE(admit(5, 1));
}

TEST_F(OutboundTest, WithoutAPauseAcknowledgementsAskForNothing) {
  ASSERT_TRUE(admit(1, 600));
  EXPECT_FALSE(acknowledge(1, 1));
  EXPECT_EQ(outbound_.bytes(), 0U);
}

TEST_F(OutboundTest, AcknowledgementsMayRepeatAndComeInAnyOrder) {
  for (std::uint64_t counter = 1; counter <= 4; ++counter) ASSERT_TRUE(admit(counter, 100));
  EXPECT_FALSE(acknowledge(3, 3));
  EXPECT_FALSE(acknowledge(3, 3));
  EXPECT_FALSE(acknowledge(4, 4));
  EXPECT_FALSE(acknowledge(7, 9)) << "nobody sent these";
  EXPECT_EQ(outbound_.bytes(), 400U) << "the window begins with the oldest that is under way";
  EXPECT_FALSE(acknowledge(1, 1));
  EXPECT_EQ(outbound_.bytes(), 300U);
  EXPECT_FALSE(acknowledge(2, 4));
  EXPECT_EQ(outbound_.bytes(), 0U);
  EXPECT_EQ(outbound_.next_overdue(), kNever);
}

TEST_F(OutboundTest, ALostDeltaDoesNotLetOthersPileUp) {
  ASSERT_TRUE(admit(1, 100));
  for (std::uint64_t counter = 2; counter <= 10; ++counter) {
    ASSERT_TRUE(admit(counter, 100));
    acknowledge(counter, counter);
  }
  EXPECT_FALSE(admit(11, 100)) << "all but the first are acknowledged, and take room behind it";
  EXPECT_TRUE(acknowledge(1, 1));
  EXPECT_TRUE(admit(12, 1000));
}

TEST_F(OutboundTest, ADotIsAcknowledgedWithinItsPartition) {
  ASSERT_TRUE(outbound_.admit(kOther, {kWriter, 1}, 100, moment(0)));
  acknowledge(1, 1, kHere);
  EXPECT_EQ(outbound_.bytes(), 100U);
  acknowledge(1, 1, kOther);
  EXPECT_EQ(outbound_.bytes(), 0U);
}

TEST_F(OutboundTest, WhatIsOverdueIsGivenUp) {
  ASSERT_TRUE(admit(1, 500, 0));
  ASSERT_TRUE(admit(2, 400, 100));
  ASSERT_FALSE(admit(3, 400, 200));
  acknowledge(2, 2);
  EXPECT_EQ(outbound_.next_overdue(), moment(5000));
  EXPECT_FALSE(outbound_.give_up_overdue(moment(4999)));
  EXPECT_TRUE(outbound_.give_up_overdue(moment(5000)));
  EXPECT_EQ(outbound_.next_overdue(), kNever);
  EXPECT_EQ(outbound_.bytes(), 0U);
  EXPECT_FALSE(outbound_.give_up_overdue(moment(9000)));
  EXPECT_TRUE(admit(4, 900, 5000)) << "pushing goes on";
  EXPECT_FALSE(acknowledge(1, 1)) << "late, for something given up";
  EXPECT_EQ(outbound_.bytes(), 900U);
}

TEST_F(OutboundTest, TheOldestThatIsNotAcknowledgedIsTheNextOverdue) {
  ASSERT_TRUE(admit(1, 100, 0));
  ASSERT_TRUE(admit(2, 100, 300));
  acknowledge(1, 1);
  EXPECT_EQ(outbound_.next_overdue(), moment(5300));
}

TEST_F(OutboundTest, NothingIsUnderWayAcrossConnections) {
  ASSERT_TRUE(admit(1, 600));
  ASSERT_FALSE(admit(2, 600));
  outbound_.disconnect();
  EXPECT_FALSE(outbound_.is_up());
  EXPECT_FALSE(admit(3, 1));
  EXPECT_FALSE(outbound_.is_paused()) << "down is not paused: reconnecting probes anyway";
  EXPECT_EQ(outbound_.next_overdue(), kNever);
  outbound_.connect();
  EXPECT_TRUE(admit(4, 600));
}

}  // namespace
}  // namespace kv
