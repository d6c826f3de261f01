#include "node/feed/feed.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node/base/hash.h"
#include "node/base/simulation.h"
#include "node/storage/keys.h"
#include "node/storage/record_codec.h"

namespace kv {
namespace {

constexpr char kAdvice[] =
    "; what changed since cannot be told: read the current state, then watch from now on";

absl::Status too_old(std::string_view why) {
  KV_MARK(kWatchTooOld);
  return absl::OutOfRangeError(absl::StrCat("the token is too old: ", std::string(why), kAdvice));
}

std::size_t size_of(const storage::CommittedChange& change) {
  std::size_t bytes = sizeof(change);
  for (const storage::ChangedObject& object : change.objects)
    bytes += sizeof(object) + object.key.size() + (object.record ? object.record->size() : 0);
  return bytes;
}

// An engine names no object where it erases a range of them unread, which is how damage is discarded. What follows is no
// continuation: the same dots are processed again.
bool discards(const storage::CommittedChange& change) {
  return std::any_of(change.objects.begin(), change.objects.end(),
                     [](const storage::ChangedObject& object) { return object.key.empty(); });
}

std::uint64_t binding_of(const storage::KeyRange& range) {
  return stable_hash(absl::StrCat(range.from.size(), " ", range.from, range.end));
}

}  // namespace

absl::StatusOr<std::uint64_t> Feed::identity() const {
  std::string actors;
  absl::Status damaged;
  const absl::Status scanned =
      engine_.scan(storage::Family::kMeta, storage::replica_prefix(),
                   storage::prefix_end(storage::replica_prefix()),
                   [&](std::string_view key, std::string_view value) {
                     const auto replica = storage::decode_replica(value);
                     if (!replica.ok())
                       damaged = replica.status();
                     else
                       absl::StrAppend(&actors, std::string(key), replica->actor.id, " ");
                     return damaged.ok();
                   });
  if (!scanned.ok()) return scanned;
  if (!damaged.ok()) return damaged;
  return stable_hash(actors);
}

absl::StatusOr<Watch> Feed::open(storage::KeyRange range, const std::optional<std::string>& token) {
  const auto feed = identity();
  if (!feed.ok()) return feed.status();
  Watch watch;
  watch.binding_ = binding_of(range);
  watch.range_ = std::move(range);
  watch.feed_ = *feed;
  if (!token.has_value()) {
    watch.next_ = {engine_.position(), 0};
    return watch;
  }
  const auto from = decode_watch_token(*token, watch.binding_);
  if (!from.ok()) return from.status();
  if (from->feed != *feed && !KV_PLANTED(kWatchOfAnyFeed))
    return too_old(
        "it is of another node, or of before this one may have lost writes (a power failure, "
        "another "
        "disk)");
  if (KV_PLANTED(kWatchNeverResumes)) return too_old("no token is good enough");
  watch.next_ = from->next;
  if (watch.next_.event > 0 && KV_PLANTED(kWatchResumesLate)) watch.next_.event = UINT32_MAX;
  if (KV_PLANTED(kWatchRepeats)) watch.next_.event = 0;
  auto reader = engine_.changes(watch.next_.commit);
  if (absl::IsOutOfRange(reader.status())) {
    if (!KV_PLANTED(kWatchSkipsGap)) return too_old("this node keeps no changes of so long ago");
    watch.next_ = {engine_.position(), 0};
    return watch;
  }
  if (!reader.ok()) return reader.status();
  watch.own_ = *std::move(reader);
  return watch;
}

void Feed::forget_tail() {
  tail_.clear();
  tail_bytes_ = 0;
  tail_end_ = 0;
  reader_.reset();
}

absl::Status Feed::advance() {
  if (tail_end_ == 0) {
    tail_end_ = engine_.position();
    auto reader = engine_.changes(tail_end_);
    if (!reader.ok()) return reader.status();
    reader_ = *std::move(reader);
  }
  storage::CommittedChange change;
  while (true) {
    const auto found = reader_->next(change);
    if (!found.ok()) {
      forget_tail();  // to begin anew; watchers read by themselves, and find out what is kept
      return absl::IsOutOfRange(found.status()) ? absl::OkStatus() : found.status();
    }
    if (!*found) return absl::OkStatus();
    tail_end_ = change.next;
    tail_bytes_ += size_of(change);
    tail_.push_back(std::move(change));
    while (tail_bytes_ > limits_.tail_bytes && !KV_PLANTED(kWatchTailUnbounded)) {
      tail_bytes_ -= size_of(tail_.front());
      tail_.pop_front();
    }
  }
}

absl::StatusOr<const storage::CommittedChange*> Feed::commit_at(Watch& watch) {
  const std::uint64_t at = watch.next_.commit;
  if (tail_end_ != 0 && at >= (tail_.empty() ? tail_end_ : tail_.front().at)) {
    if (watch.own_ != nullptr) KV_MARK(kWatchCaughtUp);
    watch.own_.reset();
    watch.read_.reset();
    const auto it =
        std::lower_bound(tail_.begin(), tail_.end(), at,
                         [](const auto& change, std::uint64_t p) { return change.at < p; });
    return it == tail_.end() ? nullptr : &*it;
  }
  return commit_in_log(watch);
}

absl::StatusOr<const storage::CommittedChange*> Feed::commit_in_log(Watch& watch) {
  if (watch.read_.has_value() && watch.read_->at == watch.next_.commit) return &*watch.read_;
  KV_MARK(kWatchFromLog);
  const auto fell_out = [](const absl::Status& status) {
    if (!absl::IsOutOfRange(status)) return status;
    KV_MARK(kWatchFellOut);
    return absl::OutOfRangeError(absl::StrCat(
        "the watcher was too slow: what comes next for it is not kept any more", kAdvice));
  };
  if (watch.own_ == nullptr) {
    auto reader = engine_.changes(watch.next_.commit);
    if (!reader.ok()) return fell_out(reader.status());
    watch.own_ = *std::move(reader);
  }
  storage::CommittedChange& change = watch.read_.emplace();
  const auto found = watch.own_->next(change);
  if (found.ok() && *found) return &change;
  watch.read_.reset();
  if (!found.ok()) return fell_out(found.status());
  return nullptr;
}

absl::StatusOr<FeedPage> Feed::read(Watch& watch, WallMs wall) {
  FeedPage page;
  std::size_t bytes = 0;
  for (std::size_t looked_at = 0; !page.more; ++looked_at) {
    const auto commit = commit_at(watch);
    if (!commit.ok()) return commit.status();
    if (*commit == nullptr) break;
    const bool ends = discards(**commit);
    if (ends && page.events.empty())
      return absl::OutOfRangeError(absl::StrCat(
          "this node has discarded damaged data, and takes it anew from others", kAdvice));
    page.more = ends || looked_at >= limits_.commits;
    if (page.more) break;
    const absl::Status taken = take(watch, **commit, wall, page, bytes);
    if (!taken.ok()) return taken;
  }
  page.next = watch.next_;
  return page;
}

// The events of one commit, as far as the page has room; the watcher moves on.
absl::Status Feed::take(Watch& watch, const storage::CommittedChange& commit, WallMs wall,
                        FeedPage& page, std::size_t& bytes) const {
  const std::string hidden = storage::partition_prefix(hidden_);
  while (watch.next_.event < commit.objects.size()) {
    const storage::ChangedObject& object = commit.objects[watch.next_.event];
    const std::string_view key = std::string_view(object.key).substr(hidden.size());
    const bool watched = !object.key.starts_with(hidden) && key >= watch.range_.from &&
                         (watch.range_.end.empty() || key < watch.range_.end);
    if (!watched) {
      ++watch.next_.event;
      continue;
    }
    page.more = page.events.size() >= limits_.events || bytes >= limits_.bytes;
    if (page.more) return absl::OkStatus();
    Object state;
    if (object.record.has_value()) {
      auto decoded = storage::decode_object(*object.record);
      if (!decoded.ok()) return decoded.status();
      state = *std::move(decoded);
    }
    FeedEvent event;
    event.key = key;
    event.dots = object.dots;
    event.shown = storage::policy_of(key).shown(without_expired(std::move(state.versions), wall));
    std::erase_if(event.shown, [](const Version& version) { return !version.value.has_value(); });
    if (KV_PLANTED(kWatchShowsFirst) && event.shown.size() > 1)
      event.shown.erase(event.shown.begin() + 1, event.shown.end());
    bytes += event.key.size() + (object.record ? object.record->size() : 0);
    ++watch.next_.event;
    event.next = watch.next_;
    page.events.push_back(std::move(event));
  }
  watch.next_ = {commit.next, 0};
  return absl::OkStatus();
}

}  // namespace kv
