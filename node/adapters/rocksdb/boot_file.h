// Which run of the machine last had a data directory open: the file BOOT in it. Single-threaded;
// under the directory's lock.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace kv::storage {

// Empty if unknown.
std::string read_boot_file(const std::string& data_dir);

// Tells this directory from every copy of it: where the file lies and when it was last changed, neither of which a copy, a
// restored backup or a moved snapshot keeps. Empty without the file. A copy of the whole file system, as a virtual
// machine's snapshot is, cannot be told.
std::string directory_mark(const std::string& data_dir);

// The next start will not know this directory: what was committed may not be there. Failing is no worse than not having
// tried.
void distrust_directory(const std::string& data_dir);

// Replaces the file as a whole, and durably. Does nothing if it already says so.
absl::Status write_boot_file(const std::string& data_dir, const std::string& boot_id);

}  // namespace kv::storage
