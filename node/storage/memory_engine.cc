#include "node/storage/memory_engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/base/sealed.h"

namespace kv::storage {
namespace {

// A frame of the log: length (4), then sealed: per change family (1), 1 for a value or 0 for none,
// key, value. Lengths are 4 bytes, little-endian.
constexpr std::size_t kLengthBytes = 4;

void put_length(std::string& out, std::size_t at, std::size_t length) {
  KV_CHECK(length <= UINT32_MAX, "batches are bounded far below this");
  for (std::size_t i = 0; i < kLengthBytes; ++i, length >>= 8)
    out[at + i] = static_cast<char>(length);
}

void append_bytes(std::string& out, std::string_view bytes) {
  out.append(kLengthBytes, '\0');
  put_length(out, out.size() - kLengthBytes, bytes.size());
  out.append(bytes);
}

std::size_t take_length(std::string_view& in) {
  std::size_t length = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;)
    length = length << 8 | static_cast<unsigned char>(in[i]);
  in.remove_prefix(kLengthBytes);
  return length;
}

std::string_view take_bytes(std::string_view& in) {
  const std::size_t length = take_length(in);
  const std::string_view bytes = in.substr(0, length);
  in.remove_prefix(length);
  return bytes;
}

void append_frame(std::string& log, const WriteBatch& batch) {
  const std::size_t start = log.size();
  log.append(kLengthBytes + kSealBytes, '\0');
  for (const auto& [key, value] : batch.changes()) {
    log.push_back(static_cast<char>(key.first));
    log.push_back(value.has_value() ? 1 : 0);
    append_bytes(log, key.second);
    append_bytes(log, value.has_value() ? std::string_view(*value) : std::string_view());
  }
  seal_in_place(log, start + kLengthBytes);
  put_length(log, start, log.size() - start - kLengthBytes);
}

// Calls change(family, key, value) for every change of the whole frames at the start of the log;
// returns where they end.
template <typename Change>
std::size_t replay(std::string_view log, Change change) {
  std::string_view rest = log;
  while (rest.size() >= kLengthBytes) {
    std::string_view ahead = rest;
    const std::size_t length = take_length(ahead);
    if (length > ahead.size()) break;
    const auto body = unseal(ahead.substr(0, length));
    if (!body.ok()) break;
    for (std::string_view left = *body; !left.empty();) {
      const auto family = static_cast<Family>(left[0]);
      const bool has_value = left[1] != 0;
      left.remove_prefix(2);
      const std::string_view key = take_bytes(left);
      const std::string_view value = take_bytes(left);
      change(family, key, has_value ? std::optional(value) : std::nullopt);
    }
    rest = ahead.substr(length);
  }
  return log.size() - rest.size();
}

std::size_t index_of(Family family) { return static_cast<std::size_t>(family); }

}  // namespace

MemoryEngine::MemoryEngine() {
  for (auto& map : live_) map = std::make_shared<Map>();
}

MemoryEngine::Map& MemoryEngine::writable(Family family) {
  auto& map = live_[index_of(family)];
  if (map.use_count() > 1) map = std::make_shared<Map>(*map);
  return *map;
}

absl::StatusOr<std::optional<std::string>> MemoryEngine::get(Family family,
                                                             std::string_view key) const {
  const std::lock_guard lock(mutex_);
  if (!faults_.get.ok()) return faults_.get;
  const Map& map = *live_[index_of(family)];
  const auto it = map.find(key);
  if (it == map.end()) return std::nullopt;
  return it->second;
}

absl::Status MemoryEngine::scan(Family family, std::string_view from, std::string_view to,
                                const Visitor& visit) const {
  std::shared_ptr<const Map> moment;
  {
    const std::lock_guard lock(mutex_);
    if (!faults_.scan.ok()) return faults_.scan;
    moment = live_[index_of(family)];
  }
  for (auto it = moment->lower_bound(from); it != moment->end() && (to.empty() || it->first < to);
       ++it)
    if (!visit(it->first, it->second)) break;
  const std::lock_guard lock(mutex_);  // use_count() is exact only if it changes under the lock
  moment.reset();
  return absl::OkStatus();
}

