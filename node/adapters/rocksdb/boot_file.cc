#include "node/adapters/rocksdb/boot_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace kv::storage {
namespace {

std::string path_in(const std::string& data_dir) { return data_dir + "/BOOT"; }

bool sync_path(const std::string& path, int flags) {
  const int file = ::open(path.c_str(), flags | O_CLOEXEC);
  if (file < 0) return false;
  const bool synced = ::fsync(file) == 0;
  ::close(file);
  return synced;
}

bool replace(const std::string& data_dir, const std::string& content) {
  const std::string path = path_in(data_dir);
  const std::string fresh = path + ".new";
  std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  return file.good() && sync_path(fresh, O_RDONLY) &&
         std::rename(fresh.c_str(), path.c_str()) == 0 &&
         sync_path(data_dir, O_RDONLY | O_DIRECTORY);
}

}  // namespace

std::string read_boot_file(const std::string& data_dir) {
  std::ifstream file(path_in(data_dir), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string directory_mark(const std::string& data_dir) {
  struct stat status {};
  if (::stat(path_in(data_dir).c_str(), &status) != 0) return "";
  return absl::StrCat(status.st_ino, ":", status.st_ctim.tv_sec, ".", status.st_ctim.tv_nsec);
}

void distrust_directory(const std::string& data_dir) {
  if (::unlink(path_in(data_dir).c_str()) == 0) sync_path(data_dir, O_RDONLY | O_DIRECTORY);
}

absl::Status write_boot_file(const std::string& data_dir, const std::string& boot_id) {
  if (read_boot_file(data_dir) == boot_id) return absl::OkStatus();
  errno = 0;
  if (replace(data_dir, boot_id)) return absl::OkStatus();
  const std::string why = std::strerror(errno);
  return errno == ENOSPC
             ? absl::ResourceExhaustedError(
                   absl::StrCat(data_dir, ": disk full: cannot write BOOT"))
             : absl::InternalError(absl::StrCat(data_dir, ": cannot write BOOT: ", why));
}

}  // namespace kv::storage
