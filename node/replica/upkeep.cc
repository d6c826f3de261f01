// What a replica forgets: log entries, markers, expired versions and contexts that nobody needs any more.
#include "node/base/simulation.h"
#include "node/replica/replica.h"
#include "node/storage/keys.h"

namespace kv {

using storage::Family;

namespace {

// The keys in [from, to), up to `limit`.
absl::StatusOr<std::vector<std::string>> keys_in(const storage::View& view, Family family,
                                                 const std::string& from, const std::string& to,
                                                 std::size_t limit) {
  std::vector<std::string> keys;
  const absl::Status status =
      view.scan(family, from, to, [&](std::string_view key, std::string_view) {
        keys.emplace_back(key);
        return keys.size() < limit;
      });
  if (!status.ok()) return status;
  return keys;
}

}  // namespace

void Replica::settle() {
  for (auto& [peer, clock] : peers_) {
    if (!clock.stated.has_value()) continue;
    if (!state_.clock.covers(clock.stated->applied)) continue;
    clock.settled = std::move(clock.stated->durable);
    clock.stated.reset();
  }
}

absl::Status Replica::prune_log(Transaction& tx, WallMs wall, std::size_t limit) {
  if (KV_PLANTED(kPruneNever)) return absl::OkStatus();
  settle();
  Clock stable = durable_.minus(state_.pruned);  // first, for that leaves little to be looked at
  for (const auto& [peer, clock] : peers_) {
    if (KV_PLANTED(kPruneWithoutAbsent) && peer.value % 2 == 1) continue;
    const Clock& known = KV_PLANTED(kPruneOnApplied)            ? clock.applied
                         : KV_PLANTED(kPruneOnAcknowledgements) ? clock.durable
                                                                : clock.settled;
    stable = stable.intersect(known);
  }
  std::size_t left = limit;
  absl::Status status;
  for_each_run(stable, [&](Actor actor, Clock::Run run) {
    if (left == 0 || !status.ok()) return;
    if (run.last - run.first >= left) run.last = run.first + left - 1;
    left -= run.last - run.first + 1;
    status = prune_run(tx, wall, actor, run);
  });
  return status;
}

absl::Status Replica::prune_run(Transaction& tx, WallMs wall, Actor actor, Clock::Run run) {
  std::vector<std::string> perishable;
  const absl::Status scanned =
      tx.view.scan(Family::kLog, storage::log_key(partition_, {actor, run.first}),
                   storage::log_key(partition_, {actor, run.last + 1}),
                   [&](std::string_view, std::string_view value) {
                     const storage::LogEntry entry = storage::log_entry(value);
                     if (entry.perishable) perishable.emplace_back(entry.storage_key);
                     return true;
                   });
  if (!scanned.ok()) return scanned;
  for (std::uint64_t counter = run.first; counter <= run.last; ++counter)
    tx.batch.erase(Family::kLog, storage::log_key(partition_, {actor, counter}));
  state_.pruned.add_run(actor, run);
  changed_ = true;
  KV_MARK(kLogPruned);
  for (const std::string& key : perishable) {
    const absl::Status status = drop_perished(tx, wall, key);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// Drops those of the key's markers and expired versions that the log no longer names, for then every replica has them on
// disk. In an ordered bucket later writes are ordered after them by the floor, which must not get ahead of the wall clock, or
// one false clock would move the whole partition: what is from the future waits for its time.
absl::Status Replica::drop_perished(Transaction& tx, WallMs wall, const std::string& key) {
  if (KV_PLANTED(kMarkersKept)) return absl::OkStatus();
  auto object = read(tx.view, key);
  if (!object.ok()) return object.status();
  const bool is_ordered = storage::policy_of(key).is_ordered();
  const Traits before = traits_of(*object);
  const auto gone = std::erase_if(object->versions, [&](const Version& version) {
    const auto at = drop_time(version);
    if (!at.has_value()) return false;
    const bool expires = version.value.has_value();
    if (!state_.pruned.contains(version.dot) &&
        !(KV_PLANTED(kExpiredDroppedUnstable) && is_expired(version, wall)))
      return false;
    if (*at > wall) {
      if (!expires) KV_MARK(kMarkerAhead);
      drop_later(tx.batch, key, *at);
      return false;
    }
    if (expires) KV_MARK(kExpiredDropped);
    if (!expires) KV_MARK(kMarkerDropped);
    if (is_ordered && !(expires && KV_PLANTED(kExpiredLeavesNoFloor)))
      state_.floor = std::max(state_.floor, version.hlc);
    changed_ = true;
    return true;
  });
  if (gone == 0) return absl::OkStatus();
  save(tx.batch, key, *std::move(object), before);
  return absl::OkStatus();
}

void Replica::drop_later(storage::WriteBatch& batch, const std::string& key, WallMs at) {
  batch.put(Family::kMeta, storage::due_key(partition_, at, key), "");
}

absl::Status Replica::drop_due(Transaction& tx, WallMs wall, std::size_t limit) {
  const auto due = keys_in(tx.view, Family::kMeta, storage::due_prefix(partition_),
                           storage::due_key(partition_, WallMs{wall.ms + 1}, ""), limit);
  if (!due.ok()) return due.status();
  for (const std::string& entry : *due) {
    const std::string key(storage::due_of_key(entry).storage_key);
    const absl::Status status = drop_perished(tx, wall, key);
    if (!status.ok()) return status;
    tx.batch.erase(Family::kMeta, entry);
  }
  return absl::OkStatus();
}

absl::Status Replica::strip_contexts(Transaction& tx, std::size_t limit) {
  if (KV_PLANTED(kContextsKept)) return absl::OkStatus();
  const std::string prefix = storage::context_prefix(partition_);
  const auto kept =
      keys_in(tx.view, Family::kMeta, prefix + context_cursor_, storage::prefix_end(prefix), limit);
  if (!kept.ok()) return kept.status();
  context_cursor_ =
      kept->size() < limit ? "" : storage::next_key(kept->back().substr(prefix.size()));
  for (const std::string& entry : *kept) {
    const std::string key = entry.substr(prefix.size());
    auto object = read(tx.view, key);
    if (!object.ok()) return object.status();
    const Traits before = traits_of(*object);
    const Clock context = object->context;
    strip(*object, state_.clock);
    if (object->context == context) continue;
    KV_MARK(kContextStripped);
    save(tx.batch, key, *std::move(object), before);
  }
  return absl::OkStatus();
}

}  // namespace kv
