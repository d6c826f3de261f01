// Random operations under random faults, many seeds. Afterwards everything is healed, and what must hold is checked:
//   - the replicas of every partition are equal, and everything comes to rest;
//   - a write that was answered with "ok" is there or superseded, unless every replica that confirmed it can have lost it;
//   - a write that was answered with "not applied" is nowhere, and no read ever returned it;
//   - no replica ever holds a version that its clock does not name;
//   - a read returns only what was written.
// A failure names its seed: KV_SEED=<seed> runs it alone. KV_SEEDS=<count> runs more than usual.
#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "node/core/testing/cluster.h"
#include "node/storage/keys.h"

namespace kv {
namespace {

using sim::Cluster;
using sim::ClusterOptions;
using sim::Disk;
using sim::LinkFaults;
using sim::WriteOptions;

constexpr std::uint64_t kSeeds = 200;
constexpr int kSteps = 400;
constexpr std::uint64_t kKeys = 12;

struct Sent {
  std::string key;
  std::optional<std::string> value;
  Durability durability;
};

class Story {
 public:
  explicit Story(std::uint64_t seed)
      : rng_(seed),
        cluster_(shape(rng_, seed)),
        unsynced_lost_(cluster_.size()),
        wiped_(cluster_.size()) {}

  void play() {
    for (int i = 0; i < kSteps; ++i) {
      const std::uint64_t choice = rng_.below(100);
      if (choice < 55)
        send_write();
      else if (choice < 70)
        reads_.push_back(cluster_.read(any_node(), any_key(), any_level(), rng_.between(1, 500)));
      else if (choice < 76)
        break_or_mend();
      else
        cluster_.run_for(rng_.between(0, choice == 99 ? 3000 : 30));
      if (i % 8 == 0) {
        ASSERT_EQ(cluster_.unnamed_version(), "");
      }
    }
  }

