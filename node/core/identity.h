// Whose data a directory holds, and whether everything that its owner ever issued is still in it (2-protocol, section 6).
//
// Not thread-safe: called before the first shard starts and after the last has stopped.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "node/storage/engine.h"

namespace kv {

struct Identity {
  std::string cluster;
  std::string node;
  std::uint32_t partitions = 0;
  std::string boot_id;  // of the machine's current run; empty: unknown
  // What tells this directory from every copy of it: as it was found, and as it is from now on.
  std::string directory_found = {};
  std::string directory = {};
};

struct Claim {
  bool is_new = false;  // the directory was empty
  bool keep_actors =
      false;  // nothing issued can have been lost: the very directory that was left, after a clean stop or a mere process
              // death in this same boot
};

// Takes the directory for `identity`, and records that it is in use. Where actors are not kept, a start that dies before
// record_recovered() leaves a directory whose actors are not kept either. FAILED_PRECONDITION when it belongs to another
// cluster or node, or was made with another number of partitions: the text says which.
absl::StatusOr<Claim> claim(storage::Engine& engine, const Identity& identity);

// Records that every replica has been recovered, and a new actor is on disk where the old one was not kept: from now on this
// boot and this directory speak for the actors.
absl::Status record_recovered(storage::Engine& engine, const Identity& identity);

// Records an orderly stop, as the last change before the engine is closed: everything is on disk.
absl::Status record_clean_stop(storage::Engine& engine, const Identity& identity);

}  // namespace kv
