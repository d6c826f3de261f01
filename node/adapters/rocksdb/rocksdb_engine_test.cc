#include "node/adapters/rocksdb/rocksdb_engine.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "node/adapters/rocksdb/boot_file.h"
#include "node/adapters/rocksdb/damaged_directory.h"
#include "node/adapters/rocksdb/rocksdb_harness.h"
#include "node/core/identity.h"
#include "node/storage/engine_contract.h"
#include "node/storage/keys.h"

// A disk that fails on demand: these two replace the C library's for the whole test binary.
namespace {

std::atomic<int> fail_log_write_with = 0;  // errno; the write gets half of its bytes done
std::atomic<int> fail_log_sync_with = 0;

bool is_log(int file) {
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const ssize_t length = ::readlink(link.c_str(), path, sizeof(path));
  return length > 4 && std::string_view(path, static_cast<std::size_t>(length)).ends_with(".log");
}

}  // namespace

extern "C" ssize_t write(int file, const void* bytes, std::size_t size) {
  if (fail_log_write_with != 0 && is_log(file)) {
    if (size > 1) return ::syscall(SYS_write, file, bytes, size / 2);
    errno = fail_log_write_with;
    return -1;
  }
  return ::syscall(SYS_write, file, bytes, size);
}

extern "C" int fdatasync(int file) {
  if (fail_log_sync_with != 0 && is_log(file)) {
    errno = fail_log_sync_with;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}

namespace kv::storage {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

INSTANTIATE_TEST_SUITE_P(Rocksdb, EngineContract,
                         testing::Values([]() -> std::unique_ptr<EngineHarness> {
                           return std::make_unique<RocksdbHarness>();
                         }));

RocksdbOptions options_for(const fs::path& data_dir, std::string boot_id = "") {
  return {.data_dir = data_dir.string(),
          .block_cache_bytes = 8 << 20,
          .write_buffer_bytes = 8 << 20,
          .reserve_bytes = 0,
          .boot_id = std::move(boot_id)};
}

absl::Status put(Engine& engine, Family family, const std::string& key, const std::string& value) {
  WriteBatch batch;
  batch.put(family, key, value);
  return engine.commit(batch);
}

// The numbers in family log: each commit of commit_pairs() adds one there and to the objects.
std::string pairs_in(const Engine& engine) {
  std::string found;
  for (const Family family : {Family::kObjects, Family::kLog}) {
    if (family == Family::kLog) found += '/';
    const auto status = engine.scan(family, "", "", [&](std::string_view key, std::string_view) {
      found += key;
      return true;
    });
    EXPECT_TRUE(status.ok()) << status;
  }
  return found;
}

void commit_pairs(Engine& engine, const std::string& keys) {
  for (const char key : keys) {
    WriteBatch batch;
    batch.put(Family::kObjects, std::string(1, key), std::string(300, key));
    batch.put(Family::kLog, std::string(1, key), std::string(1, key));
    ASSERT_TRUE(engine.commit(batch).ok());
  }
}

void flip_byte(const fs::path& file, std::uintmax_t at) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(at));
  const int byte = stream.get();
  stream.seekp(static_cast<std::streamoff>(at));
  stream.put(static_cast<char>(byte ^ 0x10));
  ASSERT_TRUE(stream.good());
}

fs::path only_log(const fs::path& data_dir) {
  const auto files = log_files(data_dir);
  EXPECT_EQ(files.size(), 1U);
  return files.back();
}

class RocksdbEngineTest : public testing::Test {
 protected:
  RocksdbEngineTest() {
    fail_log_write_with = 0;
    fail_log_sync_with = 0;
  }
  ~RocksdbEngineTest() override {
    fail_log_write_with = 0;
    fail_log_sync_with = 0;
  }

  std::unique_ptr<RocksdbEngine> open(const RocksdbOptions& options) {
    auto engine = RocksdbEngine::open(options);
    EXPECT_TRUE(engine.ok()) << engine.status();
    return engine.ok() ? std::move(*engine) : nullptr;
  }