  void heal() {
    cluster_.run_for(rng_.between(0, 2000));
    cluster_.set_faults({});
    cluster_.heal_all();
    start_all();
    ASSERT_TRUE(cluster_.run_until([&] { return cluster_.is_quiet(); }, 60'000))
        << cluster_.difference();
  }

  void check() {
    for (const auto& [id, sent] : writes_) check_write(id, sent);
    for (const std::uint64_t id : reads_) {
      const ClientReadReply* reply = cluster_.read_reply(id);
      if (reply == nullptr || reply->code != absl::StatusCode::kOk) continue;
      for (const Version& version : reply->items.at(0).versions) check_may_exist(version);
    }
    for (std::size_t node = 0; node < cluster_.size(); ++node)
      for (std::uint32_t p = 0; p < cluster_.ring().partitions(); ++p)
        for (const auto& [key, versions] :
             cluster_.objects(node, Partition{static_cast<std::uint16_t>(p)}))
          for (const Version& version : versions) check_may_exist(version);
  }

  std::uint64_t trace() const { return cluster_.trace(); }
  std::size_t applied() const { return applied_; }

 private:
  static ClusterOptions shape(Rng& rng, std::uint64_t seed) {
    ClusterOptions options;
    options.shards.assign(std::min<std::size_t>(1 + rng.below(8), 5), 1);
    for (std::uint32_t& shards : options.shards)
      shards = static_cast<std::uint32_t>(1 + rng.below(2));
    options.partitions = 4;
    options.n = static_cast<std::uint32_t>(std::min<std::uint64_t>(1 + rng.below(5), 3));
    options.seed = seed;
    options.core.replication.page.bytes = 200;
    options.core.replication.page.dots = 3;
    options.core.replication.max_sessions_per_peer = 1 + rng.below(3);
    options.core.replication.overdue_ms = 500;
    if (rng.below(3) == 0) options.core.replication.max_in_flight_bytes = 500;
    return options;
  }

  std::size_t any_node() { return rng_.below(cluster_.size()); }
  std::string any_key() { return absl::StrCat("k", rng_.below(kKeys)); }
  Level any_level() { return static_cast<Level>(1 + rng_.below(3)); }

  void send_write() {
    Sent sent{any_key(), std::nullopt, rng_.below(4) == 0 ? Durability::kDisk : Durability::kOs};
    if (rng_.below(4) > 0) sent.value = absl::StrCat("value-", writes_.size());
    WriteOptions options{any_level(), sent.durability, rng_.between(1, 1000), {}};
    if (rng_.below(3) == 0 && !reads_.empty())
      options.token = token_of(reads_[rng_.below(reads_.size())], sent.key);
    const std::uint64_t id = cluster_.write(any_node(), sent.key, sent.value, std::move(options));
    if (sent.value.has_value()) by_value_[*sent.value] = id;
    writes_.emplace(id, std::move(sent));
  }

  std::optional<Token> token_of(std::uint64_t read, const std::string& key) const {
    const ClientReadReply* reply = cluster_.read_reply(read);
    if (reply == nullptr || reply->items.empty() ||
        storage::user_key_of(reply->items[0].key) != key)
      return {};
    return reply->items[0].token;
  }

  void break_or_mend() {
    const std::size_t node = any_node();
    switch (rng_.below(12)) {
      case 0:
        return cluster_.isolate(node);
      case 1:
        if (const std::size_t other = any_node(); other != node) cluster_.cut(node, other);
        return;
      case 2:
      case 3:
      case 4:
        return cluster_.heal_all();
      case 5:
        return cluster_.set_faults(any_faults());
      case 6:
        return cluster_.set_faults({});
      case 7:
        return cluster_.set_wall_offset(node, rng_.between(-1000, 1000));
      case 8:
        return start_all();
      default:
        return cluster_.is_up(node) ? kill(node) : start(node);
    }
  }

  LinkFaults any_faults() {
    return {static_cast<std::uint32_t>(rng_.below(300)),
            static_cast<std::uint32_t>(rng_.below(300)), rng_.below(2) == 0, 50,
            rng_.between(100, 50'000)};
  }

  void kill(std::size_t node) {
    const std::uint64_t choice = rng_.below(10);
    const Disk disk = choice < 5 ? Disk::kKept : choice < 9 ? Disk::kUnsyncedLost : Disk::kWiped;
    if (disk == Disk::kUnsyncedLost) unsynced_lost_[node] = true;
    if (disk == Disk::kWiped) wiped_[node] = true;
    intact_[node] = disk == Disk::kKept;
    cluster_.crash(node, disk);
  }

  void start(std::size_t node) {
    cluster_.restart(node, intact_[node]);
    intact_[node] = true;
  }

  void start_all() {
    for (std::size_t node = 0; node < cluster_.size(); ++node)
      if (!cluster_.is_up(node)) start(node);
  }

  // Replicas that have lost something that was confirmed, at any time: at most as many confirmations are void.
  std::size_t losses(const Sent& sent) const {
    std::size_t lost = 0;
    for (std::size_t node = 0; node < cluster_.size(); ++node)
      if (cluster_.is_replica(node, sent.key) &&
          (wiped_[node] || (unsynced_lost_[node] && sent.durability == Durability::kOs)))
        ++lost;
    return lost;
  }

  void check_write(std::uint64_t id, const Sent& sent) {
    const WriteResult* result = cluster_.write_result(id);
    if (result == nullptr || result->outcome != Outcome::kApplied) return;
    ++applied_;
    if (losses(sent) >= result->acks) return;
    const Partition partition = cluster_.partition_of(sent.key);
    const std::size_t first = cluster_.ring().replicas(partition).front().value;
    ASSERT_TRUE(cluster_.replica(first, partition).clock.contains(result->dot))
        << sent.key << " lost: " << to_string(result->dot);
    const auto objects = cluster_.objects(first, partition);
    const auto it = objects.find(storage::storage_key("default", sent.key));
    ASSERT_NE(it, objects.end()) << sent.key << ": nothing there, not even a marker";
    const Version& winner = it->second.front();
    ASSERT_GE(winner.hlc, result->hlc)
        << sent.key << ": an acknowledged write lost to an older one";
    if (winner.dot == result->dot) {
      ASSERT_EQ(winner.value, sent.value);
    }
  }

  void check_may_exist(const Version& version) {
    if (!version.value.has_value()) return;
    const auto it = by_value_.find(*version.value);
    ASSERT_NE(it, by_value_.end()) << "nobody wrote " << *version.value;
    const WriteResult* result = cluster_.write_result(it->second);
    if (result == nullptr) return;
    ASSERT_NE(result->outcome, Outcome::kNotApplied)
        << *version.value << " was refused: " << result->message;
    if (result->dot.counter > 0) {
      ASSERT_EQ(result->dot, version.dot);
    }
  }

  Rng rng_;
  Cluster cluster_;
  std::vector<bool> unsynced_lost_;  // by node: ever
  std::vector<bool> wiped_;
  std::vector<bool> intact_ = std::vector<bool>(cluster_.size(), true);  // since the last start
  std::map<std::uint64_t, Sent> writes_;
  std::map<std::string, std::uint64_t> by_value_;
  std::vector<std::uint64_t> reads_;
  std::size_t applied_ = 0;
};

TEST(RandomFaults, ConvergeAndKeepEveryPromise) {
  std::uint64_t first = 1;
  std::uint64_t count = kSeeds;
  if (const char* seeds = std::getenv("KV_SEEDS");
      seeds != nullptr && !absl::SimpleAtoi(seeds, &count))
    FAIL();
  if (const char* seed = std::getenv("KV_SEED"); seed != nullptr && absl::SimpleAtoi(seed, &first))
    count = 1;
  std::size_t applied = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Story story(seed);
    story.play();
    story.heal();
    if (!HasFailure()) story.check();
    applied += story.applied();
    if (HasFailure()) return;
  }
  EXPECT_GT(applied, count * 10) << "the faults left next to nothing to check";
}

TEST(RandomFaults, TheSameSeedGivesTheSameRun) {
  const auto trace = [](std::uint64_t seed) {
    Story story(seed);
    story.play();
    story.heal();
    return story.trace();
  };
  for (std::uint64_t seed = 1; seed <= 5; ++seed) EXPECT_EQ(trace(seed), trace(seed)) << seed;
  EXPECT_NE(trace(1), trace(2));
}

}  // namespace
}  // namespace kv
