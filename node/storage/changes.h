// The log of changes: what an engine can tell once more of its latest commits, for those who watch.
//
// It costs a commit next to nothing. The log that every engine writes before anything else holds the new state of each object
// anyway; what is added are the *announcements* of the batch, a few bytes for each object that changed for those who look at
// it: which of its dots are new. Upkeep, which changes how an object is stored and not what it says, announces nothing.
// Rejected: a family of records of its own, which would write each of them three times over (log, table, compaction) and hold
// either every value twice or no state at all; and telling from dot-log entries, since a lone replica logs none, and since a
// version also goes without a dot of its own, when a page shows that it is gone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "node/causality/clock.h"

namespace kv::storage {

using Announced = std::map<std::string, Clock>;  // by object key (keys.h)

std::string encode_announced(const Announced& announced);
absl::StatusOr<Announced> decode_announced(
    std::string_view bytes);  // DATA_LOSS: nothing that was made above

struct ChangedObject {
  std::string key;                    // keys.h: object_key
  Clock dots;                         // that it reflects since this commit
  std::optional<std::string> record;  // as this commit left it; none: there is nothing any more
};

struct CommittedChange {
  std::uint64_t at = 0;                // its position
  std::uint64_t next = 0;              // of the commit after it
  std::vector<ChangedObject> objects;  // those that were announced, each once; may be none
};

// Reads the log from one position on, and goes on as more is committed. One thread at a time.
class ChangeReader {
 public:
  virtual ~ChangeReader() = default;

  // The next commit. False: there is none yet; ask again later. OUT_OF_RANGE: it is not kept any more.
  virtual absl::StatusOr<bool> next(CommittedChange& out) = 0;
};

}  // namespace kv::storage