  // The directory as a process that committed `keys` and was killed leaves it.
  fs::path killed_after(const std::string& keys, const std::string& boot_id = "") {
    const fs::path alive = root_.path() / "alive";
    const fs::path killed = root_.path() / "killed";
    fs::remove_all(killed);
    {
      const auto engine = open(options_for(alive, boot_id));
      if (engine == nullptr) return killed;
      commit_pairs(*engine, keys);
      copy_alive(alive, killed);
    }
    fs::remove_all(alive);
    return killed;
  }

  TempDir root_;
};

// --- What a start finds -------------------------------------------------------------------------

std::string key_in(std::uint16_t partition, int i) {
  return object_key(Partition{partition}, absl::StrCat("key-", 1000 + i));
}

// How many keys a scan of the partition sees; none: it meets damage.
std::optional<int> keys_in(const Engine& engine, std::uint16_t partition) {
  int count = 0;
  const absl::Status status =
      engine.scan(Family::kObjects, partition_prefix(Partition{partition}),
                  partition_end(Partition{partition}), [&](auto, auto) { return ++count > 0; });
  return absl::IsDataLoss(status) ? std::nullopt : std::optional(count);
}

TEST_F(RocksdbEngineTest, AKilledProcessMayLeaveATornBatchWhichIsDroppedWhole) {
  const fs::path whole = killed_after("abc");
  const auto size = fs::file_size(only_log(whole));
  const auto last = size - fs::file_size(only_log(killed_after("ab")));
  for (const std::uintmax_t missing : {std::uintmax_t{1}, last / 2, last - 8, last - 3, last - 1}) {
    const fs::path dir = killed_after("abc");
    fs::resize_file(only_log(dir), size - missing);
    const auto engine = open(options_for(dir));
    ASSERT_NE(engine, nullptr);
    EXPECT_EQ(pairs_in(*engine), "ab/ab") << missing << " bytes missing of " << last;
    EXPECT_EQ(engine->recovery_note(), "");
    commit_pairs(*engine, "d");
    EXPECT_EQ(pairs_in(*engine), "abd/abd");
  }
}

TEST_F(RocksdbEngineTest, DamageInsideTheLogIsRefusedInWordsThatHelp) {
  const fs::path dir = killed_after("abcd", "boot 1");
  flip_byte(only_log(dir), fs::file_size(only_log(dir)) / 2);
  const auto engine = RocksdbEngine::open(options_for(dir, "boot 1"));
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(engine.status().ToString(), HasSubstr(dir.string()));
  EXPECT_EQ(RocksdbEngine::open(options_for(dir, "")).status().code(), absl::StatusCode::kDataLoss)
      << "refused again, and by those who do not know whether the machine was restarted";
}

TEST_F(RocksdbEngineTest, KnowsItsDirectoryAgainAlsoInAnotherBoot) {
  const fs::path dir = root_.path() / "d";
  std::string left;
  {
    const auto first = open(options_for(dir, "boot 1"));
    EXPECT_EQ(first->directory_found(), "");
    left = first->directory();
    EXPECT_NE(left, "");
  }
  {
    const auto same_boot = open(options_for(dir, "boot 1"));
    EXPECT_EQ(same_boot->directory_found(), left);
    EXPECT_EQ(same_boot->directory(), left);
  }
  const auto next_boot = open(options_for(dir, "boot 2"));
  EXPECT_EQ(next_boot->directory_found(), left);
  EXPECT_NE(next_boot->directory(), left);
}

TEST_F(RocksdbEngineTest, AfterARestartOfTheMachineNothingBehindAHoleInTheLogIsUsed) {
  const fs::path dir = killed_after("abcd", "boot 1");
  flip_byte(only_log(dir), fs::file_size(only_log(dir)) / 2 + 100);
  {
    const auto engine = open(options_for(dir, "boot 2"));
    ASSERT_NE(engine, nullptr);
    EXPECT_EQ(pairs_in(*engine), "ab/ab");
    EXPECT_THAT(engine->recovery_note(), HasSubstr(dir.string()));
    EXPECT_THAT(engine->recovery_note(), HasSubstr("dropped"));
    commit_pairs(*engine, "e");
  }
  const auto again = open(options_for(dir, "boot 2"));
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(pairs_in(*again), "abe/abe");
  EXPECT_EQ(again->recovery_note(), "");
}

