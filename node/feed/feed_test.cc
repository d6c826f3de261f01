#include "node/feed/feed.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "node/replica/testing/replica_on_disk.h"

namespace kv {
namespace {

using sim::ReplicaOnDisk;
using Told = std::vector<std::string>;

constexpr Partition kHidden{9};

storage::KeyRange all_keys() {
  const std::string prefix = storage::storage_key(storage::default_bucket(), "");
  return {prefix, storage::prefix_end(prefix)};
}

storage::KeyRange only(const std::string& key) {
  const std::string stored = storage::storage_key(storage::default_bucket(), key);
  return {stored, storage::next_key(stored)};
}

class FeedTest : public testing::Test {
 protected:
  // The actor is on disk before anybody can watch, as Core::recover() sees to: the feed's identity is made of it.
  FeedTest() {
    storage::ReplicaState state;
    state.actor = disk_->actor();
    storage::WriteBatch batch;
    batch.put(storage::Family::kMeta, storage::replica_key(Partition{0}),
              storage::encode_replica(state));
    EXPECT_TRUE(disk_.engine().commit(batch).ok());
  }

  Feed feed(const FeedLimits& limits = {}) { return Feed(disk_.engine(), kHidden, limits); }

  // The events of pages until nothing is left, as text.
  static Told events_of(Feed& feed, Watch& watch, WallMs wall = WallMs{1000}) {
    Told told;
    for (bool more = true; more;) {
      EXPECT_TRUE(feed.advance().ok());
      const auto page = feed.read(watch, wall);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return told;
      for (const FeedEvent& event : page->events) told.push_back(in_words(event));
      more = page->more;
    }
    return told;
  }

  static std::string in_words(const FeedEvent& event) {
    std::string values;
    for (const Version& version : event.shown)
      absl::StrAppend(&values, values.empty() ? "" : ",", *version.value);
    return absl::StrCat(std::string(storage::user_key_of(event.key)), "=",
                        values.empty() ? "(gone)" : values, " ", to_string(event.dots));
  }

  static Watch opened(Feed& feed, storage::KeyRange range,
                      const std::optional<std::string>& token = {}) {
    auto watch = feed.open(std::move(range), token);
    EXPECT_TRUE(watch.ok()) << watch.status();
    return *std::move(watch);
  }

