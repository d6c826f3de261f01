#include "node/adapters/rocksdb/rocksdb_status.h"

#include <fcntl.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace kv::storage {
namespace {

bool is_lock_conflict(const std::string& text) {
  const bool by_another = absl::StrContains(text, "While lock file");
  const bool by_this_process = absl::StrContains(text, "lock hold by current process");
  return (by_another && absl::StrContains(text, "temporarily unavailable")) || by_this_process;
}

// Who holds the lock, or 0. Must not be asked when that may be this process: closing the file would
// release its lock.
pid_t lock_holder(const std::string& data_dir) {
  const int file = ::open((data_dir + "/LOCK").c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return 0;
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool held = ::fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  ::close(file);
  return held ? lock.l_pid : 0;
}

absl::Status in_use(const std::string& text, const std::string& data_dir) {
  std::string holder = "this process";
  if (!absl::StrContains(text, "current process")) {
    const pid_t pid = lock_holder(data_dir);
    holder = pid > 0 ? absl::StrCat("another kvnode, process ", pid) : "another kvnode";
  }
  return absl::FailedPreconditionError(
      absl::StrCat(data_dir, ": in use by ", holder,
                   ". Stop it, or give this node a data directory of its own"));
}

}  // namespace

absl::Status from_rocksdb(const rocksdb::Status& status, const std::string& data_dir) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = status.ToString();
  if (status.IsCorruption())
    return absl::DataLossError(absl::StrCat(data_dir, ": damaged: ", text));
  if (status.IsNoSpace() || absl::StrContains(text, "No space left") ||
      absl::StrContains(text, "quota exceeded"))
    return absl::ResourceExhaustedError(absl::StrCat(data_dir, ": disk full: ", text));
  if (absl::StrContains(text, "Permission denied"))
    return absl::PermissionDeniedError(absl::StrCat(data_dir, ": ", text));
  if (status.IsIncomplete() || status.IsBusy() || status.IsTimedOut() || status.IsTryAgain() ||
      status.IsShutdownInProgress())
    return absl::UnavailableError(absl::StrCat(data_dir, ": ", text));
  return absl::InternalError(absl::StrCat(data_dir, ": ", text));
}

absl::Status from_failed_open(const rocksdb::Status& status, const std::string& data_dir) {
  const std::string text = status.ToString();
  if (is_lock_conflict(text)) return in_use(text, data_dir);
  if (status.IsInvalidArgument())
    return absl::FailedPreconditionError(
        absl::StrCat(data_dir, ": not a data directory of this release: ", text));
  const absl::Status mapped = from_rocksdb(status, data_dir);
  const char* advice = "";
  switch (mapped.code()) {
    case absl::StatusCode::kResourceExhausted:
      advice = ". Free some space there and start again";
      break;
    case absl::StatusCode::kPermissionDenied:
      advice =
          ". The user that runs the node must be able to read and write the directory and all in "
          "it";
      break;
    default:
      break;
  }
  return absl::Status(mapped.code(), absl::StrCat(mapped.message(), advice));
}

}  // namespace kv::storage
