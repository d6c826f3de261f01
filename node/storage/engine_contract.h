// The storage port's contract (engine.h) as tests that every engine must pass. Include it in one
// test file per engine:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, EngineContract, testing::Values([] { return
//   std::make_unique<MemoryHarness>(); }));
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "node/base/rng.h"
#include "node/storage/engine.h"

namespace kv::storage {

// One engine on one disk, which starts empty.
class EngineHarness {
 public:
  virtual ~EngineHarness() = default;

  virtual Engine& engine() = 0;  // valid until reopen() or crash()
  virtual absl::Status sync() { return engine().sync(); }

  // The process is killed and started again.
  virtual void reopen() = 0;

  // The machine loses power and is started again. How much of what was not synced survives depends
  // on `random`.
  virtual void crash(std::uint64_t random) = 0;

  // Commits so much that the commits of before are not kept for changes() any more.
  virtual void overflow_changes() = 0;
};

using HarnessFactory = std::function<std::unique_ptr<EngineHarness>()>;
using Entries = std::vector<std::pair<std::string, std::string>>;

class EngineContract : public testing::TestWithParam<HarnessFactory> {
 protected:
  Engine& engine() { return harness_->engine(); }

  void put(Family family, const std::string& key, const std::string& value) {
    WriteBatch batch;
    batch.put(family, key, value);
    ASSERT_TRUE(engine().commit(batch).ok());
  }

  std::optional<std::string> get(Family family, const std::string& key) {
    const auto value = engine().get(family, key);
    EXPECT_TRUE(value.ok()) << value.status();
    return value.ok() ? *value : std::nullopt;
  }

  Entries scan(Family family, const std::string& from = "", const std::string& to = "",
               std::size_t limit = SIZE_MAX) {
    Entries entries;
    const auto status =
        engine().scan(family, from, to, [&](std::string_view key, std::string_view value) {
          entries.emplace_back(key, value);
          return entries.size() < limit;
        });
    EXPECT_TRUE(status.ok()) << status;
    return entries;
  }

  void announce(const std::string& key, const std::string& value, const Clock& dots) {
    WriteBatch batch;
    batch.put(Family::kObjects, key, value);
    batch.announce(key, dots);
    ASSERT_TRUE(engine().commit(batch).ok());
  }

  // The next change as text: "-" for one of no announced object, "" for none yet.
  using Told = std::vector<std::string>;
  static std::string next_of(ChangeReader& reader) {
    CommittedChange change;
    const auto found = reader.next(change);
    EXPECT_TRUE(found.ok()) << found.status();
    if (!found.ok() || !*found) return "";
    std::string told;
    for (const ChangedObject& object : change.objects)
      told += (told.empty() ? "" : ", ") + object.key +
              (object.record.has_value() ? "=" + *object.record : " gone") + " " +
              to_string(object.dots);
    return told.empty() ? "-" : told;
  }
  Told changes_since(std::uint64_t from) {
    Told all;
    const auto reader = engine().changes(from);
    EXPECT_TRUE(reader.ok()) << reader.status();
    if (!reader.ok()) return all;
    for (std::string told = next_of(**reader); !told.empty(); told = next_of(**reader))
      all.push_back(told);
    return all;
  }

  // One batch that changes every family; batches are numbered 1, 2, 3, ...
  void commit_numbered(int n) {
    WriteBatch batch;
    batch.put(Family::kObjects, "object " + std::to_string(n), std::string(200, 'x'));
    batch.put(Family::kLog, std::string(1, static_cast<char>(n)), std::to_string(n));
    batch.put(Family::kMeta, "last", std::to_string(n));
    if (n > 1) batch.erase(Family::kObjects, "object " + std::to_string(n - 1));
    ASSERT_TRUE(engine().commit(batch).ok());
  }

  // Checks that exactly the batches 1..n are there, whole, for some n, which it returns.
  int numbered_prefix() {
    const auto last = get(Family::kMeta, "last");
    const int n = last.has_value() ? std::stoi(*last) : 0;
    Entries expected;
    for (int i = 1; i <= n; ++i)
      expected.emplace_back(std::string(1, static_cast<char>(i)), std::to_string(i));
    EXPECT_EQ(scan(Family::kLog), expected) << "log and meta are of different moments";
    const Entries objects = scan(Family::kObjects);
    EXPECT_EQ(objects.size(), n > 0 ? 1U : 0U);
    if (!objects.empty()) {
      EXPECT_EQ(objects[0].first, "object " + std::to_string(n));
    }
    return n;
  }

