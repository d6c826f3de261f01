#include "node/adapters/rocksdb/damaged_directory.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace kv::storage {
namespace {

namespace fs = std::filesystem;

constexpr int kMostKept = 100;

std::string mark_of(const std::string& data_dir) { return data_dir + "/DAMAGED"; }

}  // namespace

void mark_damaged(const std::string& data_dir, const std::string& why) {
  std::ofstream(mark_of(data_dir)) << why << std::endl;
}

std::string damage_marked(const std::string& data_dir) {
  std::ifstream file(mark_of(data_dir));
  std::string why;
  if (file && !std::getline(file, why)) why = "see its log";
  return why;
}

absl::StatusOr<std::string> move_aside(const std::string& data_dir) {
  std::string base = data_dir;
  while (base.size() > 1 && base.back() == '/') base.pop_back();
  std::error_code error;
  for (int i = 1; i <= kMostKept; ++i) {
    const std::string kept = absl::StrCat(base, ".damaged", i == 1 ? "" : absl::StrCat("-", i));
    if (fs::exists(kept, error)) continue;
    fs::rename(base, kept, error);
    if (!error) return kept;
    return absl::InternalError(
        absl::StrCat(base, " cannot be renamed to ", kept, ": ", error.message()));
  }
  return absl::InternalError(
      absl::StrCat(kMostKept, " damaged directories are kept beside ", base, " already"));
}

}  // namespace kv::storage
