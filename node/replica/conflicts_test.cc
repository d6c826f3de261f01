// What a replica notes of versions that lost unseen, what it does not, and what it takes back.
#include "node/replica/conflicts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/base/limits.h"
#include "node/replica/testing/replica_on_disk.h"

namespace kv {
namespace {

using sim::ReplicaOnDisk;
using testing::ElementsAre;
using testing::IsEmpty;

class ConflictsTest : public testing::Test {
 protected:
  // "lost < winner", the latest first.
  static std::vector<std::string> noted(const ReplicaOnDisk& replica) {
    std::vector<std::string> all;
    for (const auto& [at, conflict] : replica.conflicts())
      all.push_back(to_string(conflict.lost.dot).substr(15) + " < " +
                    to_string(conflict.winner).substr(15));
    return all;
  }
  // A write to any bucket's key.
  static Delta put_to(ReplicaOnDisk& replica, const std::string& storage_key,
                      std::optional<std::string> value) {
    Delta delta;
    replica.change([&](Transaction& tx) {
      HlcClock hlc{500};
      delta = replica->write(tx, hlc, tx.wall, storage_key, std::move(value), {}).value();
    });
    return delta;
  }
  static Token token(const Clock& context) { return {context, Hlc{}}; }

  ReplicaOnDisk a_{0}, b_{1}, c_{2};
};

TEST_F(ConflictsTest, OfTwoConcurrentWritesTheOneThatLosesIsNotedWhereverBothMeet) {
  a_.set_wall_ms(5000);
  const Delta early = a_.put("k", "early");
  b_.set_wall_ms(6000);
  const Delta late = b_.put("k", "late");
  a_.apply(late);
  b_.apply(early);
  for (const ReplicaOnDisk* replica : {&a_, &b_}) {
    ASSERT_THAT(noted(*replica), ElementsAre("1:1 < 2:1"));
    const NotedConflict entry = replica->conflicts().front();
    EXPECT_EQ(entry.conflict.lost, early.version);
    EXPECT_EQ(entry.conflict.winner_hlc, late.version.hlc);
    EXPECT_EQ(entry.conflict.key, early.key);
  }
  EXPECT_EQ(a_.conflicts().front().at, WallMs{5000});
  EXPECT_EQ(b_.conflicts().front().at, WallMs{6000});
}

TEST_F(ConflictsTest, RepetitionMakesNoSecondEntryAlsoAcrossARestart) {
  const Delta early = a_.put("k", "early");
  b_.set_wall_ms(2000);
  const Delta late = b_.put("k", "late");
  a_.apply(late);
  a_.apply(late);
  a_.reopen();
  a_.apply(early);
  a_.repair_from(b_);
  EXPECT_THAT(noted(a_), ElementsAre("1:1 < 2:1"));
}

TEST_F(ConflictsTest, WhatIsSupersededWithKnowledgeIsNoConflict) {
  b_.apply(a_.put("k", "first"));
  const Delta second = b_.put("k", "second");
  a_.apply(second);
  a_.put("k", "third");
  a_.erase("k");
  EXPECT_THAT(noted(a_), IsEmpty());
  EXPECT_THAT(noted(b_), IsEmpty());
}

TEST_F(ConflictsTest, AWriteWithATokenThatHasNotSeenWhatIsHereIsOne) {
  const Delta seen = a_.put("k", "seen");
  a_.put("k", "unseen", token(seen.context));
  a_.put("k", "blind", token(seen.context));
  EXPECT_THAT(noted(a_), ElementsAre("1:2 < 1:3"));
}

TEST_F(ConflictsTest, ADeleteThatLosesIsOneAndASecondDeleteIsNot) {
  b_.set_wall_ms(2000);
  a_.apply(b_.put("k", "v"));
  c_.set_wall_ms(1000);
  const Delta deleted = c_.erase("k");
  a_.apply(deleted);
  EXPECT_THAT(noted(a_), ElementsAre("3:1 < 2:1"));
  EXPECT_FALSE(a_.conflicts().front().conflict.lost.value.has_value());
  const Delta other = c_.erase("j");
  b_.erase("j");
  b_.apply(other);
  EXPECT_THAT(noted(b_), IsEmpty()) << "both wanted it gone";
}

TEST_F(ConflictsTest, WhatHasExpiredIsNotLost) {
  const Delta expiring = a_.put_for("k", "short", 10);
  b_.set_wall_ms(2000);
  b_.put("k", "late");
  b_.apply(expiring);
  EXPECT_THAT(noted(b_), IsEmpty());
}

TEST_F(ConflictsTest, APageNotesWhatItsSenderHasNotSeenAndNothingElse) {
  a_.put("k", "of a");
  b_.set_wall_ms(2000);
  b_.put("k", "of b");
  c_.repair_from(b_);
  c_.repair_from(a_);
  EXPECT_THAT(noted(c_), ElementsAre("1:1 < 2:1"));
  a_.repair_from(c_);
  EXPECT_EQ(a_.value("k"), "of b");
  EXPECT_THAT(noted(a_), IsEmpty()) << "c has judged it";
}

TEST_F(ConflictsTest, AReadThatRepairsTellsWhetherTheLoserWasKnown) {
  const Delta early = a_.put("k", "early");
  b_.set_wall_ms(2000);
  const Delta late = b_.put("k", "late");
  const auto repaired = [&](ReplicaOnDisk& replica, const Clock& known) {
    replica.change([&](Transaction& tx) {
      EXPECT_TRUE(replica->apply(tx, Repair{late.key, late.version, known}).ok());
    });
    return noted(replica);
  };
  c_.apply(early);
  EXPECT_THAT(repaired(c_, late.context), ElementsAre("1:1 < 2:1"));
  Clock aware = late.context;
  aware.join(early.context);
  EXPECT_THAT(repaired(a_, aware), IsEmpty()) << "somebody has judged it";
  EXPECT_EQ(a_.value("k"), "late");
}

TEST_F(ConflictsTest, AnEarlierWriteThatHadSeenTheLoserTakesItsEntryBackAndALaterOneDoesNot) {
  const Delta first = a_.put("k", "first");
  b_.apply(first);
  const Delta second = b_.put("k", "second");
  c_.apply(second);
  const Delta third = c_.put("k", "third");
  a_.apply(third);  // overtakes the second
  EXPECT_THAT(noted(a_), ElementsAre("1:1 < 3:1"));
  a_.reopen();
  a_.apply(second);
  EXPECT_THAT(noted(a_), IsEmpty());

  const Delta lost = a_.put("j", "lost");
  b_.set_wall_ms(9000);
  const Delta winner = b_.put("j", "winner");
  a_.apply(winner);
  Clock all = winner.context;
  all.join(lost.context);
  c_.set_wall_ms(10'000);
  a_.apply(c_.put("j", "of one who read the winner", token(all)));
  EXPECT_THAT(noted(a_), ElementsAre("1:2 < 2:2"));
}

TEST_F(ConflictsTest, OfALargeValueOnlyTheSizeIsKept) {
  const Delta early = a_.put("k", std::string(kMaxConflictValueBytes + 1, 'v'));
  a_.put("j", std::string(kMaxConflictValueBytes, 'v'));
  b_.set_wall_ms(2000);
  a_.apply(b_.put("k", "late"));
  a_.apply(b_.put("j", "late"));
  const auto found = a_.conflicts();
  ASSERT_EQ(found.size(), 2U);
  for (const NotedConflict& entry : found) {
    const bool is_large = entry.conflict.lost.dot == early.version.dot;
    EXPECT_EQ(entry.conflict.left_out, is_large ? kMaxConflictValueBytes + 1 : 0);
    EXPECT_EQ(entry.conflict.lost.value.has_value(), !is_large);
  }
}

// A conflict in each of so many keys.
void lose(ReplicaOnDisk& a, ReplicaOnDisk& b, std::size_t count, const std::string& value) {
  b.set_wall_ms(1'000'000'000);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string key = "k" + std::to_string(i) + value.substr(0, 1);
    a.put(key, value);
    a.apply(b.put(key, "late"));
  }
}

absl::Status trim(ReplicaOnDisk& replica, std::size_t limit) {
  absl::Status status;
  replica.change([&](Transaction& tx) { status = replica->trim_conflicts(tx, limit); });
  return status;
}

TEST_F(ConflictsTest, TheOldestGoFirstByNumberByBytesAndByAge) {
  a_.set_wall_ms(1);
  lose(a_, b_, 5, "old");
  a_.set_wall_ms(2);
  lose(a_, b_, kMaxConflicts, "new");
  EXPECT_TRUE(trim(a_, 3).ok());
  EXPECT_EQ(a_.conflicts().size(), kMaxConflicts + 2) << "so many at once";
  EXPECT_TRUE(trim(a_, 1000).ok());
  EXPECT_EQ(a_.conflicts().size(), kMaxConflicts);
  EXPECT_EQ(a_.conflicts().back().at, WallMs{2});

  a_.set_wall_ms(3);
  lose(a_, b_, kMaxConflictBytes / kMaxConflictValueBytes + 1,
       std::string(kMaxConflictValueBytes, 'x'));
  a_.reopen();
  EXPECT_TRUE(trim(a_, 10'000).ok());
  EXPECT_EQ(a_.conflicts().size(), kMaxConflictBytes / (kMaxConflictValueBytes + 60));
  EXPECT_EQ(a_.conflicts().back().at, WallMs{3});

  a_.set_wall_ms(3 + kMaxConflictAgeMs - 1);
  EXPECT_TRUE(trim(a_, 10'000).ok());
  EXPECT_FALSE(a_.conflicts().empty());
  a_.set_wall_ms(3 + kMaxConflictAgeMs);
  EXPECT_TRUE(trim(a_, 10'000).ok());
  EXPECT_THAT(a_.conflicts(), IsEmpty());
}

TEST_F(ConflictsTest, OfSeveralValuesOfWhichOneWasShownTheOthersAreLostWithTheNextWrite) {
  for (const PolicyKind kind : {PolicyKind::kRegister, PolicyKind::kFww}) {
    ReplicaOnDisk x{0}, y{1};
    const std::string key = storage::storage_key({kind, "b"}, "k");
    const Delta of_x = put_to(x, key, "x");
    y.set_wall_ms(2000);
    x.apply(put_to(y, key, "y"));
    EXPECT_THAT(noted(x), IsEmpty()) << "both are still there";
    put_to(x, key, std::nullopt);
    EXPECT_THAT(noted(x), ElementsAre(kind == PolicyKind::kFww ? "2:1 < 1:1" : "1:1 < 2:1"));
  }
  const std::string flag = storage::storage_key({PolicyKind::kFlag, "b"}, "k");
  a_.apply(put_to(b_, flag, "true"));
  put_to(a_, flag, "1");
  EXPECT_THAT(noted(a_), IsEmpty());
}

TEST_F(ConflictsTest, WhatCannotBeReadRefusesTheWriteAndChangesNothing) {
  const Delta early = a_.put("k", "early");
  a_.reopen();
  b_.set_wall_ms(2000);
  const Delta late = b_.put("k", "late");
  storage::MemoryEngine::Faults faults;
  faults.scan = absl::DataLossError("damaged");
  a_.engine().set_faults(faults);
  a_.change([&](Transaction& tx) { EXPECT_FALSE(a_->apply(tx, late).ok()); });
  a_.engine().set_faults({});
  a_.apply(late);
  EXPECT_THAT(noted(a_), ElementsAre("1:1 < 2:1"));
}

}  // namespace
}  // namespace kv
