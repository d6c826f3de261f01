// What reads do for replicas that are behind, and when they ask one more (hedges): through Reads, as the core runs it.
#include "node/coordinator/reads/read_repair.h"

#include <gtest/gtest.h>

#include "node/coordinator/reads.h"
#include "node/coordinator/testing/node_alone.h"

namespace kv {
namespace {

using sim::NodeAlone;
using sim::only_message;

constexpr Partition kP{0};
constexpr Actor kB{0xb};
const std::string kKey = storage::storage_key(storage::default_bucket(), "k");
const std::string kCart = storage::storage_key({PolicyKind::kSiblings, "carts"}, "k");
const Version kOld{{kB, 1}, Hlc{10}, "old", {}};
const Version kNew{{kB, 2}, Hlc{20}, "new", {}};
const Clock kKnown{{kB, 1}, {kB, 2}};  // to those that hold it

class ReadRepairTest : public testing::Test {
 protected:
  // A get at ALL, at a node that holds a replica (place 0) or none (3).
  std::uint64_t get(NodeAlone& node, Reads& reads, const std::string& key = kKey,
                    Level level = Level::kAll) {
    node.step([&](Step& step) {
      reads.start(step, ClientGet{7, kP, key, level, node.in_ms(1000)});
    });
    return next_++;
  }
  Effects reply(NodeAlone& node, Reads& reads, std::size_t place, std::uint64_t request,
                std::vector<Version> versions, std::uint64_t processed) {
    ReadReply reply{request, {std::move(versions), {}}, {}};
    if (processed > 0) reply.clock.add_run(kB, {1, processed});
    return node.step([&](Step& step) { reads.on_read_reply(step, node.node(place), kP, reply); });
  }