absl::Status MemoryEngine::commit(const WriteBatch& batch) {
  const std::lock_guard lock(mutex_);
  if (!failed_.ok()) return failed_;
  if (!faults_.commit.ok()) return faults_.commit;
  if (batch.empty()) return absl::OkStatus();
  const std::size_t before = log_.size();
  append_frame(log_, batch);
  const std::uint64_t needed = table_bytes_ + log_.size();
  if (needed > faults_.capacity_bytes) {
    log_.resize(before);
    return absl::ResourceExhaustedError(
        absl::StrCat("disk full: ", needed, " bytes needed of ", faults_.capacity_bytes));
  }
  frame_ends_.push_back(log_.size());
  for (const auto& [key, value] : batch.changes()) {
    Map& map = writable(key.first);
    if (value.has_value())
      map.insert_or_assign(key.second, *value);
    else
      map.erase(key.second);
  }
  return absl::OkStatus();
}

absl::Status MemoryEngine::sync() {
  const std::lock_guard lock(mutex_);
  if (!failed_.ok()) return failed_;
  if (!faults_.sync.ok()) return failed_ = faults_.sync;
  const std::size_t end =
      replay(log_, [&](Family family, std::string_view key, std::optional<std::string_view> value) {
        Map& table = tables_[index_of(family)];
        auto at = table.lower_bound(key);
        const bool is_there = at != table.end() && at->first == key;
        if (is_there) table_bytes_ -= key.size() + at->second.size();
        if (value.has_value()) {
          if (!is_there) at = table.emplace_hint(at, key, std::string());
          at->second = *value;
          table_bytes_ += key.size() + value->size();
        } else if (is_there) {
          table.erase(at);
        }
      });
  KV_CHECK(end == log_.size(), "a log that no crash cut is whole");
  log_.clear();
  frame_ends_.clear();
  return absl::OkStatus();
}

std::uint64_t MemoryEngine::disk_bytes() const {
  const std::lock_guard lock(mutex_);
  return table_bytes_ + log_.size();
}

void MemoryEngine::set_faults(Faults faults) {
  const std::lock_guard lock(mutex_);
  faults_ = std::move(faults);
}

std::size_t MemoryEngine::unsynced() const {
  const std::lock_guard lock(mutex_);
  return frame_ends_.size();
}

std::unique_ptr<MemoryEngine> MemoryEngine::copy() const {
  const std::lock_guard lock(mutex_);
  auto made = std::make_unique<MemoryEngine>();
  for (std::size_t i = 0; i < kFamilies; ++i) {
    made->live_[i] = std::make_shared<Map>(*live_[i]);
    made->tables_[i] = tables_[i];
  }
  made->table_bytes_ = table_bytes_;
  made->log_ = log_;
  made->frame_ends_ = frame_ends_;
  return made;
}

void MemoryEngine::crash(std::size_t keep, std::size_t torn_bytes) {
  const std::lock_guard lock(mutex_);
  KV_CHECK(keep <= frame_ends_.size(), "only what was committed can be kept");
  const std::size_t kept_end = keep == 0 ? 0 : frame_ends_[keep - 1];
  const std::size_t next_end = keep < frame_ends_.size() ? frame_ends_[keep] - 1 : kept_end;
  log_.resize(std::min(kept_end + torn_bytes, next_end));
  for (std::size_t i = 0; i < kFamilies; ++i) live_[i] = std::make_shared<Map>(tables_[i]);
  const std::size_t end =
      replay(log_, [&](Family family, std::string_view key, std::optional<std::string_view> value) {
        Map& map = writable(family);
        if (value.has_value())
          map.insert_or_assign(std::string(key), std::string(*value));
        else if (const auto it = map.find(key); it != map.end())
          map.erase(it);
      });
  KV_CHECK(end == kept_end, "a torn batch is absent as a whole, and nothing else is");
  log_.resize(end);
  frame_ends_.resize(keep);
  failed_ = absl::OkStatus();
}

}  // namespace kv::storage