  ReplicaOnDisk disk_{0, 2};
};

TEST_F(FeedTest, TellsWhatIsWrittenFromNowOn) {
  disk_.put("before", "1");
  Feed feed = this->feed();
  Watch watch = opened(feed, all_keys());
  disk_.put("a", "1");
  disk_.put("b", "1");
  disk_.erase("a");
  EXPECT_EQ(events_of(feed, watch), (Told{"a=1 {1:2}", "b=1 {1:3}", "a=(gone) {1:4}"}));
  EXPECT_EQ(events_of(feed, watch), Told{});
}

TEST_F(FeedTest, TellsOfOneKeyOrRangeOnly) {
  Feed feed = this->feed();
  Watch watch = opened(feed, only("b"));
  for (const char* key : {"a", "b", "bb", "c"}) disk_.put(key, "1");
  EXPECT_EQ(events_of(feed, watch), Told{"b=1 {1:2}"});
}

TEST_F(FeedTest, WritesOfOneKeyInOneCommitAreOneEvent) {
  Feed feed = this->feed();
  Watch watch = opened(feed, all_keys());
  disk_.change([&](Transaction& tx) {
    ASSERT_TRUE(disk_.write(tx, "a", "1").ok());
    ASSERT_TRUE(disk_.write(tx, "b", "1").ok());
    ASSERT_TRUE(disk_.write(tx, "a", "2").ok());
  });
  EXPECT_EQ(events_of(feed, watch), (Told{"a=2 {1:1,3}", "b=1 {1:2}"}));
}

TEST_F(FeedTest, ALoneReplicaTellsToo) {
  ReplicaOnDisk lone(0, 1);
  Feed feed(lone.engine(), kHidden, {});
  Watch watch = opened(feed, all_keys());
  lone.put("a", "1");
  EXPECT_EQ(events_of(feed, watch), Told{"a=1 {1:1}"});
}

TEST_F(FeedTest, AWriteThatLostIsToldWithWhatIsShown) {
  ReplicaOnDisk other(1, 2);
  const Delta early = other.put("a", "early");
  disk_.set_wall_ms(2000);
  Feed feed = this->feed();
  Watch watch = opened(feed, all_keys());
  disk_.put("a", "late");
  disk_.apply(early);
  disk_.apply(early);  // processed: nothing
  EXPECT_EQ(events_of(feed, watch), (Told{"a=late {1:1}", "a=late {2:1}"}));
}

TEST_F(FeedTest, UpkeepIsNoEvent) {
  disk_.put("a", "1");
  disk_.erase("a");
  Feed feed = this->feed();
  Watch watch = opened(feed, all_keys());
  disk_->note_peer(NodeIndex{1}, disk_->clock(), disk_->clock());
  disk_->note_durable(disk_->clock());
  disk_.set_wall_ms(1'000'000);
  disk_.change(
      [&](Transaction& tx) { ASSERT_TRUE(disk_->prune_log(tx, WallMs{1'000'000}, 100).ok()); });
  ASSERT_TRUE(disk_.object("a").versions.empty()) << "the marker is still there";
  EXPECT_EQ(events_of(feed, watch), Told{});
}

TEST_F(FeedTest, AVersionThatAPeerShowsToBeGoneIsToldWithoutADot) {
  const Delta put = disk_.put("a", "1");
  Feed feed = this->feed();
  Watch watch = opened(feed, all_keys());
  SyncPage page;  // of a full transfer: the key is not in it, and the peer has processed the write
  page.full = true;
  page.applied = Clock{put.version.dot};
  disk_.apply_page(page);
  EXPECT_EQ(events_of(feed, watch), Told{"a=(gone) {}"});
}

TEST_F(FeedTest, AnExpiredVersionIsNotShownAndItsEndIsNoEvent) {
  Feed feed = this->feed();
  Watch watch = opened(feed, all_keys());
  disk_.put_for("a", "1", 500);
  auto early = feed.open(all_keys(), watch.token_at(watch.next()));
  ASSERT_TRUE(early.ok());
  EXPECT_EQ(events_of(feed, *early, WallMs{1100}), Told{"a=1 {1:1}"});
  EXPECT_EQ(events_of(feed, *early, WallMs{5000}), Told{}) << "it expired, which is no event";
  EXPECT_EQ(events_of(feed, watch, WallMs{5000}), Told{"a=(gone) {1:1}"});
}

TEST_F(FeedTest, GoesOnFromAnyTokenWithNothingTwiceAndNothingMissing) {
  FeedLimits small;
  small.events = 2;
  small.commits = 3;
  Feed feed = this->feed(small);
  Watch watch = opened(feed, all_keys());
  const std::string begin = watch.token_at(watch.next());
  for (int commit = 0; commit < 6; ++commit)
    disk_.change([&](Transaction& tx) {
      for (const char* key : {"a", "b", "c"})
        ASSERT_TRUE(disk_.write(tx, key, absl::StrCat(commit)).ok());
    });
  const Told all = events_of(feed, watch);
  ASSERT_EQ(all.size(), 18U);
  Told seen;
  for (std::string token = begin; seen.size() < all.size();) {
    Feed another = this->feed(small);  // as after a restart
    Watch resumed = opened(another, all_keys(), token);
    ASSERT_TRUE(another.advance().ok());
    const auto page = another.read(resumed, WallMs{1000});
    ASSERT_TRUE(page.ok() && !page->events.empty());
    seen.push_back(in_words(page->events.front()));
    token = resumed.token_at(page->events.front().next);
  }
  EXPECT_EQ(seen, all);
}

TEST_F(FeedTest, ASlowWatcherReadsTheLogAndCatchesUp) {
  FeedLimits small;
  small.tail_bytes = 1000;
  Feed feed = this->feed(small);
  Watch slow = opened(feed, all_keys());
  Watch quick = opened(feed, all_keys());
  Told expected;
  for (int i = 1; i <= 50; ++i) {
    disk_.put("a", std::string(100, 'x'));
    expected.push_back(absl::StrCat("a=", std::string(100, 'x'), " {1:", i, "}"));
    EXPECT_EQ(events_of(feed, quick), Told{expected.back()});
    EXPECT_LE(feed.tail_bytes(), small.tail_bytes);
  }
  EXPECT_EQ(events_of(feed, slow), expected);
  disk_.put("a", "1");
  EXPECT_EQ(events_of(feed, slow), Told{"a=1 {1:51}"});
}

TEST_F(FeedTest, WhoFallsOutOfTheLogIsTold) {
  FeedLimits small;
  small.tail_bytes = 0;
  Feed feed = this->feed(small);
  Watch slow = opened(feed, all_keys());
  const std::string token = slow.token_at(slow.next());
  disk_.engine().keep_changes(5);
  for (int i = 0; i < 6; ++i) disk_.put("a", "1");
  ASSERT_TRUE(feed.advance().ok());
  EXPECT_TRUE(absl::IsOutOfRange(feed.read(slow, WallMs{1000}).status()));
  EXPECT_TRUE(absl::IsOutOfRange(feed.open(all_keys(), token).status()));
}

TEST_F(FeedTest, AWatcherIsEndedWhenItsNodeDiscardsWhatItHolds) {
  Feed feed = this->feed();
  Watch watch = opened(feed, all_keys());
  disk_.put("a", "1");
  Rng rng(1);
  disk_.change([&](Transaction& tx) { disk_->start_anew(tx.batch, rng); });
  ASSERT_TRUE(feed.advance().ok());
  const auto page = feed.read(watch, WallMs{1000});
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->events.size(), 1U) << "what was before is told";
  EXPECT_TRUE(absl::IsOutOfRange(feed.read(watch, WallMs{1000}).status()));
}

TEST_F(FeedTest, ATokenIsOfOneFeedAndOneRange) {
  Feed feed = this->feed();
  const Watch watch = opened(feed, all_keys());
  const std::string token = watch.token_at(watch.next());
  EXPECT_TRUE(absl::IsInvalidArgument(feed.open(only("a"), token).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(feed.open(all_keys(), "rubbish").status()));
  ReplicaOnDisk other(1, 2);
  Feed elsewhere(other.engine(), kHidden, {});
  const absl::Status foreign = elsewhere.open(all_keys(), token).status();
  EXPECT_TRUE(absl::IsOutOfRange(foreign)) << foreign;
  EXPECT_TRUE(feed.open(all_keys(), token).ok());
  Rng rng(1);
  disk_->renew_actor(rng);
  disk_.put("a", "1");
  EXPECT_TRUE(absl::IsOutOfRange(feed.open(all_keys(), token).status()));
}

TEST_F(FeedTest, TheHiddenPartitionIsNotTold) {
  Feed feed(disk_.engine(), Partition{0}, {});
  Watch watch = opened(feed, all_keys());
  disk_.put("a", "1");
  EXPECT_EQ(events_of(feed, watch), Told{});
}

}  // namespace
}  // namespace kv
