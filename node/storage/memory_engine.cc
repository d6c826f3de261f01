#include "node/storage/memory_engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/base/sealed.h"

namespace kv::storage {
namespace {

// A frame of the log: length (4), then sealed: per change family (1), what to do (1), key, value (of a range: its end).
// Lengths are 4 bytes, little-endian.
constexpr std::size_t kLengthBytes = 4;
enum class Do : char { kErase, kPut, kEraseRange };

constexpr std::uint64_t kLongLogBytes = 64 * 1024;  // or as long as all that is live

struct Length {
  char bytes[kLengthBytes];
};

Length length_of(std::size_t length) {
  KV_CHECK(length <= UINT32_MAX, "batches are bounded far below this");
  Length out;
  for (char& byte : out.bytes) {
    byte = static_cast<char>(length);
    length >>= 8;
  }
  return out;
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

void append_change(std::string& log, Family family, Do what, std::string_view key,
                   std::string_view value) {
  const struct {
    Family family;
    Do what;
    Length length;
  } start{family, what, length_of(key.size())};
  static_assert(sizeof start == 2 + kLengthBytes);
  log.append(reinterpret_cast<const char*>(&start), sizeof start).append(key);
  log.append(length_of(value.size()).bytes, kLengthBytes).append(value);
}

void append_frame(std::string& log, const WriteBatch& batch) {
  const std::size_t start = log.size();
  log.append(kLengthBytes + kSealBytes, '\0');
  for (const WriteBatch::Range& range : batch.ranges())
    append_change(log, range.family, Do::kEraseRange, range.from, range.to);
  for (const auto& [key, value] : batch.changes())
    append_change(log, key.first, value.has_value() ? Do::kPut : Do::kErase, key.second,
                  value.has_value() ? std::string_view(*value) : std::string_view());
  seal_in_place(log, start + kLengthBytes);
  log.replace(start, kLengthBytes, length_of(log.size() - start - kLengthBytes).bytes,
              kLengthBytes);
}

// Calls change(family, what, key, value) for every change of the whole frames at the start of the log;
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
      const Do what{left[1]};
      left.remove_prefix(2);
      const std::string_view key = take_bytes(left);
      const std::string_view value = take_bytes(left);
      change(family, what, key, value);
    }
    rest = ahead.substr(length);
  }
  return log.size() - rest.size();
}

std::size_t index_of(Family family) { return static_cast<std::size_t>(family); }

std::shared_ptr<const CommittedChange> change_of(const WriteBatch& batch, std::uint64_t position) {
  auto change = std::make_shared<CommittedChange>();
  change->at = position;
  change->next = position + 1;
  for (const WriteBatch::Range& range : batch.ranges())
    if (range.family == Family::kObjects) change->objects.push_back({"", {}, std::nullopt});
  for (const auto& [key, dots] : batch.announced()) {
    const auto it = batch.changes().find(WriteBatch::KeyView{Family::kObjects, key});
    if (it != batch.changes().end()) change->objects.push_back({key, dots, it->second});
  }
  return change;
}

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
  if (damaged_[index_of(family)].contains(key))
    return absl::DataLossError("damaged: checksum mismatch");
  const Map& map = *live_[index_of(family)];
  const auto it = map.find(key);
  if (it == map.end()) return std::nullopt;
  return it->second;
}

absl::Status MemoryEngine::scan(Family family, std::string_view from, std::string_view to,
                                const Visitor& visit) const {
  std::optional<std::string> damaged;
  {
    const std::lock_guard lock(mutex_);
    if (!faults_.scan.ok()) return faults_.scan;
    const auto& all = damaged_[index_of(family)];
    if (const auto first = all.lower_bound(from); first != all.end() && (to.empty() || *first < to))
      damaged = *first;
  }
  bool stopped = false;
  inspect(family, from, damaged.has_value() ? std::string_view(*damaged) : to,
          [&](std::string_view key, std::string_view value) {
            stopped = !visit(key, value);
            return !stopped;
          });
  if (damaged.has_value() && !stopped) return absl::DataLossError("damaged: checksum mismatch");
  return absl::OkStatus();
}

void MemoryEngine::inspect(Family family, std::string_view from, std::string_view to,
                           const Visitor& visit) const {
  std::shared_ptr<const Map> moment;
  {
    const std::lock_guard lock(mutex_);
    moment = live_[index_of(family)];
  }
  for (auto it = moment->lower_bound(from); it != moment->end() && (to.empty() || it->first < to);
       ++it)
    if (!visit(it->first, it->second)) break;
  const std::lock_guard lock(mutex_);  // use_count() is exact only if it changes under the lock
  moment.reset();
}

void MemoryEngine::damage(Family family, std::string key) {
  const std::lock_guard lock(mutex_);
  damaged_[index_of(family)].insert(std::move(key));
}

void MemoryEngine::erase_live(Family family, std::string_view from, std::string_view to) {
  Map& map = writable(family);
  map.erase(map.lower_bound(from), map.lower_bound(to));
}

void MemoryEngine::change_live(Family family, std::string_view key,
                               std::optional<std::string_view> value) {
  Map& map = writable(family);
  auto at = map.lower_bound(key);
  const bool is_there = at != map.end() && at->first == key;
  if (is_there) live_bytes_ -= key.size() + at->second.size();
  if (value.has_value()) {
    if (!is_there) at = map.emplace_hint(at, key, std::string());
    at->second = *value;
    live_bytes_ += key.size() + value->size();
  } else if (is_there) {
    map.erase(at);
  }
}