// RocksDB alone would drop the end of the older file and use the newer one.
TEST_F(RocksdbEngineTest, AMissingEndOfAnOlderLogFileIsAHoleToo) {
  const fs::path dir = root_.path() / "d";
  {
    const auto engine = open(options_for(dir));
    ASSERT_NE(engine, nullptr);
    commit_pairs(*engine, "ab");
    const std::string filler(100'000, 'f');
    for (int i = 0; log_files(dir).size() < 2; ++i) {
      ASSERT_LT(i, 100) << "the log family's write buffer is never full";
      ASSERT_TRUE(put(*engine, Family::kLog, "f" + std::to_string(i), filler).ok());
    }
    commit_pairs(*engine, "c");
  }  // waits for the table that is being written, and leaves both log files
  ASSERT_EQ(log_files(dir).size(), 2U);
  const fs::path older = log_files(dir).front();
  fs::resize_file(older, fs::file_size(older) - 50'000);
  const auto engine = RocksdbEngine::open(options_for(dir));
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(engine.status().ToString(), HasSubstr("hole in the log"));
}

TEST_F(RocksdbEngineTest, DamageInATableIsNeverTakenForAbsence) {
  const fs::path dir = killed_after("abcdef");
  ASSERT_NE(open(options_for(dir)), nullptr);  // turns the log into tables
  int tables = 0;
  for (const auto& entry : fs::directory_iterator(dir)) {
    if (entry.path().extension() != ".sst") continue;
    flip_byte(entry.path(), 20);
    ++tables;
  }
  ASSERT_EQ(tables, 2);
  const auto engine = open(options_for(dir));
  ASSERT_NE(engine, nullptr);
  const auto value = engine->get(Family::kObjects, "a");
  EXPECT_EQ(value.status().code(), absl::StatusCode::kDataLoss) << value.status();
  const auto scanned = engine->scan(Family::kLog, "", "", [](auto, auto) { return true; });
  EXPECT_EQ(scanned.code(), absl::StatusCode::kDataLoss) << scanned;
}

TEST_F(RocksdbEngineTest, WhatIsDamagedInOnePartitionIsInNoOthersWay) {
  const fs::path dir = root_.path() / "data";
  {
    const auto engine = open(options_for(dir));
    for (std::uint16_t p = 0; p < 4; ++p)
      for (int i = 0; i < 100; ++i)
        ASSERT_TRUE(put(*engine, Family::kObjects, key_in(p, i), std::string(100, 'v')).ok());
  }
  ASSERT_NE(open(options_for(dir)), nullptr);  // turns the log into tables
  for (const auto& entry : fs::directory_iterator(dir))
    if (entry.path().extension() == ".sst")
      for (std::size_t at = 100; at < fs::file_size(entry.path()) / 2; at += 100)
        flip_byte(entry.path(), at);
  const auto engine = open(options_for(dir));
  ASSERT_NE(engine, nullptr);
  EXPECT_EQ(keys_in(*engine, 3), 100) << "it is whole";
  EXPECT_EQ(keys_in(*engine, 0), std::nullopt);
  WriteBatch batch;
  batch.erase_range(Family::kObjects, partition_prefix(Partition{0}), partition_end(Partition{0}));
  batch.put(Family::kObjects, key_in(0, 7), "new");
  ASSERT_TRUE(engine->commit(batch).ok());
  EXPECT_EQ(keys_in(*engine, 0), 1) << "what is damaged was erased";
  EXPECT_EQ(keys_in(*engine, 1), std::nullopt) << "and only there";
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(engine->get(Family::kObjects, key_in(0, i)).value(),
              i == 7 ? std::optional<std::string>("new") : std::nullopt);
}

TEST_F(RocksdbEngineTest, DamageThatEndsItsWorkIsRememberedAndTheDirectoryKeptAside) {
  const fs::path dir = killed_after("abcdef");
  ASSERT_NE(open(options_for(dir)), nullptr);
  for (const auto& entry : fs::directory_iterator(dir))
    if (entry.path().extension() == ".sst") flip_byte(entry.path(), 20);
  {
    const auto engine = open(options_for(dir));
    ASSERT_NE(engine, nullptr);
    absl::Status status;
    for (int i = 0; status.ok() && i < 400; ++i)  // until tables are merged with the damaged one
      status = put(*engine, Family::kObjects, absl::StrCat("c", i % 7),
                   std::string(256 * 1024, static_cast<char>('a' + i % 26)));
    ASSERT_TRUE(absl::IsDataLoss(status)) << status;
  }
  EXPECT_TRUE(absl::IsDataLoss(RocksdbEngine::open(options_for(dir)).status()));
  const auto kept = move_aside(dir.string() + "/");
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(*kept, dir.string() + ".damaged");
  EXPECT_TRUE(fs::exists(*kept + "/CURRENT"));
  EXPECT_NE(open(options_for(dir)), nullptr) << "an empty one takes its place";
  EXPECT_EQ(move_aside(dir.string()).value(), dir.string() + ".damaged-2");
}

// --- Whose directory it is ----------------------------------------------------------------------

TEST_F(RocksdbEngineTest, ADirectoryInUseByThisProcessIsRefused) {
  const auto engine = open(options_for(root_.path() / "d"));
  const auto second = RocksdbEngine::open(options_for(root_.path() / "d"));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(second.status().ToString(),
              HasSubstr((root_.path() / "d").string() + ": in use by this process"));
  ASSERT_NE(engine, nullptr);
  EXPECT_TRUE(put(*engine, Family::kObjects, "k", "v").ok()) << "the first one goes on";
}

TEST_F(RocksdbEngineTest, ADirectoryInUseByAnotherProcessIsRefusedWithItsId) {
  const fs::path dir = killed_after("a");
  const std::string lock_path = (dir / "LOCK").string();
  int ready[2], done[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(done), 0);
  const pid_t holder = ::fork();
  if (holder == 0) {  // locks as a node does, until its parent closes the pipe
    ::close(done[1]);
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    const int file = ::open(lock_path.c_str(), O_RDWR);
    char byte = ::fcntl(file, F_SETLK, &lock) == 0 ? 'y' : 'n';
    ::syscall(SYS_write, ready[1], &byte, 1);
    ::syscall(SYS_read, done[0], &byte, 1);
    ::_exit(0);
  }
  ASSERT_GT(holder, 0);
  ::close(done[0]);
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  const auto engine = RocksdbEngine::open(options_for(dir));
  ::close(done[1]);
  ::waitpid(holder, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(engine.status().ToString(), HasSubstr(dir.string()));
  EXPECT_THAT(engine.status().ToString(),
              HasSubstr("another kvnode, process " + std::to_string(holder)));
  EXPECT_THAT(engine.status().ToString(), HasSubstr("a data directory of its own"));
  EXPECT_NE(open(options_for(dir)), nullptr) << "free again";
}

TEST_F(RocksdbEngineTest, ADirectoryOfAnotherUserIsRefused) {
  fs::create_directory(root_.path() / "d");
  const bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::seteuid(65534), 0);
  } else {
    fs::permissions(root_.path() / "d", fs::perms::none);
  }
  const auto engine = RocksdbEngine::open(options_for(root_.path() / "d"));
  const auto inside = RocksdbEngine::open(options_for(root_.path() / "d" / "e"));
  if (root) {
    ASSERT_EQ(::seteuid(0), 0);
  } else {
    fs::permissions(root_.path() / "d", fs::perms::owner_all);
  }
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kPermissionDenied) << engine.status();
  EXPECT_EQ(inside.status().code(), absl::StatusCode::kPermissionDenied) << inside.status();
  EXPECT_THAT(engine.status().ToString(), HasSubstr((root_.path() / "d").string()));
}

