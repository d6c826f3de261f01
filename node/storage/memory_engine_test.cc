#include "node/storage/memory_engine.h"

#include <gtest/gtest.h>

#include "node/storage/engine_contract.h"

namespace kv::storage {
namespace {

class MemoryHarness final : public EngineHarness {
 public:
  Engine& engine() override { return engine_; }
  void reopen() override {}  // the disk outlives the process, and here the engine is the disk
  void crash(std::uint64_t random) override {
    engine_.crash(random % (engine_.unsynced() + 1), random >> 56);
  }
  void overflow_changes() override {
    for (std::size_t i = 0; i <= MemoryEngine::kDefaultKeptChanges; ++i) {
      WriteBatch batch;
      batch.put(Family::kMeta, "k", std::to_string(i));
      ASSERT_TRUE(engine_.commit(batch).ok());
    }
  }

 private:
  MemoryEngine engine_;
};

INSTANTIATE_TEST_SUITE_P(Memory, EngineContract,
                         testing::Values([]() -> std::unique_ptr<EngineHarness> {
                           return std::make_unique<MemoryHarness>();
                         }));

class MemoryEngineTest : public testing::Test {
 protected:
  absl::Status put(const std::string& key, const std::string& value) {
    WriteBatch batch;
    batch.put(Family::kObjects, key, value);
    batch.put(Family::kLog, key, value);
    return engine_.commit(batch);
  }

  std::string keys() const {
    std::string found;
    for (const Family family : {Family::kObjects, Family::kLog}) {
      if (family == Family::kLog) found += '/';
      EXPECT_TRUE(engine_
                      .scan(family, "", "",
                            [&](std::string_view key, std::string_view) {
                              found += key;
                              return true;
                            })
                      .ok());
    }
    return found;
  }