absl::Status MemoryEngine::commit(const WriteBatch& batch) {
  const std::lock_guard lock(mutex_);
  if (!failed_.ok()) return failed_;
  if (!faults_.commit.ok()) return faults_.commit;
  if (batch.empty()) return absl::OkStatus();
  const std::size_t before = log_.size();
  append_frame(log_, batch);
  const std::uint64_t needed = synced_bytes_ + log_.size() - synced_end_;
  if (needed > faults_.capacity_bytes) {
    log_.resize(before);
    return absl::ResourceExhaustedError(
        absl::StrCat("disk full: ", needed, " bytes needed of ", faults_.capacity_bytes));
  }
  frame_ends_.push_back(log_.size());
  if (kept_changes_ > 0) changes_.push_back(change_of(batch, position_));
  ++position_;
  while (changes_.size() > kept_changes_) changes_.pop_front();
  for (const WriteBatch::Range& range : batch.ranges()) {
    erase_live(range.family, range.from, range.to);
    auto& damaged = damaged_[index_of(range.family)];
    damaged.erase(damaged.lower_bound(range.from), damaged.lower_bound(range.to));
  }
  for (const auto& [key, value] : batch.changes())
    change_live(key.first, key.second,
                value ? std::optional<std::string_view>(*value) : std::nullopt);
  return absl::OkStatus();
}

absl::Status MemoryEngine::sync() {
  const std::lock_guard lock(mutex_);
  if (!failed_.ok()) return failed_;
  if (!faults_.sync.ok()) return failed_ = faults_.sync;
  frame_ends_.clear();
  synced_end_ = log_.size();
  synced_bytes_ = live_bytes_;
  if (log_.size() <= std::max(kLongLogBytes, live_bytes_)) return absl::OkStatus();
  for (std::size_t i = 0; i < kFamilies; ++i) tables_[i] = *live_[i];
  log_.clear();
  synced_end_ = 0;
  return absl::OkStatus();
}

std::uint64_t MemoryEngine::position() const {
  const std::lock_guard lock(mutex_);
  return position_;
}

class MemoryEngine::Reader final : public ChangeReader {
 public:
  Reader(const MemoryEngine& engine, std::uint64_t from) : engine_(engine), next_(from) {}

  absl::StatusOr<bool> next(CommittedChange& out) override {
    const std::lock_guard lock(engine_.mutex_);
    const auto& kept = engine_.changes_;
    const std::uint64_t first = engine_.position_ - kept.size();
    if (next_ < first || next_ > engine_.position_)
      return absl::OutOfRangeError(absl::StrCat("commit ", next_, " is not kept"));
    if (next_ == engine_.position_) return false;
    out = *kept[next_ - first];
    next_ = out.next;
    return true;
  }

 private:
  const MemoryEngine& engine_;
  std::uint64_t next_;
};

absl::StatusOr<std::unique_ptr<ChangeReader>> MemoryEngine::changes(std::uint64_t from) const {
  const std::lock_guard lock(mutex_);
  if (from < position_ - changes_.size() || from > position_)
    return absl::OutOfRangeError(absl::StrCat("commit ", from, " is not kept"));
  return std::make_unique<Reader>(*this, from);
}

void MemoryEngine::keep_changes(std::size_t commits) {
  const std::lock_guard lock(mutex_);
  kept_changes_ = commits;
  while (changes_.size() > kept_changes_) changes_.pop_front();
}

std::uint64_t MemoryEngine::disk_bytes() const {
  const std::lock_guard lock(mutex_);
  return synced_bytes_ + log_.size() - synced_end_;
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
    made->damaged_[i] = damaged_[i];
  }
  made->live_bytes_ = live_bytes_;
  made->log_ = log_;
  made->synced_end_ = synced_end_;
  made->synced_bytes_ = synced_bytes_;
  made->frame_ends_ = frame_ends_;
  made->changes_ = changes_;
  made->kept_changes_ = kept_changes_;
  made->position_ = position_;
  return made;
}

void MemoryEngine::crash(std::size_t keep, std::size_t torn_bytes) {
  const std::lock_guard lock(mutex_);
  KV_CHECK(keep <= frame_ends_.size(), "only what was committed can be kept");
  const std::size_t kept_end = keep == 0 ? synced_end_ : frame_ends_[keep - 1];
  const std::size_t next_end = keep < frame_ends_.size() ? frame_ends_[keep] - 1 : kept_end;
  log_.resize(std::min(kept_end + torn_bytes, next_end));
  live_bytes_ = 0;
  for (std::size_t i = 0; i < kFamilies; ++i) {
    live_[i] = std::make_shared<Map>(tables_[i]);
    for (const auto& [key, value] : tables_[i]) live_bytes_ += key.size() + value.size();
  }
  const std::size_t end =
      replay(log_, [&](Family family, Do what, std::string_view key, std::string_view value) {
        if (what == Do::kEraseRange) return erase_live(family, key, value);
        change_live(family, key, what == Do::kPut ? std::optional(value) : std::nullopt);
      });
  KV_CHECK(end == kept_end, "a torn batch is absent as a whole, and nothing else is");
  log_.resize(end);
  const std::size_t lost = frame_ends_.size() - keep;
  frame_ends_.resize(keep);
  position_ -= lost;
  changes_.resize(changes_.size() - std::min(lost, changes_.size()));
  failed_ = absl::OkStatus();
}

}  // namespace kv::storage
