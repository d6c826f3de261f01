#include "node/replication/sessions.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

constexpr Partition kP{1}, kQ{2}, kR{3};
constexpr Actor kA{0xa}, kB{0xb};

Instant ms(std::int64_t ms) { return after_ms(Instant{}, ms); }

SyncPage log_page(bool more) {
  SyncPage page;
  page.more = more;
  return page;
}

SyncPage need_full() {
  SyncPage page;
  page.unnamed = Clock{{kB, 9}};
  return page;
}

SyncPage full_page(const std::string& after, const std::string& last, const Clock& applied = {}) {
  SyncPage page;
  page.full = true;
  page.after = after;
  page.last = last;
  page.more = !last.empty();
  page.applied = applied;
  return page;
}

class SessionsTest : public testing::Test {
 protected:
  Sessions sessions_{2, 5000, 70};

  std::vector<Partition> start(std::int64_t at_ms = 0) { return sessions_.start_wanted(ms(at_ms)); }
  SyncRequest request(Partition partition = kP) const {
    return sessions_.request_for(partition, Clock{{kA, 1}}, Clock{{kB, 1}});
  }
  Clock here_{{kA, 1}};
  // As an answer to the request under way.
  bool expects(Partition partition, SyncPage page) const {
    page.request = sessions_.request_under_way(partition);
    return sessions_.expects(partition, page);
  }
  Sessions::Progress advance(Partition partition, SyncPage page, Instant now) {
    page.request = sessions_.request_under_way(partition);
    return sessions_.advance(partition, page, here_, now);
  }
  void start_full() {
    sessions_.want(kP);
    start();
    ASSERT_TRUE(advance(kP, need_full(), ms(0)).ask_again);
  }
};

TEST_F(SessionsTest, StartsWhatIsWantedWithinTheLimit) {
  EXPECT_TRUE(start().empty());
  sessions_.want(kQ);
  sessions_.want(kP);
  sessions_.want(kP);
  sessions_.want(kR);
  EXPECT_EQ(start(), (std::vector{kP, kQ}));
  EXPECT_TRUE(start().empty());
  sessions_.want(kP);
  EXPECT_FALSE(advance(kP, log_page(false), ms(1)).ask_again);
  EXPECT_EQ(start(), (std::vector{kR}));
  EXPECT_EQ(sessions_.active(), 2U);
}

TEST_F(SessionsTest, AsksWithTheClocksOfTheMoment) {
  sessions_.want(kP);
  start();
  EXPECT_EQ(request(), (SyncRequest{Clock{{kA, 1}}, Clock{{kB, 1}}, false, "",
                                    sessions_.request_under_way(kP)}));
  EXPECT_TRUE(advance(kP, log_page(true), ms(1)).ask_again);
  EXPECT_EQ(request(), (SyncRequest{Clock{{kA, 1}}, Clock{{kB, 1}}, false, "",
                                    sessions_.request_under_way(kP)}));
}

TEST_F(SessionsTest, APageThatNobodyAskedForIsNotExpected) {
  EXPECT_FALSE(expects(kP, log_page(false)));
  sessions_.want(kP);
  EXPECT_FALSE(expects(kP, log_page(false))) << "wanted, not yet asked for";
  start();
  EXPECT_TRUE(expects(kP, log_page(false)));
  EXPECT_FALSE(expects(kQ, log_page(false)));
  EXPECT_FALSE(expects(kP, full_page("", "")));
  advance(kP, log_page(false), ms(1));
  EXPECT_FALSE(expects(kP, log_page(false))) << "repeated after the end";
}

// The log may have been pruned between the two requests: the old answer could ask for a full transfer for nothing.
TEST_F(SessionsTest, APageThatAnswersAnEarlierRequestIsNotExpected) {
  sessions_.want(kP);
  start();
  SyncPage late = need_full();
  late.request = request().request;
  ASSERT_TRUE(sessions_.expects(kP, late));
  sessions_.expire(ms(5000));
  start(5000);
  EXPECT_FALSE(sessions_.expects(kP, late));
  EXPECT_TRUE(expects(kP, late));
}

