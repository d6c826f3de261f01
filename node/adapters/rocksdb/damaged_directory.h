// A data directory that cannot be used any more as a whole. It is never erased: nobody but a person can say that nothing in it is
// needed. Single-threaded.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace kv::storage {

// Remembers in the directory (file DAMAGED) that RocksDB could not go on, for it came upon damage while tidying up: it will
// do so again after every start. Failing is no worse than not having tried.
void mark_damaged(const std::string& data_dir, const std::string& why);

// What was remembered; empty: nothing.
std::string damage_marked(const std::string& data_dir);

// Renames the directory to the first of DIR.damaged, DIR.damaged-2, ... that does not exist, and returns that name. Precondition: no
// engine has it open.
absl::StatusOr<std::string> move_aside(const std::string& data_dir);

}  // namespace kv::storage
