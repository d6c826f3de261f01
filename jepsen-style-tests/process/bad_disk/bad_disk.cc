#include "jepsen-style-tests/process/bad_disk/bad_disk.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace kv::bad_disk {
namespace {

Control* map_control() {
  const char* path = std::getenv(kControlVariable);
  if (path == nullptr) return nullptr;
  const int file = ::open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return nullptr;
  void* mapped = ::mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  return mapped == MAP_FAILED ? nullptr : static_cast<Control*>(mapped);
}

Control* control() {
  static Control* const mapped = map_control();
  return mapped;
}

bool is_on_the_disk(int file) {
  const char* folder = std::getenv(kFolderVariable);
  if (folder == nullptr) return false;
  char path[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const ssize_t length = ::readlink(link.c_str(), path, sizeof path);
  return length > 0 && std::string_view(path, static_cast<std::size_t>(length)).starts_with(folder);
}

using Field = std::atomic<std::uint32_t> Control::*;

// Takes the time that the disk takes now; whether the operation fails.
bool fails(Control& disk, int file, std::uint32_t delay_ms, Field how, Field count) {
  if ((disk.*how == 0 && delay_ms == 0) || !is_on_the_disk(file)) return false;
  ::poll(nullptr, 0, static_cast<int>(delay_ms));
  if (disk.*how == 0) return false;
  ++(disk.*count);
  errno = EIO;
  return true;
}

bool read_fails(int file) {
  Control* const disk = control();
  return disk != nullptr &&
         fails(*disk, file, disk->delay_ms, &Control::reads_fail, &Control::failed_reads);
}

bool sync_fails(int file) {
  Control* const disk = control();
  return disk != nullptr && fails(*disk, file, disk->delay_ms + disk->sync_ms, &Control::syncs_fail,
                                  &Control::failed_syncs);
}

}  // namespace
}  // namespace kv::bad_disk

extern "C" {

ssize_t pread(int file, void* bytes, std::size_t size, off_t offset) {
  if (kv::bad_disk::read_fails(file)) return -1;
  return ::syscall(SYS_pread64, file, bytes, size, offset);
}

ssize_t pread64(int file, void* bytes, std::size_t size, off64_t offset) {
  return pread(file, bytes, size, offset);
}

int fsync(int file) {
  if (kv::bad_disk::sync_fails(file)) return -1;
  return static_cast<int>(::syscall(SYS_fsync, file));
}

int fdatasync(int file) {
  if (kv::bad_disk::sync_fails(file)) return -1;
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}

}  // extern "C"
