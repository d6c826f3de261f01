#include "node/core/identity.h"

#include <gtest/gtest.h>

#include "node/storage/keys.h"
#include "node/storage/memory_engine.h"

namespace kv {
namespace {

const Identity kNode{"shop", "n1", 64, "boot-1"};

Identity with_boot(const std::string& boot_id) {
  Identity identity = kNode;
  identity.boot_id = boot_id;
  return identity;
}

// A start that gets as far as having recovered.
absl::StatusOr<Claim> start(storage::Engine& engine, const Identity& identity) {
  auto claimed = claim(engine, identity);
  if (claimed.ok()) {
    EXPECT_TRUE(record_recovered(engine, identity).ok());
  }
  return claimed;
}

TEST(Identity, AnEmptyDirectoryIsNewAndMayHaveLostAnything) {
  storage::MemoryEngine engine;
  const Claim first = start(engine, kNode).value();
  EXPECT_TRUE(first.is_new);
  EXPECT_FALSE(first.keep_actors);
  EXPECT_EQ(engine.unsynced(), 0U) << "whose it is survives a power loss";
}

TEST(Identity, ActorsAreKeptAfterAMereDeathOfTheProcess) {
  storage::MemoryEngine engine;
  ASSERT_TRUE(start(engine, kNode).ok());
  const Claim again = start(engine, kNode).value();
  EXPECT_FALSE(again.is_new);
  EXPECT_TRUE(again.keep_actors);
}

TEST(Identity, ActorsAreNotKeptAcrossABootWithoutACleanStop) {
  storage::MemoryEngine engine;
  ASSERT_TRUE(start(engine, kNode).ok());
  EXPECT_FALSE(start(engine, with_boot("boot-2")).value().keep_actors);
  EXPECT_TRUE(start(engine, with_boot("boot-2")).value().keep_actors)
      << "the new boot has been recorded";
  ASSERT_TRUE(start(engine, with_boot("")).ok());
  EXPECT_FALSE(start(engine, with_boot("")).value().keep_actors)
      << "a boot that is not known proves nothing";
}

TEST(Identity, ACleanStopKeepsThemOnce) {
  storage::MemoryEngine engine;
  ASSERT_TRUE(start(engine, kNode).ok());
  ASSERT_TRUE(record_clean_stop(engine, kNode).ok());
  engine.crash(0);
  EXPECT_TRUE(start(engine, with_boot("boot-2")).value().keep_actors);
  engine.crash(0);
  EXPECT_FALSE(start(engine, with_boot("boot-3")).value().keep_actors)
      << "that run did not stop cleanly";
}

TEST(Identity, AStartThatDiesBeforeItHasRecoveredProvesNothing) {
  storage::MemoryEngine engine;
  ASSERT_TRUE(start(engine, kNode).ok());
  EXPECT_FALSE(claim(engine, with_boot("boot-2")).value().keep_actors);
  EXPECT_FALSE(claim(engine, with_boot("boot-2")).value().keep_actors)
      << "the old actors are still on the disk";
  ASSERT_TRUE(record_recovered(engine, with_boot("boot-2")).ok());
  EXPECT_TRUE(claim(engine, with_boot("boot-2")).value().keep_actors);
}

TEST(Identity, ACopyOfTheDirectoryKeepsNoActors) {
  Identity identity = kNode;
  identity.directory = "inode 1";
  storage::MemoryEngine engine;
  ASSERT_TRUE(start(engine, identity).ok());
  identity.directory_found = "inode 1";
  EXPECT_TRUE(start(engine, identity).value().keep_actors);
  ASSERT_TRUE(record_clean_stop(engine, identity).ok());
  identity.directory_found = identity.directory = "inode 2";
  EXPECT_FALSE(start(engine, identity).value().keep_actors) << "however cleanly it was stopped";
  EXPECT_TRUE(start(engine, identity).value().keep_actors) << "from now on it is this one";
}

TEST(Identity, AForeignDirectoryIsRefusedAndLeftAlone) {
  storage::MemoryEngine engine;
  ASSERT_TRUE(start(engine, kNode).ok());
  const auto refusal = [&](const Identity& identity) {
    const auto claimed = start(engine, identity);
    EXPECT_EQ(claimed.status().code(), absl::StatusCode::kFailedPrecondition);
    return std::string(claimed.status().message());
  };
  EXPECT_EQ(refusal({"bank", "n1", 64, "boot-1"}),
            "the data directory belongs to cluster \"shop\", not to \"bank\"");
  EXPECT_EQ(
      refusal({"shop", "n2", 64, "boot-1"}),
      "the data directory belongs to node n1, not to n2; give each node a directory of its own");
  EXPECT_EQ(refusal({"shop", "n1", 128, "boot-1"}),
            "the data directory was made for 64 partitions and the configuration says 128; the "
            "number is fixed when a "
            "cluster is created");
  EXPECT_TRUE(start(engine, kNode).value().keep_actors);
}

TEST(Identity, ADamagedRecordIsNotAnEmptyDirectory) {
  storage::MemoryEngine engine;
  storage::WriteBatch damage;
  damage.put(storage::Family::kMeta, storage::node_key(), "rubbish");
  ASSERT_TRUE(engine.commit(damage).ok());
  EXPECT_EQ(start(engine, kNode).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace kv
