// What a replica may forget, and what it must not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/replica/testing/replica_on_disk.h"

namespace kv {
namespace {

using sim::ReplicaOnDisk;

const NodeIndex kThird{2};
constexpr std::int64_t kWall = 1000;  // of most writes

// What the peer holds on its disk now, all of it, has been stated.
void hear(ReplicaOnDisk& here, const ReplicaOnDisk& peer) {
  here->note_peer(peer.index(), peer->clock(), peer->clock());
}

void keep_up(ReplicaOnDisk& replica, std::int64_t wall_ms = 10'000, std::size_t limit = 100) {
  replica->note_durable(replica->clock());
  replica.change([&](Transaction& tx) {
    EXPECT_TRUE(replica->prune_log(tx, WallMs{wall_ms}, limit).ok());
    EXPECT_TRUE(replica->drop_due(tx, WallMs{wall_ms}, limit).ok());
    EXPECT_TRUE(replica.strip_contexts(tx, limit).ok());
  });
}

bool has_marker(const ReplicaOnDisk& replica, const std::string& key) {
  return !markers_of(replica.object(key)).empty();
}

class Markers : public testing::Test {
 protected:
  // All three have the key; the first deletes it.
  void SetUp() override {
    const Delta put = a_.put("k", "v");
    b_.apply(put);
    c_.apply(put);
    erased_ = a_.erase("k");
  }
  ReplicaOnDisk a_{0}, b_{1}, c_{2};
  Delta erased_;
};

TEST_F(Markers, StayUntilEveryReplicaHasThemOnDisk) {
  EXPECT_EQ(a_->markers(), 1U);
  b_.apply(erased_);
  hear(a_, b_);
  hear(a_, c_);
  keep_up(a_);
  EXPECT_TRUE(has_marker(a_, "k")) << "the third has not seen it";
  c_.apply(erased_);
  hear(a_, c_);
  keep_up(a_);
  EXPECT_FALSE(has_marker(a_, "k"));
  EXPECT_TRUE(a_.object("k").empty()) << "nothing is left of the key";
  EXPECT_EQ(a_->markers(), 0U);
  EXPECT_EQ(a_->floor(), erased_.version.hlc);
  EXPECT_EQ(a_.stored_state().floor, erased_.version.hlc) << "in the same batch";
}

TEST_F(Markers, WaitForWhatAReplicaHadWrittenBefore) {
  const Delta older = b_.put("k", "written before the delete arrived");
  b_.apply(erased_);
  c_.apply(erased_);
  hear(a_, b_);
  hear(a_, c_);
  keep_up(a_);
  EXPECT_TRUE(has_marker(a_, "k")) << "what b states it has written has not arrived";
  a_.apply(older);
  keep_up(a_);
  EXPECT_EQ(a_->markers(), 0U);
}

TEST_F(Markers, OfAKeyThatWasWrittenAgainLeaveTheNewValueAlone) {
  const Delta again = a_.put("k", "again");
  for (ReplicaOnDisk* peer : {&b_, &c_}) {
    peer->apply(erased_);
    peer->apply(again);
    hear(a_, *peer);
  }
  EXPECT_EQ(a_->markers(), 0U);
  a_->note_durable(a_->clock());
  a_.change([&](Transaction& tx) {
    EXPECT_TRUE(a_->prune_log(tx, WallMs{10'000}, 100).ok());
    for (const auto& [key, value] : tx.batch.changes())
      EXPECT_NE(key.first, storage::Family::kObjects) << "it is not stored once more";
  });
  EXPECT_TRUE(a_.log().empty());
  EXPECT_EQ(a_.value("k"), "again");
  EXPECT_EQ(a_->floor(), Hlc{}) << "nothing was dropped";
}

TEST_F(Markers, FromTheFutureWaitForTheirTime) {
  b_.apply(erased_);
  c_.apply(erased_);
  hear(a_, b_);
  hear(a_, c_);
  const std::int64_t its_ms = erased_.version.hlc.wall_ms();
  keep_up(a_, its_ms);
  EXPECT_TRUE(has_marker(a_, "k"));
  EXPECT_TRUE(a_.log().empty()) << "the log need not name it any more";
  keep_up(a_, its_ms + 1);
  EXPECT_FALSE(has_marker(a_, "k"));
  EXPECT_EQ(a_->floor(), erased_.version.hlc);
}

// Nothing but its log entry would ever bring up a marker again.
TEST_F(Markers, KeepTheirLogEntryWhileTheyCannotBeRead) {
  const Delta other = a_.put("x", "v");
  for (ReplicaOnDisk* peer : {&b_, &c_}) {
    peer->apply(erased_);
    peer->apply(other);
    hear(a_, *peer);
  }
  a_->note_durable(a_->clock());
  storage::MemoryEngine::Faults faults;
  faults.get = absl::UnavailableError("read error");
  a_.engine().set_faults(faults);
  a_.change([&](Transaction& tx) { EXPECT_FALSE(a_->prune_log(tx, WallMs{10'000}, 100).ok()); });
  a_.engine().set_faults({});
  EXPECT_TRUE(has_marker(a_, "k"));
  keep_up(a_);
  EXPECT_FALSE(has_marker(a_, "k"));
  EXPECT_TRUE(a_.log().empty());
}

TEST_F(Markers, ThatAreGoneStillOrderLaterWrites) {
  b_.apply(erased_);
  c_.apply(erased_);
  hear(a_, b_);
  hear(a_, c_);
  keep_up(a_);
  a_.reopen();
  a_.set_wall_ms(1);  // a clock that went back
  EXPECT_GT(a_.put("k", "later").version.hlc, erased_.version.hlc);
}

TEST_F(Markers, ThatAPeerDroppedOrderWritesHereToo) {
  b_.apply(erased_);
  c_.apply(erased_);
  hear(a_, b_);
  hear(a_, c_);
  keep_up(a_);
  ReplicaOnDisk new_c(2);
  new_c.set_wall_ms(1);
  new_c.apply_page(a_.answer({{}, {}, true, ""}));
  EXPECT_EQ(new_c->floor(), erased_.version.hlc);
  EXPECT_GT(new_c.put("k", "later").version.hlc, erased_.version.hlc);
}

TEST_F(Markers, ArePartOfWhatAPeerMustHaveSinceItLostItsDisk) {
  b_.apply(erased_);
  c_.apply(erased_);
  hear(a_, b_);
  hear(a_, c_);
  a_->note_peer(kThird, Clock{}, Clock{});  // wiped before anything was dropped
  keep_up(a_);
  EXPECT_TRUE(has_marker(a_, "k"));
}

TEST(Upkeep, AnActorThatHasNotHeardItsPeersWritesAfterAllThatTheyMayHaveDropped) {
  ReplicaOnDisk a(0), b(1), c(2);
  Rng rng(1);
  a->renew_actor(rng);
  EXPECT_TRUE(a->is_catching_up());
  EXPECT_GE(a.put("k", "v").version.hlc, hlc_from_wall(WallMs{1500})) << "the skew limit is 500 ms";
  hear(a, b);
  EXPECT_FALSE(a->is_catching_up()) << "nothing that b has is missing here";
  hear(a, c);
  a.set_wall_ms(5000);
  EXPECT_LT(a.put("k", "v").version.hlc, hlc_from_wall(WallMs{5001}));
}

TEST(Upkeep, AReplicaThatLacksWhatItsPeersHaveIsCatchingUp) {
  ReplicaOnDisk a(0), b(1);
  Rng rng(1);
  a->renew_actor(rng);
  b.put("k", "v");
  hear(a, b);
  EXPECT_TRUE(a->is_catching_up());
  a.repair_from(b);
  hear(a, b);
  EXPECT_FALSE(a->is_catching_up());
}

TEST(Upkeep, ALoneReplicaDropsItsMarkers) {
  ReplicaOnDisk a(0, 1);
  EXPECT_FALSE(a->is_catching_up());
  a.put("k", "v");
  const Delta erased = a.erase("k");
  EXPECT_TRUE(has_marker(a, "k"));
  keep_up(a, erased.version.hlc.wall_ms() + 1);
  EXPECT_TRUE(a.object("k").empty());
  EXPECT_EQ(a->markers(), 0U);
}

TEST(Upkeep, AContextGoesOnceTheClockCoversIt) {
  ReplicaOnDisk a(0), b(1);
  const Delta first = b.put("k", "first");
  const Delta second = b.put("k", "second");
  a.apply(second);
  EXPECT_FALSE(a.object("k").context.empty()) << "the first is not here";
  keep_up(a);
  EXPECT_FALSE(a.object("k").context.empty());
  a.apply(first);
  keep_up(a);
  EXPECT_TRUE(a.object("k").context.empty());
  EXPECT_EQ(a.value("k"), "second");
}

TEST(Upkeep, ContextsAreLookedThroughInTurns) {
  ReplicaOnDisk a(0), b(1);
  std::vector<Delta> firsts;
  for (int i = 0; i < 5; ++i) {
    const std::string key = "k" + std::to_string(i);
    firsts.push_back(b.put(key, "first"));
    a.apply(b.put(key, "second"));
  }
  a.apply(firsts[4]);
  for (int turn = 0; turn < 3; ++turn) keep_up(a, 10'000, 2);
  EXPECT_TRUE(a.object("k4").context.empty()) << "those before it must stay and are not in the way";
  EXPECT_FALSE(a.object("k0").context.empty());
}

TEST(Upkeep, ADiskThatCannotBeReadIsLeftAsItIs) {
  ReplicaOnDisk a(0, 1);
  a.put("k", "v");
  const Delta erased = a.erase("k");
  storage::MemoryEngine::Faults faults;
  faults.get = absl::UnavailableError("read error");
  a.engine().set_faults(faults);
  a.change([&](Transaction& tx) {
    EXPECT_FALSE(a->drop_due(tx, WallMs{erased.version.hlc.wall_ms() + 1}, 100).ok());
  });
  a.engine().set_faults({});
  EXPECT_TRUE(has_marker(a, "k"));
  keep_up(a, erased.version.hlc.wall_ms() + 1);
  EXPECT_FALSE(has_marker(a, "k")) << "it is still due";
}

// ---- What is ahead of the clock for good ----------------------------------------------------------------------------

// A page that was cut brought the effect of deletes and not their dots; then the only one who could name them is gone.
class Ahead : public testing::Test {
 protected:
  void lose_deletes_of(const std::vector<std::string>& keys) {
    ReplicaOnDisk gone(0);
    for (ReplicaOnDisk* replica : {&gone, &anew_, &b_, &c_})
      replica->set_policy(PolicyKind::kSiblings);
    for (const std::string& key : keys) c_.apply(gone.put(key, "v"));
    for (const std::string& key : keys) gone.erase(key);
    const SyncPage page =
        gone.answer({b_->clock(), b_->durable(), false, ""}, {1 << 20, keys.size()});
    ASSERT_TRUE(page.more);
    b_.apply_page(page);
    anew_.repair_from(b_);
    ASSERT_EQ(b_->clock(), c_->clock());
    ASSERT_EQ(anew_->clock(), c_->clock());
  }
  ReplicaOnDisk anew_{0}, b_{1}, c_{2};
};

TEST_F(Ahead, IsWrittenAgainOnceAllAreLevelSoThatNobodyShowsWhatWasSuperseded) {
  lose_deletes_of({"k"});
  EXPECT_EQ(b_.value("k"), std::nullopt);
  EXPECT_EQ(c_.value("k"), "v") << "by equal clocks";
  hear(b_, anew_);
  keep_up(b_);
  EXPECT_EQ(b_->clock(), c_->clock()) << "the third may still have it";
  hear(b_, c_);
  keep_up(b_);
  c_.repair_from(b_);
  EXPECT_EQ(c_.value("k"), std::nullopt);
  anew_.repair_from(b_);
  hear(b_, anew_);
  hear(b_, c_);
  const Clock announced = b_->clock();
  keep_up(b_);
  EXPECT_EQ(b_->clock(), announced) << "once is enough";
}

TEST_F(Ahead, AllAreWrittenAgainAtOnce) {
  lose_deletes_of({"k", "l", "m"});
  hear(b_, anew_);
  hear(b_, c_);
  keep_up(b_);
  EXPECT_EQ(b_->clock().minus(c_->clock()).count(), 3U);
  c_.repair_from(b_);
  for (const char* key : {"k", "l", "m"}) EXPECT_EQ(c_.value(key), std::nullopt);
}

// ---- A log that outgrows its bound ----------------------------------------------------------------------------------

class BoundedLog : public testing::Test {
 protected:
  // Only the first peer is connected.
  void cut(std::uint64_t max_entries, const std::vector<bool>& up = {true, true, false}) {
    a_.change([&](Transaction& tx) { EXPECT_TRUE(a_->cut_log(tx, up, max_entries, 100).ok()); });
  }
  ReplicaOnDisk a_{0}, b_{1}, c_{2};
};

TEST_F(BoundedLog, IsCutOfWhatOnlyAnAbsentReplicaLacks) {
  for (int i = 0; i < 10; ++i) b_.apply(a_.put("k" + std::to_string(i), "v"));
  const Delta under_way = a_.put("k", "v");
  hear(a_, b_);
  cut(11);
  EXPECT_EQ(a_.log().size(), 11U) << "within its bound";
  EXPECT_FALSE(a_->owes_transfer(kThird));
  cut(4);
  EXPECT_EQ(a_.log().size(), 4U);
  EXPECT_EQ(a_.log().begin()->first.counter, 8U) << "the oldest went";
  EXPECT_TRUE(a_->owes_transfer(kThird));
  EXPECT_FALSE(a_->owes_transfer(b_.index()));
  cut(1);
  EXPECT_EQ(a_.log().begin()->first, under_way.version.dot) << "a connected replica lacks it";
  EXPECT_EQ(a_.answer({c_->clock(), {}, false, ""}).unnamed.count(), 10U);
  EXPECT_EQ(b_.repair_from(a_), 1U);
}

TEST_F(BoundedLog, GivesUpAConnectedReplicaAtTwiceTheBound) {
  for (int i = 0; i < 10; ++i) a_.put("k" + std::to_string(i), "v");
  cut(3);
  EXPECT_EQ(a_.log().size(), 6U);
  EXPECT_TRUE(a_->owes_transfer(b_.index()));
}

TEST_F(BoundedLog, GivesUpFirstWhoLacksMost) {
  const std::vector<bool> all_away = {true, false, false};
  for (int i = 0; i < 10; ++i) {
    const Delta delta = a_.put("k" + std::to_string(i), "v");
    if (i < 8) b_.apply(delta);
  }
  hear(a_, b_);
  cut(2, all_away);
  EXPECT_TRUE(a_->owes_transfer(kThird));
  EXPECT_FALSE(a_->owes_transfer(b_.index()));
}

TEST_F(BoundedLog, AMarkerThatWasCutStaysUntilItIsStableAndNoLonger) {
  const Delta put = a_.put("k", "v");
  b_.apply(put);
  c_.apply(put);
  const Delta older = c_.put("k", "of one who is away");
  a_.set_wall_ms(kWall + 1);
  const Delta erased = a_.erase("k");
  b_.apply(erased);
  hear(a_, b_);
  cut(0);
  EXPECT_TRUE(a_->logged().empty());
  EXPECT_EQ(a_.log().size(), 1U) << "it brings the marker to mind";
  a_.reopen();
  hear(a_, b_);
  keep_up(a_);
  EXPECT_TRUE(has_marker(a_, "k")) << "the third has not seen it";
  a_.apply(older);
  EXPECT_EQ(a_.value("k"), std::nullopt) << "the delete is later";
  c_.apply(erased);
  hear(a_, c_);
  b_.apply(older);
  hear(a_, b_);
  keep_up(a_);
  EXPECT_EQ(a_->markers(), 0U);
  EXPECT_TRUE(a_.log().empty());
  EXPECT_TRUE(a_.stored_state().cut.empty());
  EXPECT_EQ(a_->floor(), erased.version.hlc);
}

TEST_F(BoundedLog, AMarkerThatWasCutAndOverwrittenLeavesNoEntry) {
  for (int i = 0; i < 5; ++i) {
    b_.apply(a_.put("k", "v"));
    b_.apply(a_.erase("k"));
    hear(a_, b_);
    cut(0);
    EXPECT_EQ(a_.log().size(), 1U);
  }
  b_.apply(a_.put("k", "v"));
  hear(a_, b_);
  cut(0);
  EXPECT_TRUE(a_.log().empty());
}

// ---- What expires ---------------------------------------------------------------------------------------------------

TEST(Expired, StaysAContenderUntilEveryReplicaHasIt) {
  ReplicaOnDisk a(0), b(1), c(2);
  c.set_wall_ms(kWall - 10);
  const Delta older = c.put("k", "older");
  const Delta expires = a.put_for("k", "v", 500);
  EXPECT_EQ(expires.version.expires, WallMs{kWall + 500});
  b.apply(expires);
  hear(a, b);
  hear(a, c);
  keep_up(a, 10'000);
  EXPECT_FALSE(a.object("k").empty()) << "the third does not have it";
  a.apply(older);
  EXPECT_EQ(a.object("k").versions.at(0).dot, expires.version.dot) << "nothing older comes back";
  c.apply(expires);
  b.apply(older);
  hear(a, b);
  hear(a, c);
  keep_up(a, 10'000);
  EXPECT_TRUE(a.object("k").empty());
  EXPECT_EQ(a->floor(), expires.version.hlc) << "later writes are after it";
  EXPECT_EQ(a->live_keys(), 0U);
}

TEST(Expired, IsDroppedAtItsTimeAndNotBefore) {
  ReplicaOnDisk alone(0, 1);
  alone.put_for("k", "v", 500);
  keep_up(alone, kWall + 499);
  EXPECT_FALSE(alone.object("k").empty());
  EXPECT_EQ(alone.due(), 1U);
  keep_up(alone, kWall + 500);
  EXPECT_TRUE(alone.object("k").empty());
  EXPECT_EQ(alone.due(), 0U);
}

TEST(Expired, AWriteTakesItsPlaceAndItsEntryInTheIndex) {
  ReplicaOnDisk alone(0, 1);
  for (int i = 0; i < 3; ++i) alone.put_for("k", "v", 500 + i);
  keep_up(alone, kWall + 5);
  EXPECT_EQ(alone.due(), 1U) << "one that is rewritten again and again leaves one entry";
  alone.put("k", "for ever");
  EXPECT_EQ(alone.due(), 0U);
  keep_up(alone, 10'000);
  EXPECT_EQ(alone.object("k").versions.at(0).value, "for ever");
}

}  // namespace
}  // namespace kv
