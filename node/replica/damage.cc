// What becomes of a replica whose part of the disk is damaged.
//
// It has a disk that answers what it was given, or that it does not know: so nothing that was read so far is wrong. But it can
// no longer tell which keys it holds, and it cannot take part in what is to come. What it still does is hand over: the pages
// of its log leave out what cannot be read. Once some other replica, itself fit, has all the rest, nothing is lost by
// starting anew. As long as there is none this may be the only copy: it stays, and serves nothing.
#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/base/simulation.h"
#include "node/replica/replica.h"
#include "node/storage/keys.h"

namespace kv {

using storage::Family;

namespace {

constexpr std::uint64_t kMaxLookedAt = 10'000;  // writes at once that nobody else is known to have

}  // namespace

absl::Status Replica::noted(absl::Status status) const {
  if (absl::IsDataLoss(status) && damage_.empty()) damage_ = std::string(status.message());
  return status;
}

void Replica::note_fit(NodeIndex peer, bool is_fit, Instant now) {
  const auto it = peers_.find(peer);
  KV_CHECK(it != peers_.end(), "only replicas of the partition are noted");
  it->second.fit_at = is_fit ? std::optional(now) : std::nullopt;
}

bool Replica::is_backed_by(const storage::View& view, NodeIndex peer) const {
  const Clock alone = state_.clock.minus(peers_.at(peer).durable);
  if (alone.count() > kMaxLookedAt) return false;
  bool is_backed = true;
  for_each_dot(alone, [&](Dot dot) { is_backed = is_backed && is_unreadable(view, dot); });
  return is_backed;
}

bool Replica::is_unreadable(const storage::View& view, Dot dot) const {
  const auto entry = view.get(Family::kLog, storage::log_key(partition_, dot));
  if (absl::IsDataLoss(entry.status())) return true;
  if (!entry.ok() || !entry->has_value()) return false;  // cut: nobody knows what it was
  return absl::IsDataLoss(read(view, storage::log_entry(**entry).storage_key).status());
}

void Replica::visit_readable(const storage::View& view, Actor actor, Clock::Run run,
                             const storage::Visitor& visit) const {
  for (std::uint64_t counter = run.first; counter <= run.last; ++counter) {
    const std::string log_key = storage::log_key(partition_, {actor, counter});
    const auto entry = view.get(Family::kLog, log_key);
    if (entry.ok() && entry->has_value() && !visit(log_key, **entry)) return;
  }
}

void Replica::start_anew(storage::WriteBatch& batch, Rng& rng) {
  const std::string from = storage::partition_prefix(partition_);
  const std::string to = storage::partition_end(partition_);
  batch.erase_range(Family::kObjects, from, to);
  batch.erase_range(Family::kLog, from, to);
  for (const std::string& index :
       {storage::context_prefix(partition_), storage::due_prefix(partition_),
        storage::conflict_prefix(partition_), storage::requests_prefix(partition_),
        storage::request_age_prefix(partition_)})
    batch.erase_range(Family::kMeta, index, storage::prefix_end(index));
  state_ = {};
  state_.rebuilding = true;
  durable_ = {};
  context_cursor_.clear();
  has_contexts_ = true;
  announced_.clear();
  next_due_ = {};
  conflicts_.clear();
  corrected_ = false;
  damage_.clear();
  for (auto& [peer, clock] : peers_) {
    clock.stated.reset();
    clock.settled = {};  // of what they had, nothing has been applied here any more
  }
  renew_actor(rng);
  KV_MARK(kDiscarded);
}

}  // namespace kv
