#include "node/adapters/rocksdb/disk_reserve.h"

#include <sys/statvfs.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace kv::storage {

DiskReserve::DiskReserve(std::string dir, std::uint64_t reserve_bytes)
    : dir_(std::move(dir)), reserve_bytes_(reserve_bytes), unchecked_bytes_(reserve_bytes) {}

absl::Status DiskReserve::admit(std::uint64_t bytes) {
  if (reserve_bytes_ == 0) return absl::OkStatus();
  const std::uint64_t unchecked = unchecked_bytes_.fetch_add(bytes) + bytes;
  if (unchecked < reserve_bytes_ / 16) return absl::OkStatus();
  struct statvfs disk = {};
  if (::statvfs(dir_.c_str(), &disk) != 0) return absl::OkStatus();  // the write itself will tell
  const std::uint64_t free_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  if (free_bytes < reserve_bytes_ + bytes)
    return absl::ResourceExhaustedError(absl::StrCat(
        dir_, ": disk full: ", free_bytes >> 20, " MiB are free, of which ", reserve_bytes_ >> 20,
        " MiB are kept in reserve. Free some space there: writing resumes by itself"));
  unchecked_bytes_ = 0;
  return absl::OkStatus();
}

}  // namespace kv::storage
