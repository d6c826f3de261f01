// Where a test may put things: folders and ports that no other test, in this process or another,
// has.
//
// What is left when this process is killed (folders, and clusters that scripts/cluster started in
// them) is cleaned up by a watcher that outlives it. Not thread-safe. Errors are thrown.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace kv::e2e {

// A new, empty folder; removed with the object.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string operator/(std::string_view name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// A port on 127.0.0.1 that stays reserved until this process ends, also while nobody listens there.
// Not one of those that the kernel gives to outgoing connections.
int reserve_port();
std::string reserve_address();

std::string read_file(const std::filesystem::path& path);  // empty when there is none
void write_file(const std::filesystem::path& path, std::string_view content);

}  // namespace kv::e2e
