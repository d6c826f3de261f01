// Requests that come again, as one replica sees them: what it records, learns, corrects and forgets.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "node/replica/testing/replica_on_disk.h"

namespace kv {
namespace {

using sim::ReplicaOnDisk;

const std::string kVisits = storage::storage_key({PolicyKind::kCounter, "visits"}, "home");
const RequestId kId{7, 70};
const RequestLimits kLimits{10'000, 8};

class Requests : public testing::Test {
 protected:
  // An addition to a counter, or with another key a put.
  Delta write(ReplicaOnDisk& at, std::optional<std::string> value,
              const std::optional<RequestId>& id = kId, const std::string& key = kVisits) {
    Delta delta;
    at.change([&](Transaction& tx) {
      delta = at->write(tx, hlc_, WallMs{1000}, key, std::move(value), {}, Condition::kAlways, 0,
                        {}, id)
                  .value();
    });
    return delta;
  }

  static std::optional<storage::RequestRecord> known(ReplicaOnDisk& at, const RequestId& id = kId) {
    const storage::WriteBatch none;
    return at->find_request(storage::View(at.engine(), none), id).value();
  }

  static std::int64_t sum(ReplicaOnDisk& at) {
    const storage::WriteBatch none;
    const Object object = at->read(storage::View(at.engine(), none), kVisits).value();
    std::int64_t sum = 0;
    for (const Version& shown : storage::policy_of(kVisits).shown(object.versions))
      EXPECT_TRUE(absl::SimpleAtoi(shown.value.value(), &sum));
    return sum;
  }

  void drop(ReplicaOnDisk& at, std::int64_t wall_ms) {
    at.change([&](Transaction& tx) {
      EXPECT_TRUE(at->drop_requests(tx, WallMs{wall_ms}, kLimits, 100).ok());
    });
  }

  // Every replica has everything on disk, and each knows it of the others.
  void settle() {
    for (ReplicaOnDisk* at : {&a_, &b_, &c_}) {
      (*at)->note_durable((*at)->clock());
      for (const ReplicaOnDisk* peer : {&a_, &b_, &c_})
        if (peer != at) (*at)->note_peer(peer->index(), (*peer)->clock(), (*peer)->clock());
      at->change(
          [&](Transaction& tx) { EXPECT_TRUE((*at)->prune_log(tx, WallMs{1000}, 1000).ok()); });
    }
  }

  static void repair(const std::array<ReplicaOnDisk*, 3>& all) {
    for (int round = 0; round < 3; ++round)
      for (ReplicaOnDisk* at : all)
        for (const ReplicaOnDisk* peer : all)
          if (peer != at) at->repair_from(*peer);
  }
  void repair_all() { repair({&a_, &b_, &c_}); }

  HlcClock hlc_{500};
  ReplicaOnDisk a_{0}, b_{1}, c_{2};
};

TEST_F(Requests, AreRecordedInTheBatchOfTheirWrite) {
  write(a_, "1", {});
  const std::size_t before = a_.engine().unsynced();
  const Delta delta = write(a_, "5");
  EXPECT_EQ(a_.engine().unsynced(), before + 1) << "one commit";
  EXPECT_EQ(known(a_), (storage::RequestRecord{kId, delta.version.dot, delta.version.hlc, 5}));
  EXPECT_EQ(a_->requests(), 1U);
  EXPECT_EQ(a_.stored_state().requests, 1U);
  EXPECT_EQ(delta.request, kId);
  a_.engine().crash(before);
  a_.reopen();
  EXPECT_EQ(a_->requests(), 0U);
  EXPECT_FALSE(known(a_).has_value()) << "gone with the write";
}

TEST_F(Requests, AWriteWithoutAnIdLeavesNoTrace) {
  const Delta delta = write(a_, "5", {});
  EXPECT_EQ(a_->requests(), 0U);
  EXPECT_EQ(delta.request, std::nullopt);
  EXPECT_EQ(a_.log().at(delta.version.dot), kVisits);
  drop(a_, 1'000'000);
}

TEST_F(Requests, ADeltaTellsOfThem) {
  const Delta delta = write(a_, "5");
  b_.apply(delta);
  b_.apply(delta);
  EXPECT_EQ(known(b_)->dot, delta.version.dot);
  EXPECT_EQ(known(b_)->hlc, delta.version.hlc);
  EXPECT_EQ(b_->requests(), 1U) << "once";
}

TEST_F(Requests, PagesTellOfThemAlsoSecondHand) {
  const Delta delta = write(a_, "5");
  write(a_, "1", RequestId{8, 80});
  write(a_, "1", {});
  b_.repair_from(a_);
  c_.repair_from(b_);
  EXPECT_EQ(known(c_)->dot, delta.version.dot);
  EXPECT_EQ(known(c_)->id, kId);
  EXPECT_TRUE(known(c_, {8, 80}).has_value());
  EXPECT_EQ(c_->requests(), 2U);
}

TEST_F(Requests, APageThatIsCutTellsOfThoseThatItsVersionsBringAlong) {
  write(a_, "1", {});
  const Delta by_b = write(b_, "5");
  a_.apply(by_b);
  PageLimits one_dot;
  one_dot.dots = 1;
  const SyncPage page = a_.answer({}, one_dot);
  ASSERT_TRUE(page.more);
  ASSERT_EQ(page.items.size(), 1U);
  EXPECT_FALSE(page.items[0].dots.contains(by_b.version.dot)) << "the page was cut before it";
  c_.apply_page(page);
  ASSERT_TRUE(c_->clock().contains(by_b.version.dot)) << "its version came along";
  EXPECT_TRUE(known(c_).has_value());
}

TEST_F(Requests, ADotThatCameWithoutItsRequestLearnsItLater) {
  Delta delta = write(a_, "5");
  delta.request.reset();
  b_.apply(delta);
  EXPECT_FALSE(known(b_).has_value());
  delta.request = kId;
  b_.apply(delta);
  EXPECT_TRUE(known(b_).has_value());
  EXPECT_EQ(sum(b_), 5);
}

TEST_F(Requests, WhatTwoSidesAddedIsCountedOnce) {
  write(a_, "100", {});
  write(b_, "1000", {});
  const Delta first = write(a_, "5");
  const Delta second = write(b_, "5");
  EXPECT_FALSE(a_->take_corrected());
  b_.apply(first);
  EXPECT_TRUE(b_->take_corrected()) << "its dot is the greater one";
  EXPECT_FALSE(b_->take_corrected());
  EXPECT_EQ(sum(b_), 1105);
  EXPECT_EQ(known(b_)->dot, first.version.dot) << "that is what a retry is answered for";
  a_.apply(second);
  EXPECT_FALSE(a_->take_corrected()) << "the other one takes its amount back";
  EXPECT_EQ(sum(a_), 105 + 1005) << "which has not arrived yet";
  repair_all();
  for (ReplicaOnDisk* at : {&a_, &b_, &c_}) {
    EXPECT_EQ(sum(*at), 1105);
    EXPECT_EQ((*at)->clock(), a_->clock());
    EXPECT_EQ((*at)->requests(), 2U);
  }
}

// Whoever has a correction also has the write that counts: it comes with a page only, whose item holds both.
TEST_F(Requests, ACorrectionBringsAlongWhatCounts) {
  write(b_, "5");
  b_.apply(write(a_, "5"));
  c_.repair_from(b_);
  EXPECT_EQ(sum(c_), 5);
  EXPECT_TRUE(c_->clock().covers(a_->clock()));
}

TEST_F(Requests, WhatWasAddedTwiceIsTakenBackOnceHoweverOftenItIsHeardOf) {
  const Delta first = write(a_, "5");
  write(b_, "5");
  for (int i = 0; i < 3; ++i) b_.apply(first);
  b_.reopen();
  b_.apply(first);
  b_.repair_from(a_);
  EXPECT_EQ(sum(b_), 5);
}

TEST_F(Requests, WhatIsTakenAwayTwiceIsGivenBack) {
  write(b_, "100", {});
  const Delta first = write(a_, "-5");
  write(b_, "-5");
  b_.apply(first);
  EXPECT_EQ(sum(b_), 95);
}

// Three attempts at three replicas, whose deltas arrive in any order, any of them not at all.
TEST_F(Requests, ThreeAttemptsCountOnceInEveryOrder) {
  for (unsigned order = 0; order < 6 * 64; ++order) {
    ReplicaOnDisk a(0), b(1), c(2);
    const std::array<ReplicaOnDisk*, 3> all{&a, &b, &c};
    const std::array<Delta, 3> made{write(a, "5"), write(b, "5"), write(c, "5")};
    std::array<unsigned, 3> from{0, 1, 2};
    for (unsigned i = 0; i < order / 64; ++i) std::next_permutation(from.begin(), from.end());
    unsigned bit = order % 64;
    for (const unsigned i : from)
      for (ReplicaOnDisk* to : all)
        if (to->index().value != i && (std::exchange(bit, bit / 2) & 1U) != 0) to->apply(made[i]);
    repair(all);
    for (ReplicaOnDisk* at : all) ASSERT_EQ(sum(*at), 5) << "order " << order;
  }
}

TEST_F(Requests, WhatADeleteHasTakenIsNotTakenAgain) {
  const Delta first = write(a_, "5");
  write(b_, "5");
  write(b_, std::nullopt, {});
  b_.apply(first);
  EXPECT_EQ(sum(b_), 5) << "of the first, which the delete had not seen";
}

TEST_F(Requests, ASumThatCannotBeTakenFromStaysAsItIs) {
  const Delta first = write(a_, "10");
  write(b_, absl::StrCat(INT64_MIN), {});
  write(b_, "10");
  write(b_, "-5", {});
  b_.apply(first);
  EXPECT_FALSE(b_->take_corrected()) << "it would be below what 64 bits hold";
}

TEST_F(Requests, AnIdThatWasUsedForTwoThingsIsNoDuplicate) {
  const Delta first = write(a_, "5");
  write(b_, "6", RequestId{kId.name, 71});
  b_.apply(first);
  EXPECT_EQ(sum(b_), 11);
  EXPECT_EQ(known(b_, {kId.name, 71})->id.digest, 71U) << "each finds its own";
  EXPECT_EQ(known(b_)->id.digest, 70U);
  EXPECT_EQ(known(b_, {kId.name, 72})->id.digest, 70U) << "a third finds that it is taken";
}

TEST_F(Requests, WhatIsPutTwiceNeedsNoCorrection) {
  const std::string key = storage::storage_key(storage::default_bucket(), "k");
  const Delta first = write(a_, "5", kId, key);
  const Delta second = write(b_, "5", kId, key);
  b_.apply(first);
  EXPECT_FALSE(b_->take_corrected());
  EXPECT_EQ(b_.object("k").versions, std::vector{second.version});
}

TEST_F(Requests, DamageChangesNothing) {
  const Delta first = write(a_, "5");
  const Dot own = write(b_, "5").version.dot;
  storage::WriteBatch rubbish;
  rubbish.put(storage::Family::kMeta, storage::request_key(Partition{0}, kId.name, own), "rubbish");
  ASSERT_TRUE(b_.engine().commit(rubbish).ok());
  const Clock before = b_->clock();
  b_.change([&](Transaction& tx) {
    EXPECT_EQ(b_->apply(tx, first).code(), absl::StatusCode::kDataLoss);
    EXPECT_TRUE(tx.batch.empty());
  });
  EXPECT_EQ(b_->clock(), before);
}

// ---- Forgetting ---------------------------------------------------------------------------------------------------------

class Forgetting : public Requests {
 protected:
  // Everybody has it.
  void SetUp() override {
    write(a_, "5");
    repair_all();
    settle();
  }
};

TEST_F(Forgetting, ComesAfterTheWindow) {
  drop(a_, 1000 + kLimits.window_ms - 1);
  EXPECT_TRUE(known(a_).has_value());
  drop(a_, 1000 + kLimits.window_ms);
  EXPECT_FALSE(known(a_).has_value());
  EXPECT_EQ(a_->requests(), 0U);
  EXPECT_EQ(a_.stored_state().requests, 0U);
}

TEST_F(Forgetting, LeavesNothingOnTheDisk) {
  drop(a_, 1'000'000);
  for (const std::string& prefix : {std::string("q"), std::string("a")})
    EXPECT_TRUE(a_.engine()
                    .scan(storage::Family::kMeta, prefix, storage::prefix_end(prefix),
                          [](auto, auto) {
                            ADD_FAILURE();
                            return false;
                          })
                    .ok());
}

// Or the two sides of a partition that outlasts the window would not know of each other's write.
TEST_F(Forgetting, WaitsForWhoeverMayLackTheWrite) {
  write(a_, "5", RequestId{8, 80});
  drop(a_, 1'000'000);
  EXPECT_TRUE(known(a_, {8, 80}).has_value());
  drop(a_, 1'000'000 + kLimits.window_ms / 4);
  EXPECT_TRUE(known(a_, {8, 80}).has_value()) << "looked at again";
  repair_all();
  settle();
  drop(a_, 1'000'000 + kLimits.window_ms);
  EXPECT_FALSE(known(a_, {8, 80}).has_value());
}

TEST_F(Forgetting, DoesNotWaitWhenThereIsLittleRoom) {
  for (std::uint64_t i = 0; i < kLimits.most; ++i) write(a_, "5", RequestId{100 + i, 1});
  drop(a_, 1'000'000);
  EXPECT_EQ(a_->requests(), kLimits.most / 2);
}

TEST_F(Forgetting, OfAClockThatWasFarAheadDoesNotTakeLonger) {
  Delta delta = write(a_, "5", RequestId{8, 80});
  delta.version.hlc = Hlc{delta.version.hlc.bits + (1ULL << 58)};
  b_.apply(delta);
  repair_all();
  settle();
  drop(b_, 2000);
  EXPECT_TRUE(known(b_, {8, 80}).has_value());
  drop(b_, 2000 + kLimits.window_ms);
  EXPECT_FALSE(known(b_, {8, 80}).has_value());
}

}  // namespace
}  // namespace kv
