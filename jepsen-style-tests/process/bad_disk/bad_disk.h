// A disk that fails on demand, beneath programs that know nothing of it.
//
// libbad_disk.so is named in LD_PRELOAD of a program whose disk is to fail: it stands between the program, with the libraries it
// uses, and the C library's pread, fsync and fdatasync, for files below one folder. So it is the release build that meets the
// errors, through all of RocksDB. What goes wrong is said at run time in a small file that both sides map.
//
// Without the two environment variables the library does nothing.
#pragma once

#include <atomic>
#include <cstdint>

namespace kv::bad_disk {

inline constexpr const char* kControlVariable = "BAD_DISK_CONTROL";  // path of the control file
inline constexpr const char* kFolderVariable = "BAD_DISK_FOLDER";    // absolute

// The content of the control file, whose other side writes the first four. All zero: a sound disk, as fast as it is.
struct Control {
  std::atomic<std::uint32_t> reads_fail;  // with EIO, if not 0
  std::atomic<std::uint32_t> syncs_fail;
  std::atomic<std::uint32_t> delay_ms;      // of each read and sync
  std::atomic<std::uint32_t> sync_ms;       // of each sync, besides
  std::atomic<std::uint32_t> failed_reads;  // so far
  std::atomic<std::uint32_t> failed_syncs;
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free, "shared between processes");

}  // namespace kv::bad_disk