  const std::unique_ptr<EngineHarness> harness_ = GetParam()();
};

TEST_P(EngineContract, AnAbsentKeyIsAnAnswer) {
  EXPECT_EQ(get(Family::kObjects, "k"), std::nullopt);
  EXPECT_EQ(scan(Family::kObjects), Entries{});
}

TEST_P(EngineContract, PutsReplaceAndErasesRemove) {
  put(Family::kObjects, "k", "1");
  EXPECT_EQ(get(Family::kObjects, "k"), "1");
  put(Family::kObjects, "k", "2");
  EXPECT_EQ(get(Family::kObjects, "k"), "2");
  WriteBatch batch;
  batch.erase(Family::kObjects, "k");
  batch.erase(Family::kObjects, "never there");
  ASSERT_TRUE(engine().commit(batch).ok());
  EXPECT_EQ(get(Family::kObjects, "k"), std::nullopt);
}

TEST_P(EngineContract, TheLastChangeOfAKeyInABatchCounts) {
  WriteBatch batch;
  batch.put(Family::kObjects, "erased", "1");
  batch.erase(Family::kObjects, "erased");
  batch.erase(Family::kObjects, "put");
  batch.put(Family::kObjects, "put", "1");
  batch.put(Family::kObjects, "put", "2");
  ASSERT_TRUE(engine().commit(batch).ok());
  EXPECT_EQ(scan(Family::kObjects), (Entries{{"put", "2"}}));
  ASSERT_TRUE(engine().commit(WriteBatch()).ok());
}

TEST_P(EngineContract, ARangeGoesBeforeTheOtherChangesOfItsBatch) {
  for (const char* key : {"a", "b1", "b2", "c"}) put(Family::kObjects, key, "old");
  WriteBatch batch;
  batch.put(Family::kObjects, "b1", "put before");
  batch.erase_range(Family::kObjects, "b", "c");
  batch.put(Family::kObjects, "b3", "put after");
  const std::uint64_t from = engine().position();
  ASSERT_TRUE(engine().commit(batch).ok());
  EXPECT_EQ(changes_since(from), Told{" gone {}"}) << "an object without a name stands for them";
  ASSERT_TRUE(harness_->sync().ok());
  harness_->crash(0);
  EXPECT_EQ(scan(Family::kObjects), (Entries{{"a", "old"}, {"b3", "put after"}, {"c", "old"}}));
}

TEST_P(EngineContract, FamiliesAreSeparate) {
  put(Family::kObjects, "k", "object");
  put(Family::kLog, "k", "log");
  EXPECT_EQ(get(Family::kObjects, "k"), "object");
  EXPECT_EQ(get(Family::kLog, "k"), "log");
  EXPECT_EQ(get(Family::kMeta, "k"), std::nullopt);
  EXPECT_EQ(scan(Family::kLog), (Entries{{"k", "log"}}));
}

TEST_P(EngineContract, AnyBytesAreKeysAndValues) {
  const std::string nul("a\0b", 3);
  const std::string big(4 << 20, '\xff');
  put(Family::kObjects, "", "of the empty key");
  put(Family::kObjects, nul, "");
  put(Family::kObjects, "big", big);
  put(Family::kObjects, "\xff\xff", std::string("\n\0\n", 3));
  EXPECT_EQ(get(Family::kObjects, ""), "of the empty key");
  EXPECT_EQ(get(Family::kObjects, nul), "");
  EXPECT_EQ(get(Family::kObjects, "big"), big);
  EXPECT_EQ(get(Family::kObjects, "\xff\xff"), std::string("\n\0\n", 3));
  harness_->reopen();
  EXPECT_EQ(get(Family::kObjects, nul), "");
  EXPECT_EQ(get(Family::kObjects, "big"), big);
}

TEST_P(EngineContract, ScansGoByUnsignedBytesOverAHalfOpenRange) {
  for (const char* key : {"b", "a", "\x80", "ab", "c", "\xff"}) put(Family::kObjects, key, key);
  const auto keys = [&](const std::string& from, const std::string& to,
                        std::size_t limit = SIZE_MAX) {
    std::vector<std::string> found;
    for (const auto& entry : scan(Family::kObjects, from, to, limit)) found.push_back(entry.first);
    return found;
  };
  using Keys = std::vector<std::string>;
  EXPECT_EQ(keys("", ""), (Keys{"a", "ab", "b", "c", "\x80", "\xff"}));
  EXPECT_EQ(keys("ab", "c"), (Keys{"ab", "b"}));
  EXPECT_EQ(keys("aa", "bz"), (Keys{"ab", "b"}));
  EXPECT_EQ(keys("c", ""), (Keys{"c", "\x80", "\xff"}));
  EXPECT_EQ(keys("", "", 2), (Keys{"a", "ab"}));
  EXPECT_EQ(keys("b", "b"), Keys{});
  EXPECT_EQ(keys("c", "a"), Keys{});
  EXPECT_EQ(keys("d", "e"), Keys{});
}

TEST_P(EngineContract, AScanSeesOneMoment) {
  for (const char* key : {"a", "b", "c"}) put(Family::kObjects, key, "before");
  Entries seen;
  const auto status =
      engine().scan(Family::kObjects, "", "", [&](std::string_view key, std::string_view value) {
        WriteBatch batch;
        batch.erase(Family::kObjects, "b");
        batch.put(Family::kObjects, "c", "after");
        batch.put(Family::kObjects, "d", "after");
        EXPECT_TRUE(engine().commit(batch).ok());
        seen.emplace_back(key, value);
        return true;
      });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(seen, (Entries{{"a", "before"}, {"b", "before"}, {"c", "before"}}));
  EXPECT_EQ(scan(Family::kObjects), (Entries{{"a", "before"}, {"c", "after"}, {"d", "after"}}));
}

TEST_P(EngineContract, TheDeathOfTheProcessTakesNothing) {
  for (int round = 0; round < 3; ++round) {
    for (int i = 1; i <= 10; ++i) commit_numbered(10 * round + i);
    harness_->reopen();
    EXPECT_EQ(numbered_prefix(), 10 * round + 10);
  }
}

TEST_P(EngineContract, APowerLossKeepsAPrefixOfWholeBatchesThatHoldsAllThatWasSynced) {
  bool lost_some = false;
  Rng rng(1);
  int next = 1;
  for (int round = 0; round < 12; ++round) {
    const int synced_before = next - 1 + static_cast<int>(rng.below(4));
    const int committed = synced_before + static_cast<int>(rng.below(4));
    while (next <= synced_before) commit_numbered(next++);
    ASSERT_TRUE(harness_->sync().ok());
    while (next <= committed) commit_numbered(next++);
    harness_->crash(rng.next());
    const int n = numbered_prefix();
    EXPECT_GE(n, synced_before);
    EXPECT_LE(n, committed);
    lost_some |= n < committed;
    next = n + 1;
  }
  EXPECT_TRUE(lost_some) << "this harness loses nothing: the test shows nothing";
}

TEST_P(EngineContract, WhatAStartFoundIsNotLostLater) {
  commit_numbered(1);
  ASSERT_TRUE(harness_->sync().ok());
  commit_numbered(2);
  harness_->reopen();
  ASSERT_TRUE(harness_->sync().ok());
  for (std::uint64_t random = 0; random < 3; ++random) {
    harness_->crash(random);
    EXPECT_EQ(numbered_prefix(), 2);
  }
}

TEST_P(EngineContract, DiskBytesGrowWithTheData) {
  const auto before = engine().disk_bytes();
  Rng rng(7);
  std::string noise;
  while (noise.size() < 100'000) noise.push_back(static_cast<char>(rng.next()));
  put(Family::kObjects, "k", noise);
  EXPECT_GE(engine().disk_bytes(), before + 100'000);
}

// A random history against a plain map, with processes dying now and then.
TEST_P(EngineContract, BehavesAsAMapOfBytes) {
  Rng rng(20240607);
  std::map<WriteBatch::Key, std::string> model;
  const auto random_key = [&] {
    const auto family = static_cast<Family>(rng.below(kFamilies));
    const char letter = static_cast<char>('a' + rng.below(3));
    return WriteBatch::Key{family, std::string(rng.below(3), letter)};
  };
  for (int step = 0; step < 400; ++step) {
    WriteBatch batch;
    for (std::uint64_t n = rng.below(4); n > 0; --n) {
      auto [family, key] = random_key();
      if (rng.below(3) == 0)
        batch.erase(family, key);
      else
        batch.put(family, key, std::to_string(step));
    }
    ASSERT_TRUE(engine().commit(batch).ok());
    for (const auto& [key, value] : batch.changes()) {
      if (value.has_value())
        model[key] = *value;
      else
        model.erase(key);
    }
    if (rng.below(80) == 0) harness_->reopen();
    const auto [family, from] = random_key();
    const std::string to = random_key().second;
    Entries expected;
    for (const auto& [key, value] : model)
      if (key.first == family && key.second >= from && (to.empty() || key.second < to))
        expected.emplace_back(key.second, value);
    ASSERT_EQ(scan(family, from, to), expected) << "step " << step;
    const auto at = model.find({family, from});
    ASSERT_EQ(get(family, from), at == model.end() ? std::nullopt : std::optional(at->second))
        << "step " << step;
  }
}

// ---- The log of changes ----------------------------------------------------------------------------------------------

TEST_P(EngineContract, CommitsAreGivenBackInOrderWithWhatWasAnnounced) {
  const std::uint64_t from = engine().position();
  announce("a", "1", Clock{{Actor{1}, 1}});
  put(Family::kObjects, "silent", "1");
  WriteBatch batch;
  batch.put(Family::kObjects, "b", "1");
  batch.announce("b", Clock{{Actor{2}, 1}});
  batch.put(Family::kObjects, "b", "2");
  batch.announce("b", Clock{{Actor{2}, 2}});
  batch.erase(Family::kObjects, "a");
  batch.announce("a", {});
  batch.put(Family::kLog, "b", "not an object");
  ASSERT_TRUE(engine().commit(batch).ok());
  EXPECT_EQ(changes_since(from), (Told{"a=1 {1:1}", "-", "a gone {}, b=2 {2:1-2}"}));
}

TEST_P(EngineContract, AReaderOfChangesGoesOnWhereItStopped) {
  const auto reader = engine().changes(engine().position());
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(next_of(**reader), "");
  announce("a", "1", Clock{{Actor{1}, 1}});
  EXPECT_EQ(next_of(**reader), "a=1 {1:1}");
  EXPECT_EQ(next_of(**reader), "");
  announce("a", "2", Clock{{Actor{1}, 2}});
  EXPECT_EQ(next_of(**reader), "a=2 {1:2}");
}

TEST_P(EngineContract, ChangesAndTheirPositionsOutliveTheProcess) {
  const std::uint64_t from = engine().position();
  Told expected;
  for (std::uint64_t i = 1; i <= 9; ++i) {
    announce("k", std::to_string(i), Clock{{Actor{1}, i}});
    expected.push_back("k=" + std::to_string(i) + " {1:" + std::to_string(i) + "}");
    const std::uint64_t end = engine().position();
    if (i % 3 == 0) harness_->reopen();
    EXPECT_EQ(engine().position(), end);
  }
  EXPECT_EQ(changes_since(from), expected);
}

TEST_P(EngineContract, WhatAPowerLossTakesIsNoChangeEither) {
  const std::uint64_t from = engine().position();
  Rng rng(5);
  Told expected;
  for (std::uint64_t round = 1; round < 10; ++round) {
    for (std::uint64_t i = rng.below(4); i > 0; --i) {
      announce("k", std::to_string(round), Clock{{Actor{round}, i}});
      expected.push_back("k=" + std::to_string(round) + " {" + std::to_string(round) + ":" +
                         std::to_string(i) + "}");
      if (rng.below(2) == 0) {
        ASSERT_TRUE(harness_->sync().ok());
      }
    }
    harness_->crash(rng.next());
    const Told left = changes_since(from);
    ASSERT_LE(left.size(), expected.size());
    expected.resize(left.size());
    EXPECT_EQ(left, expected);
    const std::optional<std::string> last = get(Family::kObjects, "k");
    EXPECT_EQ(last.has_value(), !left.empty());
    if (last.has_value()) {
      EXPECT_EQ(left.back().substr(0, left.back().find(' ')), "k=" + *last);
    }
  }
}

TEST_P(EngineContract, APositionThatIsNotKeptIsOutOfRange) {
  announce("a", "1", Clock{{Actor{1}, 1}});
  const std::uint64_t first = engine().position();
  announce("a", "2", Clock{{Actor{1}, 2}});
  EXPECT_TRUE(absl::IsOutOfRange(engine().changes(engine().position() + 1).status()));
  EXPECT_TRUE(absl::IsOutOfRange(engine().changes(0).status()));
  const auto reader = engine().changes(first);
  ASSERT_TRUE(reader.ok()) << reader.status();
  harness_->overflow_changes();
  EXPECT_TRUE(absl::IsOutOfRange(engine().changes(first).status()));
  CommittedChange change;  // an open reader may still reach what has gone; it leaves nothing out
  std::uint64_t next = first;
  for (auto found = (*reader)->next(change); found.ok() && *found;
       found = (*reader)->next(change)) {
    ASSERT_EQ(change.at, next);
    next = change.next;
  }
  harness_->reopen();
  EXPECT_TRUE(absl::IsOutOfRange(engine().changes(first).status()));
  const std::uint64_t now = engine().position();
  announce("a", "3", Clock{{Actor{1}, 3}});
  EXPECT_EQ(changes_since(now), Told{"a=3 {1:3}"});
}

// Two threads commit, as shards do; a third follows. Each commit is seen once, and each writer's in its order.
TEST_P(EngineContract, ChangesAreReadBesideTheWriters) {
  constexpr std::uint64_t kCommits = 400;
  Engine& shared = engine();
  auto reader = shared.changes(shared.position());
  ASSERT_TRUE(reader.ok());
  std::atomic<int> failures = 0;
  const auto commit = [&](std::uint64_t actor) {
    for (std::uint64_t i = 1; i <= kCommits; ++i) {
      WriteBatch batch;
      const std::string key = std::to_string(actor);
      batch.put(Family::kObjects, key, std::to_string(i));
      batch.announce(key, Clock{{Actor{actor}, i}});
      if (!shared.commit(batch).ok()) ++failures;
    }
  };
  std::thread one([&] { commit(1); });
  std::thread two([&] { commit(2); });
  std::uint64_t seen[3] = {0, 0, 0};
  CommittedChange change;
  while (seen[1] + seen[2] < 2 * kCommits && failures == 0) {
    const auto found = (*reader)->next(change);
    if (!found.ok()) ++failures;
    if (!found.ok() || !*found) continue;
    for (const ChangedObject& object : change.objects) {
      const std::uint64_t actor = std::stoull(object.key);
      ++seen[actor];
      if (object.record != std::to_string(seen[actor]) ||
          object.dots != Clock{{Actor{actor}, seen[actor]}})
        ++failures;
    }
  }
  one.join();
  two.join();
  EXPECT_EQ(failures, 0);
}

// One thread commits batches that keep two keys equal; others read, scan and sync beside it.
TEST_P(EngineContract, ReadersAndSyncsRunBesideTheWriter) {
  constexpr int kCommits = 300;
  const auto commit = [&](int n) {
    WriteBatch batch;
    batch.put(Family::kObjects, "a", std::to_string(n));
    batch.put(Family::kObjects, "b", std::to_string(n));
    return engine().commit(batch);
  };
  ASSERT_TRUE(commit(0).ok());
  Engine& shared = engine();
  std::atomic<int> committed = 0;
  std::atomic<int> failures = 0;
  const auto read = [&] {
    while (committed < kCommits) {
      const int at_least = committed;
      std::vector<int> seen;
      const auto collect = [&](std::string_view, std::string_view value) {
        seen.push_back(std::stoi(std::string(value)));
        return true;
      };
      const bool ok = shared.scan(Family::kObjects, "", "", collect).ok();
      if (!ok || seen.size() != 2 || seen[0] != seen[1] || seen[0] < at_least) ++failures;
      const auto value = shared.get(Family::kObjects, "b");
      if (!value.ok() || !value->has_value() || std::stoi(**value) < at_least) ++failures;
    }
  };
  const auto keep_syncing = [&] {
    while (committed < kCommits)
      if (!shared.sync().ok() || shared.disk_bytes() == 0) ++failures;
  };
  std::vector<std::thread> threads;
  threads.emplace_back(read);
  threads.emplace_back(read);
  threads.emplace_back(keep_syncing);
  for (int n = 1; n <= kCommits; ++n) {
    if (!commit(n).ok()) ++failures;
    committed = n;
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

}  // namespace kv::storage
