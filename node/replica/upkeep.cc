// What a replica forgets: log entries, markers, expired versions and contexts that nobody needs any more.
#include <algorithm>

#include "node/base/limits.h"
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

Clock dots_of_run(Actor actor, Clock::Run run) {
  Clock dots;
  dots.add_run(actor, run);
  return dots;
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
  // First, for that leaves little to be looked at.
  Clock stable = state_.cut.empty() ? durable_.minus(state_.pruned)
                                    : durable_.minus(state_.pruned.minus(state_.cut));
  if (stable.empty()) return absl::OkStatus();
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

absl::StatusOr<std::vector<Replica::Perishable>> Replica::perishables_in(const storage::View& view,
                                                                         Actor actor,
                                                                         Clock::Run run) const {
  std::vector<Perishable> found;
  const absl::Status scanned = view.scan(
      Family::kLog, storage::log_key(partition_, {actor, run.first}),
      storage::log_key(partition_, {actor, run.last + 1}),
      [&](std::string_view log_key, std::string_view value) {
        const storage::LogEntry entry = storage::log_entry(value);
        if (entry.perishable)
          found.push_back({storage::dot_of_log_key(log_key), std::string(entry.storage_key)});
        return true;
      });
  if (!scanned.ok()) return noted(scanned);
  return found;
}

// Up to the first perishable entry whose object cannot be read: the entry stays, for nothing else names what is to be dropped.
absl::Status Replica::prune_run(Transaction& tx, WallMs wall, Actor actor, Clock::Run run) {
  const auto perishable = perishables_in(tx.view, actor, run);
  if (!perishable.ok()) return perishable.status();
  const auto forget = [&](const Clock& dots) {
    for_each_dot(dots,
                 [&](Dot dot) { tx.batch.erase(Family::kLog, storage::log_key(partition_, dot)); });
    state_.pruned.join(dots);
    state_.cut = state_.cut.minus(dots);
    changed_ = true;
    KV_MARK(kLogPruned);
  };
  if (KV_PLANTED(kPrunedThoughUnread)) forget(dots_of_run(actor, run));
  for (const auto& [dot, key] : *perishable) {
    auto object = read(tx.view, key);
    if (!object.ok()) return object.status();
    forget(dots_of_run(actor, {run.first, dot.counter}));
    run.first = dot.counter + 1;
    drop_perished(tx, wall, key, *std::move(object));
  }
  if (run.first <= run.last) forget(dots_of_run(actor, run));
  return absl::OkStatus();
}

// Drops those of the key's markers and expired versions that the log no longer names, for then every replica has them on
// disk. In an ordered bucket later writes are ordered after them by the floor, which must not get ahead of the wall clock, or
// one false clock would move the whole partition: what is from the future waits for its time.
void Replica::drop_perished(Transaction& tx, WallMs wall, const std::string& key, Object object) {
  if (KV_PLANTED(kMarkersKept)) return;
  const bool is_ordered = storage::policy_of(key).is_ordered();
  const Traits before = traits_of(object);
  const auto gone = std::erase_if(object.versions, [&](const Version& version) {
    const auto at = drop_time(version);
    if (!at.has_value()) return false;
    const bool expires = version.value.has_value();
    if (!is_stable(version.dot) &&
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
  if (gone > 0) save(tx.batch, key, std::move(object), before);
}

absl::Status Replica::cut_log(Transaction& tx, const std::vector<bool>& up,
                              std::uint64_t max_entries, std::size_t limit) {
  // What was pruned is part of the clock.
  std::uint64_t entries = state_.clock.count() - state_.pruned.count();
  if (entries <= max_entries || KV_PLANTED(kLogUnbounded)) return absl::OkStatus();
  Clock logged = this->logged();
  entries = logged.count();
  struct Peer {
    bool is_up;
    Clock lacks;
    std::uint64_t lacks_count;
  };
  std::vector<Peer> peers;  // the first is given up first
  for (const auto& [peer, clock] : peers_) {
    Clock lacks = logged.minus(clock.durable);
    const std::uint64_t count = lacks.count();
    peers.push_back({up[peer.value], std::move(lacks), count});
  }
  std::stable_sort(peers.begin(), peers.end(), [](const Peer& a, const Peer& b) {
    return a.is_up != b.is_up ? b.is_up : a.lacks_count > b.lacks_count;
  });
  for (auto given_up = peers.begin(); given_up != peers.end(); ++given_up) {
    const std::uint64_t bound = given_up->is_up ? 2 * max_entries : max_entries;
    if (entries <= bound) break;
    Clock useless = logged;
    for (auto kept = given_up + 1; kept != peers.end(); ++kept)
      useless = useless.minus(kept->lacks);
    std::uint64_t left = std::min<std::uint64_t>(entries - bound, limit);
    for (const auto& [actor, runs] : useless.entries()) {
      for (Clock::Run run : runs) {
        if (left == 0) break;
        run.last = std::min(run.last, run.first + left - 1);
        const absl::Status status = cut_run(tx, actor, run);
        if (!status.ok()) return status;
        left -= run.last - run.first + 1;
        if (given_up->is_up) KV_MARK(kLogCutUnderPresent);
      }
    }
    logged = this->logged();
    entries = logged.count();
  }
  return absl::OkStatus();
}

absl::Status Replica::cut_run(Transaction& tx, Actor actor, Clock::Run run) {
  const auto perishable = perishables_in(tx.view, actor, run);
  if (!perishable.ok()) return perishable.status();
  Clock kept;
  for (const auto& [dot, key] : *perishable) {
    const auto object = read(tx.view, key);
    if (!object.ok()) return object.status();
    if (dots_of(*object).contains(dot) && !KV_PLANTED(kCutForgetsPerishable)) kept.add(dot);
  }
  if (!kept.empty()) KV_MARK(kLogCutAroundMarker);
  const Clock cut = dots_of_run(actor, run);
  for_each_dot(cut.minus(kept),
               [&](Dot dot) { tx.batch.erase(Family::kLog, storage::log_key(partition_, dot)); });
  state_.pruned.join(cut);
  if (!KV_PLANTED(kCutCountsAsPruned)) state_.cut.join(cut);
  changed_ = true;
  KV_MARK(kLogCut);
  return absl::OkStatus();
}

void Replica::drop_later(storage::WriteBatch& batch, const std::string& key, WallMs at) {
  batch.put(Family::kMeta, storage::due_key(partition_, at, key), "");
  next_due_ = std::min(next_due_, at);
}

absl::Status Replica::drop_due(Transaction& tx, WallMs wall, std::size_t limit) {
  if (wall < next_due_) return absl::OkStatus();
  const std::string prefix = storage::due_prefix(partition_);
  const std::string later = storage::due_key(partition_, WallMs{wall.ms + 1}, "");
  const auto due = keys_in(tx.view, Family::kMeta, prefix, later, limit);
  if (!due.ok()) return noted(due.status());
  for (const std::string& entry : *due) {
    const std::string key(storage::due_of_key(entry).storage_key);
    auto object = read(tx.view, key);
    if (!object.ok()) return object.status();
    drop_perished(tx, wall, key, *std::move(object));
    tx.batch.erase(Family::kMeta, entry);
  }
  if (due->size() == limit) return absl::OkStatus();
  const auto next = keys_in(tx.view, Family::kMeta, later, storage::prefix_end(prefix), 1);
  if (!next.ok()) return next.status();
  next_due_ = next->empty() ? WallMs{kMaxExpiresMs} : storage::due_of_key(next->front()).at;
  return absl::OkStatus();
}

absl::Status Replica::drop_requests(Transaction& tx, WallMs wall, const RequestLimits& limits,
                                    std::size_t limit) {
  if (state_.requests == 0 || KV_PLANTED(kRequestsNeverDropped)) return absl::OkStatus();
  const std::string prefix = storage::request_age_prefix(partition_);
  const WallMs over{wall.ms - (KV_PLANTED(kRequestsDroppedEarly) ? 0 : limits.window_ms)};
  const auto old = keys_in(tx.view, Family::kMeta, prefix,
                           storage::request_age_key(partition_, {WallMs{over.ms + 1}}), limit);
  if (!old.ok()) return noted(old.status());
  // A clock was far ahead: its writes are to be known no longer than others.
  const auto ahead =
      keys_in(tx.view, Family::kMeta,
              storage::request_age_key(partition_, {WallMs{wall.ms + limits.window_ms + 1}}),
              storage::prefix_end(prefix), limit);
  if (!ahead.ok()) return noted(ahead.status());
  const auto look_again = [&](const std::string& entry, WallMs at) {
    storage::RequestAge age = storage::request_age_of_key(entry);
    age.at = at;
    tx.batch.erase(Family::kMeta, entry);
    tx.batch.put(Family::kMeta, storage::request_age_key(partition_, age), "");
  };
  for (const std::string& entry : *ahead) {
    KV_MARK(kRequestAhead);
    look_again(entry, wall);
  }
  for (const std::string& entry : *old) {
    const storage::RequestAge age = storage::request_age_of_key(entry);
    const bool is_lacked = !is_stable(age.dot) && !KV_PLANTED(kRequestsDroppedEarly);
    if (is_lacked && state_.requests <= limits.most / 2) {
      KV_MARK(kRequestKept);
      look_again(entry, WallMs{over.ms + limits.window_ms / 8 + 1});
      continue;
    }
    KV_MARK(kRequestDropped);
    tx.batch.erase(Family::kMeta, entry);
    tx.batch.erase(Family::kMeta, storage::request_key(partition_, age.name, age.dot));
    --state_.requests;
    changed_ = true;
  }
  return absl::OkStatus();
}

// Every replica has processed what this one has, and nothing else.
bool Replica::is_level() const {
  return !peers_.empty() && is_fit() &&
         std::all_of(peers_.begin(), peers_.end(),
                     [&](const auto& peer) { return peer.second.applied == state_.clock; });
}

absl::Status Replica::announce_ahead(Transaction& tx, HlcClock& hlc, WallMs wall,
                                     const std::string& key, const Object& object) {
  if (KV_PLANTED(kAheadUnannounced) || storage::policy_of(key).is_ordered() ||
      announced_.contains(key))
    return absl::OkStatus();
  KV_MARK(kAheadAnnounced);
  const Token gone{state_.clock.minus(dots_of(object)), {}};
  const absl::Status written = write(tx, hlc, wall, key, std::nullopt, gone).status();
  if (written.ok()) announced_.insert(key);
  return written;
}

absl::Status Replica::strip_contexts(Transaction& tx, HlcClock& hlc, WallMs wall,
                                     std::size_t limit) {
  if (KV_PLANTED(kContextsKept) || !has_contexts_) return absl::OkStatus();
  const std::string prefix = storage::context_prefix(partition_);
  const auto kept =
      keys_in(tx.view, Family::kMeta, prefix + context_cursor_, storage::prefix_end(prefix), limit);
  if (!kept.ok()) return noted(kept.status());
  has_contexts_ = !kept->empty() || !context_cursor_.empty();
  const bool level = is_level();  // the first that is announced ends it
  context_cursor_ =
      kept->size() < limit ? "" : storage::next_key(kept->back().substr(prefix.size()));
  for (const std::string& entry : *kept) {
    const std::string key = entry.substr(prefix.size());
    auto object = read(tx.view, key);
    if (!object.ok()) return object.status();
    const Traits before = traits_of(*object);
    const Clock context = object->context;
    strip(*object, state_.clock);
    if (object->context != context) {
      KV_MARK(kContextStripped);
      save(tx.batch, key, *std::move(object), before);
    } else if (level) {
      const absl::Status announced = announce_ahead(tx, hlc, wall, key, *object);
      if (!announced.ok()) return announced;
    }
  }
  return absl::OkStatus();
}

absl::Status Replica::trim_conflicts(Transaction& tx, std::size_t limit) {
  const absl::Status ready = conflicts_.ready(tx.view);
  if (ready.ok()) conflicts_.trim(tx, limit);
  return noted(ready);
}

}  // namespace kv