TEST_F(SessionsTest, WhatHasArrivedMeanwhileNeedsNoFullTransfer) {
  sessions_.want(kP);
  start();
  here_.add({kB, 9});
  const Sessions::Progress progress = advance(kP, need_full(), ms(1));
  EXPECT_TRUE(progress.ask_again);
  EXPECT_FALSE(progress.turned_full);
  EXPECT_FALSE(request().full);
}

TEST_F(SessionsTest, AFullTransferWalksTheKeysAndRefusesPagesOfOtherStretches) {
  start_full();
  EXPECT_EQ(request(), (SyncRequest{Clock{{kA, 1}}, Clock{{kB, 1}}, true, "",
                                    sessions_.request_under_way(kP)}));
  EXPECT_FALSE(expects(kP, need_full())) << "repeated";
  EXPECT_FALSE(expects(kP, log_page(false))) << "of an earlier session";
  const SyncPage first = full_page("", "k3");
  ASSERT_TRUE(expects(kP, first));
  EXPECT_TRUE(advance(kP, first, ms(1)).ask_again);
  EXPECT_EQ(request().after, "k3");
  EXPECT_FALSE(expects(kP, first)) << "repeated";
  EXPECT_FALSE(expects(kP, full_page("k4", ""))) << "would leave a gap";
  const Sessions::Progress progress = advance(kP, full_page("k3", ""), ms(2));
  EXPECT_FALSE(progress.ask_again);
  EXPECT_TRUE(progress.finished.has_value());
  EXPECT_EQ(sessions_.active(), 0U);
}

TEST_F(SessionsTest, AFullTransferIsCompleteUpToWhatEveryPageKnew) {
  const Clock early{{kA, 1}, {kA, 2}, {kB, 1}};
  const Clock grown{{kA, 1}, {kA, 2}, {kA, 3}, {kB, 1}};
  start_full();
  advance(kP, full_page("", "k3", early), ms(1));
  EXPECT_EQ(advance(kP, full_page("k3", "", grown), ms(2)).finished, early)
      << "the first page was older than the third write";

  // The sender lost power between two pages, and with it what its first page knew.
  const Clock shrunk{{kA, 1}, {kB, 1}};
  start_full();
  advance(kP, full_page("", "k3", early), ms(1));
  EXPECT_EQ(advance(kP, full_page("k3", "", shrunk), ms(2)).finished, shrunk);
}

TEST_F(SessionsTest, WithoutAFullTransferNothingIsFinishedByTheClock) {
  sessions_.want(kP);
  start();
  SyncPage page = log_page(false);
  page.applied = Clock{{kA, 5}};
  EXPECT_FALSE(advance(kP, page, ms(1)).finished.has_value());
}

TEST_F(SessionsTest, APageThatDoesNotComeIsWantedAgainFromTheStart) {
  start_full();
  advance(kP, full_page("", "k3", Clock{{kA, 1}}), ms(1000));
  EXPECT_EQ(sessions_.next_deadline(), ms(6000));
  sessions_.expire(ms(5999));
  EXPECT_EQ(sessions_.active(), 1U);
  sessions_.expire(ms(6000));
  EXPECT_EQ(sessions_.active(), 0U);
  EXPECT_EQ(sessions_.next_deadline(), kNever);
  EXPECT_FALSE(expects(kP, full_page("k3", "")));
  EXPECT_EQ(start(6000), (std::vector{kP}));
  EXPECT_FALSE(request().full) << "the log may do by now";
  EXPECT_EQ(sessions_.next_deadline(), ms(11'000));
}

TEST_F(SessionsTest, PartitionsThatNeverAnswerDoNotKeepTheOthersWaiting) {
  for (const Partition partition : {kP, kQ, kR}) sessions_.want(partition);
  ASSERT_EQ(start(), (std::vector{kP, kQ}));
  sessions_.expire(ms(5000));
  const auto started = start(5000);
  EXPECT_EQ(started.front(), kR);
}

TEST_F(SessionsTest, ABrokenConnectionEndsEverything) {
  for (const Partition partition : {kP, kQ, kR}) sessions_.want(partition);
  start();
  sessions_.reset();
  EXPECT_EQ(sessions_.active(), 0U);
  EXPECT_EQ(sessions_.next_deadline(), kNever);
  EXPECT_TRUE(start().empty()) << "the next probe starts again";
}

}  // namespace
}  // namespace kv
