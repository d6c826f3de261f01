// Anti-entropy's half of a replica.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/replica/testing/replica_on_disk.h"

namespace kv {
namespace {

using sim::ReplicaOnDisk;

std::string stored_at(const std::string& user_key) {
  return storage::storage_key(storage::default_bucket(), user_key);
}

SyncRequest ask(const ReplicaOnDisk& replica) {
  return {replica->clock(), replica->durable(), false, ""};
}
SyncRequest ask_full(const ReplicaOnDisk& replica, const std::string& after = "") {
  return {replica->clock(), replica->durable(), true, after};
}

std::vector<std::string> keys_of(const SyncPage& page) {
  std::vector<std::string> keys;
  for (const Item& item : page.items) keys.emplace_back(storage::user_key_of(item.key));
  return keys;
}

// Everything of `replica` is on the disks of all three.
void make_stable(ReplicaOnDisk& replica) {
  replica->note_durable(replica->clock());
  for (const auto& [peer, unused] : replica->peers())
    replica->note_peer(peer, replica->clock(), replica->clock());
}

void prune(ReplicaOnDisk& replica, std::size_t limit = 1000) {
  replica.change(
      [&](Transaction& tx) { EXPECT_TRUE(replica->prune_log(tx, WallMs{10'000}, limit).ok()); });
}

TEST(Repair, SendsTheNewestStateOfEachMissingKeyOnce) {
  ReplicaOnDisk a(0), b(1);
  a.put("x", "1");
  a.put("y", "1");
  a.put("x", "2");
  const SyncPage page = a.answer(ask(b));
  EXPECT_THAT(keys_of(page), testing::ElementsAre("x", "y"));
  EXPECT_FALSE(page.more);
  EXPECT_EQ(page.applied, a->clock());
  EXPECT_EQ(page.items[0].dots, (Clock{{a->actor(), 1}, {a->actor(), 3}}));
  b.apply_page(page);
  EXPECT_EQ(b->clock(), a->clock());
  EXPECT_EQ(b.value("x"), "2");
  EXPECT_EQ(b.log(), a.log()) << "it can hand them on";
  EXPECT_TRUE(a.answer(ask(b)).items.empty());
}

TEST(Repair, DropsVersionsThatTheSenderKnowsAndNoLongerHolds) {
  ReplicaOnDisk a(0), b(1);
  const Delta old = b.put("k", "old");
  a.apply(old);
  a.put("k", "new");
  b.repair_from(a);
  EXPECT_EQ(b.value("k"), "new");
  // The lost delta comes late.
  b.apply(old);
  EXPECT_EQ(b.value("k"), "new");
}

TEST(Repair, AVersionBringsItsDotAlongWhenItAnswersForAnotherOne) {
  ReplicaOnDisk a(0), b(1), c(2);
  a.put("k", "1");
  a.put("k", "2");
  PageLimits one;
  one.dots = 1;
  const SyncPage page = a.answer(ask(b), one);
  ASSERT_EQ(page.items.size(), 1U);
  EXPECT_EQ(page.items[0].dots, (Clock{{a->actor(), 1}}));
  b.apply_page(page);
  EXPECT_EQ(b.value("k"), "2");
  // Now a loses its disk. Only b has the second write, and c must be able to ask for it.
  EXPECT_TRUE(b->clock().contains({a->actor(), 2}));
  c.repair_from(b);
  EXPECT_EQ(c.value("k"), "2");
}

TEST(Repair, PagesEndAtTheirLimitsAndEachMakesProgress) {
  ReplicaOnDisk a(0);
  a.put("huge", std::string(100'000, 'x'));
  for (int i = 0; i < 9; ++i) a.put("k" + std::to_string(i), std::string(100, 'x'));
  for (const PageLimits& limits : {PageLimits{1, 1000}, PageLimits{1000, 1000},
                                   PageLimits{1'000'000, 1}, PageLimits{1'000'000, 3}}) {
    ReplicaOnDisk b(1);
    const std::size_t pages = b.repair_from(a, limits);
    EXPECT_EQ(b->clock(), a->clock());
    EXPECT_EQ(b->live_keys(), 10U);
    EXPECT_GE(pages, 2U);
    EXPECT_LE(pages, 10U);
  }
}

TEST(Repair, AnExactlyFilledPageIsNotFollowedByAnEmptyOne) {
  ReplicaOnDisk a(0), b(1);
  for (int i = 0; i < 4; ++i) a.put("k" + std::to_string(i), "v");
  PageLimits limits;
  limits.dots = 4;
  EXPECT_EQ(b.repair_from(a, limits), 1U);
}

TEST(Repair, ARangeOfNoBytesStillHoldsOneItem) {
  ReplicaOnDisk a(0);
  a.put("k1", "v");
  a.put("k2", "v");
  std::vector<Item> items;
  bool more = false;
  a.change([&](Transaction& tx) {
    ASSERT_TRUE(a->read_range(tx.view, "", "", 10, 0, items, more).ok());
  });
  ASSERT_EQ(items.size(), 1U) << "a page that was cut names the key after which it was";
  EXPECT_TRUE(more);
  items.clear();
  a.change([&](Transaction& tx) {
    ASSERT_TRUE(a->read_range(tx.view, stored_at("k2"), "", 10, 0, items, more).ok());
  });
  EXPECT_EQ(items.size(), 1U);
  EXPECT_FALSE(more);
}

TEST(Repair, RangesAreHalfOpenAndStayInThePartition) {
  ReplicaOnDisk a(0);
  for (const char* key : {"a", "b", "c", "d"}) a.put(key, "v");
  storage::WriteBatch foreign;
  foreign.put(storage::Family::kObjects, storage::object_key(Partition{1}, stored_at("b")),
              "of another partition");
  ASSERT_TRUE(a.engine().commit(foreign).ok());
  const auto range = [&](const std::string& from, const std::string& end, std::size_t max_items) {
    std::vector<Item> items;
    bool more = false;
    a.change([&](Transaction& tx) {
      ASSERT_TRUE(a->read_range(tx.view, from, end, max_items, 1000, items, more).ok());
    });
    std::string found;
    for (const Item& item : items) found += storage::user_key_of(item.key);
    return found + (more ? "+" : "");
  };
  EXPECT_EQ(range("", "", 10), "abcd");
  EXPECT_EQ(range(stored_at("b"), stored_at("d"), 10), "bc");
  EXPECT_EQ(range(stored_at("b"), stored_at("d"), 1), "b+");
  EXPECT_EQ(range(stored_at("b"), stored_at("d"), 2), "bc");
  EXPECT_EQ(range(storage::next_key(stored_at("b")), "", 10), "cd");
  EXPECT_EQ(range(stored_at("c"), stored_at("b"), 10), "");
}

TEST(Repair, ThePrunedLogSendsWhoLacksItToAFullTransfer) {
  ReplicaOnDisk a(0), fresh(1), ahead(2);
  a.put("k1", "v");
  a.put("k2", "v");
  ahead.repair_from(a);
  make_stable(a);
  prune(a);
  EXPECT_TRUE(a.log().empty());
  a.put("k3", "v");
  const SyncPage refusal = a.answer(ask(fresh));
  EXPECT_FALSE(refusal.unnamed.empty());
  EXPECT_TRUE(refusal.items.empty());
  EXPECT_FALSE(refusal.full);
  const SyncPage page = a.answer(ask(ahead));
  EXPECT_TRUE(page.unnamed.empty());
  EXPECT_THAT(keys_of(page), testing::ElementsAre("k3"));
}

TEST(Repair, TheLogIsPrunedOnlyOfWhatEveryReplicaHasOnDisk) {
  ReplicaOnDisk a(0);
  for (int i = 0; i < 6; ++i) a.put("k" + std::to_string(i), "v");
  const auto up_to = [&](std::uint64_t last) {
    Clock clock;
    clock.add_run(a->actor(), {1, last});
    return clock;
  };
  const NodeIndex p{1}, q{2};
  prune(a);
  EXPECT_EQ(a.log().size(), 6U) << "nobody has anything";
  a->note_durable(up_to(5));
  a->note_peer(p, a->clock(), up_to(4));
  prune(a);
  EXPECT_EQ(a.log().size(), 6U) << "one replica has not been heard of";
  a->note_peer(q, a->clock(), Clock{});
  prune(a);
  EXPECT_EQ(a.log().size(), 6U) << "it has applied them, but a power loss would take them";
  a->note_acknowledged(q, up_to(3), false);
  prune(a);
  EXPECT_EQ(a.log().size(), 6U);
  a->note_acknowledged(q, up_to(3), true);
  prune(a);
  EXPECT_EQ(a.log().size(), 6U) << "what it wrote before it may be under way";
  a->note_peer(q, a->clock(), up_to(3));
  prune(a);
  EXPECT_EQ(a.log().size(), 3U);
  EXPECT_EQ(a->pruned(), up_to(3));
  EXPECT_EQ(a.stored_state().pruned, up_to(3)) << "recorded in the same batch";
  a->note_peer(p, a->clock(), a->clock());
  a->note_peer(q, a->clock(), a->clock());
  prune(a);
  EXPECT_EQ(a.log().size(), 1U) << "the last is not on the disk here";
}

TEST(Repair, ThePeersLatestWordReplacesTheEarlierOne) {
  ReplicaOnDisk a(0);
  a.put("k", "v");
  const NodeIndex p{1};
  EXPECT_EQ(a->debt(p), a->clock());
  a->note_peer(p, a->clock(), a->clock());
  EXPECT_TRUE(a->debt(p).empty());
  a->note_peer(p, Clock{}, Clock{});  // it was wiped
  EXPECT_EQ(a->debt(p), a->clock());
  a->note_acknowledged(p, a->clock(), false);
  EXPECT_TRUE(a->debt(p).empty());
  EXPECT_TRUE(a->peers().at(p).durable.empty());
}

TEST(Repair, PruningGoesOnWhereTheLimitStoppedIt) {
  ReplicaOnDisk a(0), b(1);
  for (int i = 0; i < 5; ++i) a.put("k", "v");
  for (int i = 0; i < 5; ++i) a.apply(b.put("k", "v"));
  make_stable(a);
  for (const std::size_t left : {7U, 4U, 1U, 0U, 0U}) {
    prune(a, 3);
    EXPECT_EQ(a.log().size(), left);
    EXPECT_EQ(a->clock().minus(a->pruned()).count(), left);
  }
}

TEST(Repair, TheLogOfANodeThatBecameAloneIsPruned) {
  ReplicaOnDisk a(0, 1);
  a.put("k", "v");
  storage::WriteBatch left_over;  // from when there were others
  left_over.put(storage::Family::kLog, storage::log_key(Partition{0}, {Actor{9}, 1}),
                stored_at("old"));
  ASSERT_TRUE(a.engine().commit(left_over).ok());
  SyncPage page;
  page.items.push_back(
      {stored_at("old"), {{{{Actor{9}, 1}, Hlc{1}, "v"}}, {}}, Clock{{Actor{9}, 1}}});
  a.apply_page(page);
  EXPECT_EQ(a->pruned(), a->clock());
}

// ---- Full transfer ------------------------------------------------------------------------------------------------------

class FullTransfer : public testing::Test {
 protected:
  // The sender has pruned its log.
  void SetUp() override {
    for (int i = 0; i < 6; ++i) a_.put("k" + std::to_string(i), std::string(100, 'x'));
    a_.erase("k2");
    make_stable(a_);
    prune(a_);
  }

  // The next page to b_, and what follows from it.
  bool next_page() {
    const SyncPage page = a_.answer(ask_full(b_, after_), PageLimits{250, 1});
    EXPECT_TRUE(page.full);
    EXPECT_EQ(page.after, after_);
    if (!target_.has_value()) target_ = page.applied;
    b_.apply_page(page);
    after_ = page.last;
    ++pages_;
    return page.more;
  }

  void finish() {
    b_.change([&](Transaction&) { b_->finish_full_transfer(*target_); });
  }

  void expect_same(const std::string& key) {
    EXPECT_EQ(b_.object(key).versions, a_.object(key).versions) << key;
  }

  ReplicaOnDisk a_{0}, b_{1};
  std::string after_;
  std::optional<Clock> target_;
  int pages_ = 0;
};

TEST_F(FullTransfer, CopiesEverythingPageByPage) {
  while (next_page())
    EXPECT_FALSE(b_->clock().covers(*target_)) << "only what has come so far counts as processed";
  finish();
  EXPECT_GE(pages_, 3);
  EXPECT_EQ(b_->clock(), a_->clock());
  EXPECT_EQ(b_->live_keys(), 5U);
  for (int i = 0; i < 6; ++i) expect_same("k" + std::to_string(i));
  // What no page named cannot be handed on from the log here either.
  EXPECT_FALSE(b_.answer(SyncRequest{}).unnamed.empty());
  EXPECT_EQ(b_->clock().minus(b_->pruned()).count(), b_.log().size());
  EXPECT_TRUE(b_.answer(ask(b_)).items.empty());
}

TEST_F(FullTransfer, WritesGoOnAtBothEnds) {
  next_page();
  const Delta behind = a_.put("k0", "written behind the page");  // not pushed: it comes later
  a_.put("k5", "written ahead of the page");
  b_.put("k1", "written here");
  b_.put("k3", "written here");
  b_.put("new", "written here");
  while (next_page()) {
  }
  finish();
  EXPECT_FALSE(b_->clock().contains(behind.version.dot))
      << "the first page was older than this write";
  EXPECT_NE(b_.value("k0"), "written behind the page");
  EXPECT_EQ(b_.value("k5"), "written ahead of the page");
  b_.repair_from(a_);
  a_.repair_from(b_);
  EXPECT_EQ(a_->clock(), b_->clock());
  for (const char* key : {"k0", "k1", "k2", "k3", "k4", "k5", "new"}) expect_same(key);
  EXPECT_EQ(b_.value("k1"), "written here");
  EXPECT_EQ(b_->live_keys(), a_->live_keys());
}

TEST_F(FullTransfer, KeysThatTheSenderLacksAreJoinedWithNothing) {
  // What the sender has never heard of stays. Of what it has seen and no longer holds, nothing stays.
  const Delta unknown = b_.put("j", "the sender has not seen it");
  Delta seen{stored_at("k9"),
             {{Actor{0xee}, 1}, Hlc{1}, "the sender has seen it go"},
             Clock{{Actor{0xee}, 1}},
             false};
  b_.apply(seen);
  ASSERT_EQ(b_->live_keys(), 2U);
  SyncPage page = a_.answer(ask_full(b_), PageLimits{});
  page.applied.add({Actor{0xee}, 1});
  b_.apply_page(page);
  EXPECT_EQ(b_.value("j"), "the sender has not seen it");
  EXPECT_EQ(b_.value("k9"), std::nullopt);
  EXPECT_EQ(b_->live_keys(), 6U);
  EXPECT_EQ(b_.value("j"), unknown.version.value);
}

TEST_F(FullTransfer, APageSaysNothingAboutKeysOutsideIt) {
  b_.put("a", "before");
  b_.put("k0a", "inside");
  b_.put("z", "after");
  const Clock theirs = b_->clock();
  SyncPage page = a_.answer(ask_full(b_, stored_at("k")), PageLimits{250, 1});
  ASSERT_TRUE(page.more);
  page.applied.join(theirs);  // as if the sender had seen all three go
  b_.apply_page(page);
  EXPECT_EQ(b_.value("a"), "before");
  EXPECT_EQ(b_.value("k0a"), std::nullopt);
  EXPECT_EQ(b_.value("z"), "after");
}

// The sender knew the write and had dropped the marker that beat it, so no page of its has the key. A third replica's delta
// brings the write after the page that would have, and before the last.
TEST_F(FullTransfer, WhatItHasShownToBeGoneDoesNotComeBackBeforeItsEnd) {
  const Dot gone{Actor{0xee}, 1};
  const Delta late{stored_at("k00"), {gone, Hlc{1}, "superseded"}, Clock{gone}, false};
  SyncPage page = a_.answer(ask_full(b_), PageLimits{250, 1});
  ASSERT_TRUE(page.more);
  ASSERT_GT(page.last, late.key);
  page.applied.add(gone);
  b_.apply_page(page);
  b_.change([&](Transaction& tx) {
    EXPECT_TRUE(b_->apply(tx, late, {{page.last, &page.applied}}).ok());
  });
  EXPECT_EQ(b_.value("k00"), std::nullopt);
  EXPECT_FALSE(b_.object("k00").context.empty()) << "until the clock says it";
  b_.change([&](Transaction& tx) {
    b_->finish_full_transfer(page.applied);
    EXPECT_TRUE(b_.strip_contexts(tx, 100).ok());
  });
  EXPECT_TRUE(b_.object("k00").empty());

  const Dot fresh{Actor{0xee}, 2};
  b_.change([&](Transaction& tx) {
    const Delta after{
        stored_at("k00"), {fresh, Hlc{2}, "unknown to the sender"}, Clock{fresh}, false};
    EXPECT_TRUE(b_->apply(tx, after, {{page.last, &page.applied}}).ok());
  });
  EXPECT_EQ(b_.value("k00"), "unknown to the sender");
}

TEST_F(FullTransfer, AHugeObjectIsAPageOfItsOwn) {
  a_.put("k0", std::string(10'000, 'x'));
  int pages = 1;
  while (next_page()) ++pages;
  finish();
  EXPECT_GE(pages, 3);
  expect_same("k0");
}

// ---- A version from a read --------------------------------------------------------------------------------------------

absl::Status repair(ReplicaOnDisk& replica, const Repair& repair) {
  absl::Status status;
  replica.change([&](Transaction& tx) { status = replica->apply(tx, repair); });
  return status;
}

TEST(ReadRepair, BringsTheVersionAndMarksItsDotAlone) {
  ReplicaOnDisk a(0), b(1);
  a.put("other", "1");
  const Delta delta = a.put("k", "v");
  ASSERT_TRUE(repair(b, {stored_at("k"), delta.version}).ok());
  EXPECT_EQ(b.value("k"), "v");
  EXPECT_EQ(b->clock(), Clock{delta.version.dot}) << "the other key's write is still to come";
  EXPECT_EQ(b.answer(ask(ReplicaOnDisk(2))).items.size(), 1U) << "it can hand it on";
  b.apply_page(a.answer(ask(b)));
  EXPECT_EQ(b->clock(), a->clock());
}

TEST(ReadRepair, LosesAgainstWhatIsLaterAndChangesNothingTheSecondTime) {
  ReplicaOnDisk a(0), b(1);
  const Delta old = a.put("k", "old");
  b.apply(old);
  const Delta later = b.put("k", "later");
  ASSERT_TRUE(repair(b, {stored_at("k"), old.version}).ok());
  EXPECT_EQ(b.value("k"), "later");
  ReplicaOnDisk c(2);
  ASSERT_TRUE(repair(c, {stored_at("k"), later.version}).ok());
  ASSERT_TRUE(repair(c, {stored_at("k"), old.version}).ok())
      << "late, and not known to be superseded";
  EXPECT_EQ(c.value("k"), "later");
  EXPECT_EQ(c->clock(), (Clock{old.version.dot, later.version.dot}));
}

TEST(ReadRepair, BringsADelete) {
  ReplicaOnDisk a(0), b(1);
  const Delta old = a.put("k", "old");
  b.apply(old);
  const Delta deleted = a.put("k", std::nullopt);
  ASSERT_TRUE(repair(b, {stored_at("k"), deleted.version}).ok());
  EXPECT_EQ(b.value("k"), std::nullopt);
  EXPECT_EQ(b->markers(), 1U);
}

}  // namespace
}  // namespace kv
