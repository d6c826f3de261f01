// What a replica does whose part of the disk is damaged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/replica/testing/replica_on_disk.h"

namespace kv {
namespace {

using sim::ReplicaOnDisk;

class Damage : public testing::Test {
 protected:
  void damage(ReplicaOnDisk& replica, const std::string& key) {
    replica.engine().damage(
        storage::Family::kObjects,
        storage::object_key(Partition{0}, storage::storage_key(storage::default_bucket(), key)));
  }
  absl::StatusOr<Object> read(ReplicaOnDisk& replica, const std::string& key) {
    const storage::WriteBatch none;
    return replica->read(storage::View(replica.engine(), none),
                         storage::storage_key(storage::default_bucket(), key));
  }
  bool is_backed(ReplicaOnDisk& replica, const ReplicaOnDisk& peer) {
    const storage::WriteBatch none;
    replica->note_peer(peer.index(), peer->clock(), peer->clock());
    return replica->is_backed_by(storage::View(replica.engine(), none), peer.index());
  }
  void discard(ReplicaOnDisk& replica) {
    storage::WriteBatch batch;
    replica->start_anew(batch, rng_);
    replica->flush(batch);
    ASSERT_TRUE(replica.engine().commit(batch).ok());
  }
  ReplicaOnDisk a_{0}, b_{1};
  Rng rng_{1};
};

TEST_F(Damage, IsNoticedByTheReadThatFindsIt) {
  a_.put("k", "v");
  damage(a_, "k");
  EXPECT_TRUE(a_->is_fit()) << "nobody has looked yet";
  EXPECT_EQ(read(a_, "k").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(a_->is_damaged());
  EXPECT_FALSE(a_->is_fit());
}

TEST_F(Damage, ARecordWithAWrongChecksumIsDamage) {
  storage::WriteBatch batch;
  batch.put(storage::Family::kObjects,
            storage::object_key(Partition{0}, storage::storage_key(storage::default_bucket(), "k")),
            "no record");
  ASSERT_TRUE(a_.engine().commit(batch).ok());
  EXPECT_EQ(read(a_, "k").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(a_->is_damaged());
}

TEST_F(Damage, AnErrorOfTheDiskIsNone) {
  storage::MemoryEngine::Faults faults;
  faults.get = absl::UnavailableError("read error");
  a_.engine().set_faults(faults);
  EXPECT_FALSE(read(a_, "k").ok());
  EXPECT_FALSE(a_->is_damaged());
}

TEST_F(Damage, WhatCanStillBeReadIsHandedOverAndNothingElseIsWaitedFor) {
  for (const char* key : {"a", "b", "c", "d"}) a_.put(key, "v");
  damage(a_, "b");
  a_.engine().damage(storage::Family::kLog, storage::log_key(Partition{0}, {Actor{1}, 3}));
  EXPECT_FALSE(read(a_, "b").ok());
  EXPECT_FALSE(is_backed(a_, b_));
  b_.repair_from(a_, {1, 1});
  EXPECT_EQ(b_.value("a"), "v");
  EXPECT_EQ(b_.value("b"), std::nullopt);
  EXPECT_EQ(b_.value("c"), std::nullopt) << "its log entry is damaged, so nobody knows of it";
  EXPECT_EQ(b_.value("d"), "v");
  EXPECT_EQ(b_->clock().count(), 2U) << "what it did not get it does not claim";
  EXPECT_TRUE(is_backed(a_, b_));
}

TEST_F(Damage, WhoWalksTheKeysIsNotAnswered) {
  a_.put("a", "v");
  damage(a_, "a");
  EXPECT_FALSE(read(a_, "a").ok());
  const storage::WriteBatch none;
  EXPECT_FALSE(a_->answer(storage::View(a_.engine(), none), {{}, {}, true, ""}, {}).ok());
}

TEST_F(Damage, ADiscardedReplicaStartsAnewAndIsFitOnceItHasCaughtUp) {
  for (const char* key : {"a", "b"}) b_.apply(a_.put(key, "v"));
  b_.apply(a_.erase("a"));
  damage(a_, "b");
  EXPECT_FALSE(read(a_, "b").ok());
  ASSERT_TRUE(is_backed(a_, b_));
  const Actor old = a_->actor();
  discard(a_);
  EXPECT_FALSE(a_->is_damaged());
  EXPECT_FALSE(a_->is_fit());
  EXPECT_NE(a_->actor(), old);
  EXPECT_TRUE(a_->clock().empty());
  EXPECT_EQ(a_->live_keys() + a_->markers(), 0U);
  EXPECT_TRUE(a_.log().empty());
  EXPECT_EQ(read(a_, "b").value(), Object{});
  a_.reopen();
  EXPECT_FALSE(a_->is_fit()) << "that it has not caught up is not forgotten";
  EXPECT_TRUE(a_->is_catching_up());
  a_.repair_from(b_);
  a_->note_peer(b_.index(), b_->clock(), b_->clock());
  EXPECT_TRUE(a_->is_fit());
  EXPECT_EQ(a_.value("b"), "v");
  EXPECT_EQ(a_->markers(), 1U);
}

}  // namespace
}  // namespace kv
