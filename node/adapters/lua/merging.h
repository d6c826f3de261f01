// Merge functions at work: on threads of their own, for a merge may take longer than a shard or a call can wait; counted, and
// reported in the log where one turns out to break a law that its samples did not show.
//
// Thread-safe. Work that is queued when it is destroyed is still done.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace kv {

// Totals since the start of the process.
struct MergeCounters {
  std::uint64_t merged = 0;   // keys whose siblings were merged
  std::uint64_t refused = 0;  // puts of what the function raises an error for
  std::uint64_t broken =
      0;  // keys whose siblings could not be merged: a law was broken, or an error raised
};

class Merging {
 public:
  Merging();
  ~Merging();
  Merging(const Merging&) = delete;
  Merging& operator=(const Merging&) = delete;

  // Does `work` on one of its threads, soon. False, and nothing is done, while too much waits.
  bool submit(std::function<void()> work) const;

  // The rest takes as long as the function does: call it on these threads. `bucket`: its name; `source`: its function.

  // INVALID_ARGUMENT: why that function is not to be trusted with a bucket (laws.h).
  static absl::Status check(const std::string& source, const std::vector<std::string>& samples);

  // What a reader is shown of the values of a key: all of them merged into one, or, when they cannot be, all of them.
  std::vector<std::string> show(const std::string& bucket, const std::string& source,
                                std::vector<std::string> values) const;

  // What a put of `value` stores where `present` is: the two merged, superseding what is present. None when a law is broken
  // by these values: then it is stored beside them. INVALID_ARGUMENT: too large, or the function raises an error for it.
  absl::StatusOr<std::optional<std::string>> put(const std::string& bucket,
                                                 const std::string& source,
                                                 const std::string& value,
                                                 std::vector<std::string> present) const;

  MergeCounters counters() const;

 private:
  struct Impl;
  void report_broken(const std::string& bucket, const absl::Status& status) const;

  const std::unique_ptr<Impl> impl_;
};

}  // namespace kv
