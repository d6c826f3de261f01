// Refuses writes while a file system is nearly full. Thread-safe.
//
// A log that runs into the end of the disk in the middle of a batch can only be repaired by a
// restart, and RocksDB needs space to free space. So writing stops while there is still room for
// what was accepted before.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace kv::storage {

class DiskReserve {
 public:
  // `reserve_bytes` 0: never refuses.
  DiskReserve(std::string dir, std::uint64_t reserve_bytes);

  // Before writing `bytes`: RESOURCE_EXHAUSTED if that would leave less than the reserve. Asks the
  // file system once per sixteenth of the reserve, and at every call while the answer is no.
  absl::Status admit(std::uint64_t bytes);

 private:
  const std::string dir_;
  const std::uint64_t reserve_bytes_;
  std::atomic<std::uint64_t> unchecked_bytes_;  // admitted since the file system was last asked
};

}  // namespace kv::storage