TEST_F(RocksdbEngineTest, APathThatIsNoDirectoryIsRefused) {
  std::ofstream(root_.path() / "file") << "x";
  const auto engine = RocksdbEngine::open(options_for(root_.path() / "file"));
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(engine.status().ToString(), HasSubstr((root_.path() / "file").string()));
  EXPECT_EQ(RocksdbEngine::open(options_for("")).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// --- A disk that fails --------------------------------------------------------------------------

TEST_F(RocksdbEngineTest, NothingIsTakenAfterAFailedSync) {
  const auto engine = open(options_for(root_.path() / "d"));
  ASSERT_NE(engine, nullptr);
  ASSERT_TRUE(put(*engine, Family::kObjects, "a", "1").ok());
  fail_log_sync_with = EIO;
  const auto failed = engine->sync();
  EXPECT_EQ(failed.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(failed.ToString(), HasSubstr("Input/output error"));
  fail_log_sync_with = 0;
  EXPECT_EQ(engine->sync(), failed)
      << "a later sync says nothing about the pages that were dropped";
  EXPECT_EQ(put(*engine, Family::kObjects, "b", "1"), failed);
  EXPECT_EQ(*engine->get(Family::kObjects, "a"), "1");
}

// What the kernel could not write it may have dropped, though it still shows it to this boot's processes.
TEST_F(RocksdbEngineTest, AfterAFailedSyncTheNextStartDoesNotTrustTheDirectory) {
  for (const bool fails : {false, true}) {
    const fs::path dir = root_.path() / (fails ? "failed" : "sound");
    Identity identity{"c", "n1", 64, "boot 1"};
    {
      const auto engine = open(options_for(dir, identity.boot_id));
      ASSERT_NE(engine, nullptr);
      identity.directory = engine->directory();
      ASSERT_TRUE(claim(*engine, identity).ok());
      ASSERT_TRUE(record_recovered(*engine, identity).ok());
      ASSERT_TRUE(put(*engine, Family::kObjects, "a", "1").ok());
      fail_log_sync_with = fails ? EIO : 0;
      EXPECT_EQ(engine->sync().ok(), !fails);
      fail_log_sync_with = 0;
      EXPECT_EQ(read_boot_file(dir.string()), fails ? "" : "boot 1");
    }
    const auto engine = open(options_for(dir, identity.boot_id));
    ASSERT_NE(engine, nullptr);
    EXPECT_EQ(engine->directory_found(), fails ? "" : identity.directory);
    identity.directory_found = engine->directory_found();
    identity.directory = engine->directory();
    const auto claimed = claim(*engine, identity);
    ASSERT_TRUE(claimed.ok()) << claimed.status();
    EXPECT_FALSE(claimed->is_new);
    EXPECT_EQ(claimed->keep_actors, !fails) << "a mere death of the process loses nothing";
  }
}

TEST_F(RocksdbEngineTest, NothingIsTakenAfterAFailedWriteUntilARestart) {
  const fs::path dir = root_.path() / "d";
  {
    const auto engine = open(options_for(dir));
    ASSERT_NE(engine, nullptr);
    commit_pairs(*engine, "ab");
    fail_log_write_with = ENOSPC;
    WriteBatch batch;
    batch.put(Family::kObjects, "c", "1");
    batch.put(Family::kLog, "c", "1");
    const auto failed = engine->commit(batch);
    EXPECT_EQ(failed.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(failed.ToString(), HasSubstr("disk full"));
    EXPECT_THAT(failed.ToString(), HasSubstr(dir.string()));
    fail_log_write_with = 0;
    EXPECT_EQ(engine->commit(batch), failed);
    EXPECT_EQ(engine->sync(), failed);
    EXPECT_EQ(pairs_in(*engine), "ab/ab") << "reads go on";
  }
  const auto engine = open(options_for(dir));
  ASSERT_NE(engine, nullptr);
  EXPECT_EQ(pairs_in(*engine), "ab/ab");
  commit_pairs(*engine, "d");
  EXPECT_EQ(pairs_in(*engine), "abd/abd");
}

TEST_F(RocksdbEngineTest, ANearlyFullDiskRefusesWritesAndServesReads) {
  RocksdbOptions options = options_for(root_.path() / "d");
  { ASSERT_NE(open(options), nullptr); }
  options.reserve_bytes = std::size_t{1} << 62;  // no disk has that much
  const auto engine = open(options);
  ASSERT_NE(engine, nullptr);
  const auto refused = put(*engine, Family::kObjects, "a", "1");
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.ToString(), HasSubstr(options.data_dir + ": disk full"));
  EXPECT_TRUE(engine->sync().ok());
  EXPECT_EQ(*engine->get(Family::kObjects, "a"), std::nullopt);
}

}  // namespace
}  // namespace kv::storage