  MemoryEngine engine_;
};

TEST_F(MemoryEngineTest, ACrashKeepsAsManyCommitsAsAsked) {
  for (const char* key : {"a", "b", "c", "d"}) ASSERT_TRUE(put(key, "1").ok());
  EXPECT_EQ(engine_.unsynced(), 4U);
  engine_.crash(3);
  EXPECT_EQ(keys(), "abc/abc");
  EXPECT_EQ(engine_.unsynced(), 3U);
  ASSERT_TRUE(engine_.sync().ok());
  EXPECT_EQ(engine_.unsynced(), 0U);
  ASSERT_TRUE(put("e", "1").ok());
  engine_.crash(0);
  EXPECT_EQ(keys(), "abc/abc");
}

TEST_F(MemoryEngineTest, ATornBatchIsAbsentAsAWholeHoweverMuchOfItWasWritten) {
  ASSERT_TRUE(put("a", "1").ok());
  ASSERT_TRUE(engine_.sync().ok());
  for (std::size_t torn = 0; torn < 120; ++torn) {
    const auto before = engine_.disk_bytes();
    ASSERT_TRUE(put("b", "some longer value").ok());
    ASSERT_TRUE(put("c", "1").ok());
    engine_.crash(0, torn);
    ASSERT_EQ(keys(), "a/a") << torn;
    ASSERT_EQ(engine_.disk_bytes(), before) << torn;
  }
}

TEST_F(MemoryEngineTest, ALogThatHasBecomeLongIsFoldedAndNothingElseChanges) {
  const std::string large(10'000, 'x');
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(put(i % 2 == 0 ? "a" : "b", large).ok());
    if (i % 3 == 0) {
      ASSERT_TRUE(engine_.sync().ok());
    }
  }
  ASSERT_TRUE(engine_.sync().ok());
  EXPECT_EQ(engine_.disk_bytes(), 4 * (large.size() + 1));
  ASSERT_TRUE(put("a", "1").ok());
  ASSERT_TRUE(put("c", "1").ok());
  const auto copied = engine_.copy();
  for (MemoryEngine* engine : {&engine_, copied.get()}) {
    engine->crash(0);
    EXPECT_EQ(*engine->get(Family::kObjects, "a"), large);
    EXPECT_EQ(*engine->get(Family::kObjects, "c"), std::nullopt);
    EXPECT_EQ(engine->disk_bytes(), 4 * (large.size() + 1));
  }
  EXPECT_EQ(keys(), "ab/ab");
}

TEST_F(MemoryEngineTest, ErasesAndOverwritesAreUndoneByACrashToo) {
  ASSERT_TRUE(put("a", "1").ok());
  ASSERT_TRUE(engine_.sync().ok());
  WriteBatch batch;
  batch.erase(Family::kObjects, "a");
  batch.put(Family::kLog, "a", "2");
  ASSERT_TRUE(engine_.commit(batch).ok());
  EXPECT_EQ(keys(), "/a");
  engine_.crash(0);
  EXPECT_EQ(keys(), "a/a");
  EXPECT_EQ(*engine_.get(Family::kLog, "a"), "1");
  ASSERT_TRUE(engine_.commit(batch).ok());
  ASSERT_TRUE(engine_.sync().ok());
  engine_.crash(0);
  EXPECT_EQ(keys(), "/a");
  EXPECT_EQ(*engine_.get(Family::kLog, "a"), "2");
}

TEST_F(MemoryEngineTest, FaultsAnswerAndChangeNothing) {
  ASSERT_TRUE(put("a", "1").ok());
  engine_.set_faults({.get = absl::DataLossError("bad block"),
                      .scan = absl::InternalError("bad cable"),
                      .commit = absl::InternalError("bad disk")});
  EXPECT_EQ(engine_.get(Family::kObjects, "a").status(), absl::DataLossError("bad block"));
  EXPECT_EQ(engine_.scan(Family::kObjects, "", "", [](auto, auto) { return true; }),
            absl::InternalError("bad cable"));
  EXPECT_EQ(put("b", "1"), absl::InternalError("bad disk"));
  engine_.set_faults({});
  EXPECT_EQ(keys(), "a/a");
  engine_.crash(engine_.unsynced());
  EXPECT_EQ(keys(), "a/a");
}

TEST_F(MemoryEngineTest, AFullDiskRefusesWhatDoesNotFitAndKeepsTheRest) {
  ASSERT_TRUE(put("a", "1").ok());
  engine_.set_faults({.capacity_bytes = engine_.disk_bytes() + 200});
  const auto refused = put("b", std::string(1000, 'x'));
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(refused.message().find("disk full"), std::string::npos) << refused;
  EXPECT_TRUE(put("c", "1").ok());
  EXPECT_EQ(keys(), "ac/ac");
}

TEST_F(MemoryEngineTest, NothingIsTakenAfterAFailedSync) {
  ASSERT_TRUE(put("a", "1").ok());
  ASSERT_TRUE(engine_.sync().ok());
  ASSERT_TRUE(put("b", "1").ok());
  const absl::Status failure = absl::InternalError("fsync: I/O error");
  engine_.set_faults({.sync = failure});
  EXPECT_EQ(engine_.sync(), failure);
  engine_.set_faults({});
  EXPECT_EQ(engine_.sync(), failure)
      << "a later sync says nothing about the pages that were dropped";
  EXPECT_EQ(put("c", "1"), failure);
  engine_.crash(0);
  EXPECT_EQ(keys(), "a/a");
  EXPECT_TRUE(put("d", "1").ok());
  EXPECT_TRUE(engine_.sync().ok());
}

TEST_F(MemoryEngineTest, DiskBytesCountTablesAndLogOnce) {
  EXPECT_EQ(engine_.disk_bytes(), 0U);
  ASSERT_TRUE(put("a", "12345").ok());
  const auto in_log = engine_.disk_bytes();
  ASSERT_TRUE(engine_.sync().ok());
  EXPECT_EQ(engine_.disk_bytes(), 2U * 6U);
  EXPECT_GT(in_log, 2U * 6U);
  ASSERT_TRUE(put("a", "1").ok());
  ASSERT_TRUE(engine_.sync().ok());
  EXPECT_EQ(engine_.disk_bytes(), 2U * 2U);
}

TEST(MemoryEngine, DamageIsNeitherReadNorAbsentUntilItsRangeIsErased) {
  MemoryEngine engine;
  WriteBatch batch;
  for (const char* key : {"a", "b", "c"}) batch.put(Family::kObjects, key, "v");
  ASSERT_TRUE(engine.commit(batch).ok());
  engine.damage(Family::kObjects, "b");
  EXPECT_EQ(engine.get(Family::kObjects, "b").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(**engine.get(Family::kObjects, "a"), "v");
  std::string seen;
  const auto visit = [&](std::string_view key, std::string_view) {
    seen.append(key);
    return true;
  };
  EXPECT_EQ(engine.scan(Family::kObjects, "", "", visit).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(seen, "a");
  EXPECT_TRUE(engine.scan(Family::kObjects, "c", "", visit).ok());
  seen.clear();
  engine.inspect(Family::kObjects, "", "", visit);
  EXPECT_EQ(seen, "abc");
  EXPECT_EQ(engine.copy()->get(Family::kObjects, "b").status().code(), absl::StatusCode::kDataLoss);
  WriteBatch erase;
  erase.erase_range(Family::kObjects, "b", "c");
  ASSERT_TRUE(engine.commit(erase).ok());
  EXPECT_EQ(*engine.get(Family::kObjects, "b"), std::nullopt);
}

}  // namespace
}  // namespace kv::storage
