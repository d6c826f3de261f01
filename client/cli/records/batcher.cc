#include "client/cli/records/batcher.h"

#include <algorithm>
#include <utility>

namespace kv::cli {

std::optional<RecordBatch> Batcher::add(Record record, std::uint64_t line) {
  const std::size_t bytes = record.key.size() + record.value.size();
  const bool fits = batch_.records.size() < max_records_ && batch_.bytes + bytes <= max_bytes_;
  std::optional<RecordBatch> full;
  if (!batch_.empty() && (!fits || keys_.contains(record.key))) full = take();
  keys_.insert(record.key);
  batch_.records.push_back(std::move(record));
  batch_.lines.push_back(line);
  batch_.bytes += bytes;
  return full;
}

RecordBatch Batcher::take() {
  keys_.clear();
  return std::exchange(batch_, {});
}

bool KeysInFlight::any(const RecordBatch& batch) const {
  return std::any_of(batch.records.begin(), batch.records.end(),
                     [this](const Record& record) { return keys_.contains(record.key); });
}

void KeysInFlight::enter(const RecordBatch& batch) {
  std::unique_lock lock(mutex_);
  left_.wait(lock, [&] { return !any(batch); });
  for (const Record& record : batch.records) keys_.insert(record.key);
}

void KeysInFlight::leave(const std::string& key) {
  {
    const std::lock_guard lock(mutex_);
    keys_.erase(key);
  }
  left_.notify_all();
}

}  // namespace kv::cli
