// Which run of the machine last had a data directory open: the file BOOT in it. Single-threaded;
// under the directory's lock.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace kv::storage {

// Empty if unknown.
std::string read_boot_file(const std::string& data_dir);

// Replaces the file as a whole, and durably. Does nothing if it already says so.
absl::Status write_boot_file(const std::string& data_dir, const std::string& boot_id);

}  // namespace kv::storage