  std::uint64_t next_ = 100;
  NodeAlone there_{4, 3};
  Reads reads_{there_.neighbours(), there_.replicas(), 10, 50, 100};
  NodeAlone here_{3, 0};
  Reads reads_here_{here_.neighbours(), here_.replicas(), 10, 50, 100};
};

TEST_F(ReadRepairTest, WhatWonIsSentToEachThatHasNotProcessedIt) {
  const std::uint64_t request = get(there_, reads_);
  reply(there_, reads_, 0, request, {kOld}, 1);
  reply(there_, reads_, 1, request, {kNew}, 2);
  const Effects effects = reply(there_, reads_, 2, request, {kOld}, 1);
  ASSERT_EQ(effects.replies.size(), 1U) << "answered all the same";
  ASSERT_EQ(effects.messages.size(), 2U);
  EXPECT_EQ(effects.messages[0].to, there_.node(0));
  EXPECT_EQ(effects.messages[1].to, there_.node(2));
  for (const Envelope& envelope : effects.messages)
    EXPECT_EQ(std::get<Repair>(envelope.message.body), (Repair{kKey, kNew, kKnown}));
  EXPECT_EQ(reads_.counters().repairs, 2U);
}

TEST_F(ReadRepairTest, WhoHasProcessedItIsLeftAlone) {
  const std::uint64_t request = get(there_, reads_);
  reply(there_, reads_, 0, request, {kNew}, 2);
  reply(there_, reads_, 1, request, {kNew}, 2);
  EXPECT_TRUE(reply(there_, reads_, 2, request, {kNew}, 2).messages.empty());
  EXPECT_EQ(reads_.counters().repairs, 0U);
}

TEST_F(ReadRepairTest, AMarkerIsAVersionLikeAnyOther) {
  const Version marker{{kB, 2}, Hlc{20}, {}, {}};
  const std::uint64_t request = get(there_, reads_);
  reply(there_, reads_, 0, request, {marker}, 2);
  reply(there_, reads_, 1, request, {marker}, 2);
  const Effects effects = reply(there_, reads_, 2, request, {kOld}, 1);
  EXPECT_EQ(only_message<Repair>(effects, there_.node(2)).version, marker);
}

TEST_F(ReadRepairTest, OfAMarkerThatIsGoneNothingIsLeftToSend) {
  const std::uint64_t request = get(there_, reads_);
  reply(there_, reads_, 0, request, {}, 2);
  reply(there_, reads_, 1, request, {}, 2);
  EXPECT_TRUE(reply(there_, reads_, 2, request, {kOld}, 1).messages.empty());
}

TEST_F(ReadRepairTest, TheReplicaHereIsRepairedByItsOwner) {
  const std::uint64_t request = get(here_, reads_here_);
  reply(here_, reads_here_, 1, request, {kNew}, 2);
  EXPECT_TRUE(reply(here_, reads_here_, 2, request, {kNew}, 2).messages.empty());
  const auto repairs = reads_here_.repairs().take_repairs_here();
  ASSERT_EQ(repairs.size(), 1U);
  EXPECT_EQ(repairs[0].second, (Repair{kKey, kNew, kKnown}));
  EXPECT_TRUE(reads_here_.repairs().take_repairs_here().empty()) << "each once";
}

// What is gone from a cart could not be told without the dots of the writes that removed it.
TEST_F(ReadRepairTest, WhereVersionsAreNotOrderedTheReplicasExchange) {
  const std::uint64_t request = get(here_, reads_here_, kCart);
  reply(here_, reads_here_, 1, request, {kOld, kNew}, 2);
  EXPECT_TRUE(reply(here_, reads_here_, 2, request, {kNew}, 2).messages.empty());
  EXPECT_EQ(reads_here_.repairs().take_exchanges(),
            (std::vector{std::pair{kP, here_.node(1)}, std::pair{kP, here_.node(2)}}));
  const std::uint64_t equal = get(here_, reads_here_, kCart);
  reply(here_, reads_here_, 1, equal, {}, 0);
  reply(here_, reads_here_, 2, equal, {}, 0);
  EXPECT_TRUE(reads_here_.repairs().take_exchanges().empty());
}

TEST_F(ReadRepairTest, HasABudgetOfBytes) {
  Reads reads(there_.neighbours(), there_.replicas(), 10, 50, 100, 100);
  const auto differ = [&] {
    const std::uint64_t request = get(there_, reads);
    reply(there_, reads, 0, request, {kNew}, 2);
    reply(there_, reads, 1, request, {kNew}, 2);
    return reply(there_, reads, 2, request, {kOld}, 1).messages.size();
  };
  EXPECT_EQ(differ(), 1U);
  EXPECT_EQ(differ(), 1U) << "some bytes were left";
  EXPECT_EQ(differ(), 0U);
  EXPECT_EQ(reads.counters().repairs_skipped, 1U);
  there_.pass_ms(1000);
  EXPECT_EQ(differ(), 1U);
}

// ---- Hedges -----------------------------------------------------------------------------------------------------------

class Hedges : public ReadRepairTest {
 protected:
  // The next node answers gets at QUORUM after `us`, so many times.
  void answer_after(std::int64_t us, int times) {
    for (int i = 0; i < times; ++i) {
      const std::uint64_t request = get(here_, reads_here_, kKey, Level::kQuorum);
      here_.pass_us(us);
      ASSERT_EQ(reply(here_, reads_here_, 1, request, {}, 0).replies.size(), 1U);
      // The other one must not be the faster for not being known.
      note_other(us);
    }
  }
  void note_other(std::int64_t us) {
    const std::uint64_t request = get(here_, reads_here_, kKey, Level::kAll);
    here_.pass_us(us);
    reply(here_, reads_here_, 1, request, {}, 0);
    here_.pass_us(us);
    reply(here_, reads_here_, 2, request, {}, 0);
  }
  Effects expire() {
    return here_.step([&](Step& step) { reads_here_.expire(step); });
  }
};

TEST_F(Hedges, ASpareIsAskedOnceItTakesLongerThanNearlyAlways) {
  answer_after(2000, 30);
  const std::uint64_t request = get(here_, reads_here_, kKey, Level::kQuorum);
  EXPECT_EQ(reads_here_.next_deadline(), after_us(here_.in_ms(0), 2000));
  here_.pass_us(2000);
  EXPECT_EQ(only_message<ReadRequest>(expire(), here_.node(2)).request, request);
  EXPECT_EQ(reads_here_.counters().hedges, 1U);
  EXPECT_EQ(reads_here_.counters().spares, 0U);
  EXPECT_EQ(reply(here_, reads_here_, 2, request, {}, 0).replies.size(), 1U);
}

TEST_F(Hedges, WithoutBudgetTheFixedTimeIsWaited) {
  answer_after(2000, 10);
  std::uint64_t sent = 0;
  for (int i = 0; i < 5; ++i) {
    get(here_, reads_here_, kKey, Level::kQuorum);
    here_.pass_us(2000);
    sent += expire().messages.size();
  }
  EXPECT_EQ(sent, 2U) << "one, and one in twenty of some twenty reads";
  EXPECT_EQ(reads_here_.counters().hedges, sent);
  here_.pass_ms(50);
  EXPECT_EQ(expire().messages.size(), 3U) << "the others have been asked";
  EXPECT_EQ(reads_here_.counters().spares, 3U);
}

TEST_F(Hedges, TheFixedTimeIsTheLatest) {
  answer_after(70'000, 10);
  get(here_, reads_here_, kKey, Level::kQuorum);
  EXPECT_EQ(reads_here_.next_deadline(), here_.in_ms(50));
}

TEST_F(Hedges, WhoIsSlowIsAskedLater) {
  for (int i = 0; i < 20; ++i) note_other(2000);  // the second answers after twice the time
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t request = get(here_, reads_here_, kKey, Level::kAll);
    here_.pass_us(100);
    reply(here_, reads_here_, 2, request, {}, 0);
    here_.pass_us(9000);
    reply(here_, reads_here_, 1, request, {}, 0);
  }
  const Effects effects = here_.step([&](Step& step) {
    reads_here_.start(step, ClientGet{7, kP, kKey, Level::kQuorum, here_.in_ms(1000)});
  });
  only_message<ReadRequest>(effects, here_.node(2));
}

}  // namespace
}  // namespace kv
