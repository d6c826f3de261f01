// Groups records into batches for an import.
//
// Two batches in flight are applied in no particular order, so what has one key must not be in two
// of them: a batch never holds a key twice, and KeysInFlight holds a batch back while one of its
// keys is in another. Records with the same key are thus stored in the order of their lines.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "client/cli/records/record.h"

namespace kv::cli {

struct RecordBatch {
  std::vector<Record> records{};
  std::vector<std::uint64_t> lines{};  // of each record
  std::size_t bytes = 0;               // of keys and values

  bool empty() const { return records.empty(); }
};

// Not thread-safe.
class Batcher {
 public:
  static constexpr std::size_t kMaxBytes = 1024 * 1024;

  // Precondition: max_records is at least 1.
  explicit Batcher(std::size_t max_records, std::size_t max_bytes = kMaxBytes)
      : max_records_(max_records), max_bytes_(max_bytes) {}

  // Adds the record; before that, if it does not fit in or its key is already there, gives out what
  // has gathered. A record larger than max_bytes gets a batch of its own.
  std::optional<RecordBatch> add(Record record, std::uint64_t line);

  // What has gathered; perhaps nothing.
  RecordBatch take();

 private:
  const std::size_t max_records_;
  const std::size_t max_bytes_;
  RecordBatch batch_;
  std::unordered_set<std::string> keys_;
};

// Thread-safe.
class KeysInFlight {
 public:
  // Waits until none of the batch's keys is in flight, then they all are.
  void enter(const RecordBatch& batch);

  // Precondition: the key is in flight.
  void leave(const std::string& key);

 private:
  bool any(const RecordBatch& batch) const;

  std::mutex mutex_;
  std::condition_variable left_;
  std::unordered_set<std::string> keys_;
};

}  // namespace kv::cli
