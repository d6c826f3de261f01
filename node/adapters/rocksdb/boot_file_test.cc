#include "node/adapters/rocksdb/boot_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

namespace kv::storage {
namespace {

namespace fs = std::filesystem;

class BootFile : public testing::Test {
 protected:
  BootFile() {
    std::string pattern = (fs::temp_directory_path() / "kv-boot-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    fs::create_directory(root_ / "data");
  }
  ~BootFile() override { fs::remove_all(root_); }
  std::string data() const { return (root_ / "data").string(); }

  fs::path root_;
};

TEST_F(BootFile, SaysWhichBootAndStaysAsItIsWithinOne) {
  EXPECT_EQ(read_boot_file(data()), "");
  EXPECT_EQ(directory_mark(data()), "");
  ASSERT_TRUE(write_boot_file(data(), "boot 1").ok());
  EXPECT_EQ(read_boot_file(data()), "boot 1");
  const std::string mark = directory_mark(data());
  EXPECT_NE(mark, "");
  ASSERT_TRUE(write_boot_file(data(), "boot 1").ok());
  EXPECT_EQ(directory_mark(data()), mark);
}

TEST_F(BootFile, ACopyOfTheDirectoryHasAnotherMark) {
  ASSERT_TRUE(write_boot_file(data(), "boot 1").ok());
  const std::string mark = directory_mark(data());
  fs::copy(data(), root_ / "backup", fs::copy_options::recursive);
  EXPECT_NE(directory_mark((root_ / "backup").string()), mark);

  // Restored over the original, file by file.
  fs::copy(root_ / "backup", data(),
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  EXPECT_EQ(read_boot_file(data()), "boot 1");
  EXPECT_NE(directory_mark(data()), mark);
}

TEST_F(BootFile, ADirectoryThatIsMovedKeepsItsMark) {
  ASSERT_TRUE(write_boot_file(data(), "boot 1").ok());
  const std::string mark = directory_mark(data());
  fs::rename(data(), root_ / "elsewhere");
  EXPECT_EQ(directory_mark((root_ / "elsewhere").string()), mark);
}

TEST_F(BootFile, ADistrustedDirectoryHasNoMark) {
  ASSERT_TRUE(write_boot_file(data(), "boot 1").ok());
  distrust_directory(data());
  EXPECT_EQ(directory_mark(data()), "");
  distrust_directory(data());  // again: nothing to do, no harm
}

}  // namespace
}  // namespace kv::storage
