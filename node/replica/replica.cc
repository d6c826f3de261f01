#include "node/replica/replica.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/base/limits.h"
#include "node/base/simulation.h"
#include "node/storage/keys.h"

namespace kv {

using storage::Family;

Actor fresh_actor(Rng& rng) {
  Actor actor{rng.next()};
  while (actor.id == 0) actor.id = rng.next();
  return actor;
}

namespace {

// A delete's marker exists in buckets of ordered policies only.
bool leaves_version(const Policy& policy, const Version& version) {
  if (version.value.has_value()) return true;
  return policy.is_ordered() ? !KV_PLANTED(kDeleteLeavesNothing) : KV_PLANTED(kCausalDeleteStays);
}

// What a client sees of the object; the rest has expired.
Object unexpired(Object object, WallMs now) {
  if (!KV_PLANTED(kConditionSeesExpired))
    object.versions = without_expired(std::move(object.versions), now);
  return object;
}

absl::Status check_condition(const Object& object, Condition condition,
                             const std::optional<Token>& token) {
  if (KV_PLANTED(kConditionIgnored)) return absl::OkStatus();
  if (condition == Condition::kAbsent && has_value(object)) {
    KV_MARK(kConditionNotMet);
    return absl::AlreadyExistsError("the key has a value");
  }
  if (condition != Condition::kCurrent || !token.has_value()) return absl::OkStatus();
  for (const Version& version : object.versions)
    if (!token->context.contains(version.dot))
      return absl::AbortedError(absl::StrCat("the key has changed since the token was read (",
                                             to_string(version.dot), "); read it again"));
  return absl::OkStatus();
}

// What a write adds to a counter, 0 if it does not.
std::int64_t amount_of(const Policy& policy, const std::optional<std::string>& value) {
  std::int64_t amount = 0;
  const bool adds = policy.adds() && value.has_value() && absl::SimpleAtoi(*value, &amount);
  return adds ? amount : 0;
}

// Apart from markers. A dot always means the same version.
bool same_values(const Object& a, const Object& b) {
  const auto values = [](const Object& object) {
    absl::InlinedVector<Dot, 4> dots;
    for (const Version& version : object.versions)
      if (version.value.has_value()) dots.push_back(version.dot);
    return dots;
  };
  return values(a) == values(b);
}

// A version brings its own dot along, also when it came in answer to another: if it stayed unnamed and its issuer lost it, the
// clocks of two replicas could be equal and their objects not.
Clock dots_with_versions(const Item& item) {
  Clock dots = item.dots;
  if (!KV_PLANTED(kVersionUnnamed))
    for (const Version& version : item.object.versions) dots.add(version.dot);
  return dots;
}

// A version that the transfer has shown to be gone, and that this replica knows nothing of.
bool brings_back(const Item& item, const Transfer& transfer, const Clock& known) {
  if (item.key > transfer.last || KV_PLANTED(kTransferForgetsGone)) return false;
  const bool brings = std::any_of(
      item.object.versions.begin(), item.object.versions.end(), [&](const Version& version) {
        return transfer.clock->contains(version.dot) && !known.contains(version.dot);
      });
  if (brings) KV_MARK(kTransferRaced);
  return brings;
}

}  // namespace

Replica::Replica(Partition partition, storage::ReplicaState state,
                 const std::vector<NodeIndex>& others)
    : partition_(partition),
      state_(std::move(state)),
      durable_(state_.clock),
      conflicts_(partition) {
  for (const NodeIndex other : others) peers_[other];
  if (state_.rebuilding) unheard_.insert(others.begin(), others.end());
}

absl::StatusOr<Object> Replica::read(const storage::View& view, std::string_view key) const {
  auto bytes = view.get(Family::kObjects, storage::object_key(partition_, key));
  if (!bytes.ok()) {
    KV_MARK(kDiskReadFailed);
    if (KV_PLANTED(kReadErrorIsAbsence)) return Object{};
    return noted(bytes.status());
  }
  if (!bytes->has_value()) return Object{};
  auto object = storage::decode_object(**bytes);
  if (!object.ok()) return noted(object.status());
  return object;
}

absl::StatusOr<Delta> Replica::write(Transaction& tx, HlcClock& hlc, WallMs wall,
                                     const std::string& key, std::optional<std::string> value,
                                     const std::optional<Token>& token, Condition condition,
                                     std::int64_t ttl_ms, Hlc after,
                                     const std::optional<RequestId>& request) {
  auto object = read(tx.view, key);
  if (!object.ok()) return object.status();
  const absl::Status ready = conflicts_.ready(tx.view);
  if (!ready.ok()) return noted(ready);
  const Object seen_by_client = unexpired(*object, wall);
  const absl::Status met = check_condition(seen_by_client, condition, token);
  if (!met.ok()) return met;
  const Traits before = traits_of(*object);
  const std::uint64_t counter =
      (KV_PLANTED(kCounterRestarts) ? durable_ : state_.clock).base(state_.actor) + 1;
  const Dot dot{state_.actor, counter};
  KV_CHECK(!state_.clock.contains(dot) || KV_PLANTED(kCounterRestarts),
           "an actor's own dots have no holes, and none is issued twice");

  // Markers that others have dropped are not ahead of their clocks, nor are those ahead of this one by more than the limit.
  const Hlc floor =
      unheard_.empty() ? state_.floor : std::max(state_.floor, hlc.latest_elsewhere(wall));
  const Hlc seen =
      std::max({KV_PLANTED(kTimeIgnoresObject) ? Hlc{} : greatest_hlc(*object),
                KV_PLANTED(kTimeIgnoresFloor) ? Hlc{} : floor,
                KV_PLANTED(kTimeIgnoresSession) ? Hlc{} : after,
                token.has_value() && !KV_PLANTED(kTimeIgnoresToken) ? token->hlc : Hlc{}});
  const Policy& policy = storage::policy_of(key);
  std::vector<storage::RequestRecord> requests;
  if (request.has_value()) requests.push_back({*request, dot, {}, amount_of(policy, value)});
  auto change = policy.admit(seen_by_client, state_.actor, std::move(value),
                             token.has_value() ? &token->context : nullptr);
  if (!change.ok()) return change.status();
  Delta delta;
  delta.key = key;
  delta.context = std::move(change->context);
  for (const Version& version : object->versions)
    if (is_expired(version, wall)) delta.context.add(version.dot);
  delta.context.add(dot);
  delta.version = {dot, hlc.tick(wall, seen), std::move(change->value), {}};
  delta.request = request;
  if (ttl_ms > 0)
    delta.version.expires = WallMs{std::clamp<std::int64_t>(wall.ms + ttl_ms, 1, kMaxExpiresMs)};

  KV_ISSUED(delta);
  note_unshown(tx, delta, object->versions);
  for (const Version& old : object->versions)
    if (KV_PLANTED(kForgetsSuperseded) && peers_.empty() && old.dot.actor != state_.actor)
      state_.clock = state_.clock.minus(Clock{old.dot}.intersect(delta.context));
  discard(*object, delta.context);
  if (leaves_version(policy, delta.version)) object->versions.push_back(delta.version);
  sort_by_dot(object->versions);
  resolve(tx, key, object->versions);
  mark_processed(tx.batch, key, Clock{dot}, perishables_of(*object), requests);
  save(tx.batch, key, *std::move(object), before);
  for (storage::RequestRecord& record : requests) {
    record.hlc = delta.version.hlc;
    if (!KV_PLANTED(kRequestUnrecorded)) remember(tx.batch, record);
  }
  tx.batch.announce(storage::object_key(partition_, key), Clock{dot});
  return delta;
}

void Replica::resolve(Transaction& tx, const std::string& key, std::vector<Version>& versions) {
  const Policy& policy = storage::policy_of(key);
  if (!policy.is_ordered() || versions.size() < 2) return policy.resolve(versions);
  const std::vector<Version> all = versions;
  policy.resolve(versions);
  conflicts_.note(tx, key, all, versions.front());
}

void Replica::note_unshown(Transaction& tx, const Delta& write,
                           const std::vector<Version>& versions) {
  const Policy& policy = storage::policy_of(write.key);
  if (KV_PLANTED(kConflictOfSeen)) conflicts_.note(tx, write.key, versions, write.version);
  if (!policy.shows_one() || versions.size() < 2) return;
  std::vector<Version> gone = versions;
  std::erase_if(gone, [&](const Version& each) { return !write.context.contains(each.dot); });
  conflicts_.note(tx, write.key, gone, policy.shown(versions).front());
}

absl::Status Replica::apply(Transaction& tx, const Delta& delta, const Transfers& transfers) {
  absl::Status ready = conflicts_.ready(tx.view);
  if (ready.ok()) ready = conflicts_.take_back_seen(tx, delta);
  if (!ready.ok()) return noted(ready);
  const bool is_known = state_.clock.contains(delta.version.dot);
  if (is_known) KV_MARK(kDeltaRepeated);
  // The dot may have come without its request: by a full transfer, or from a read.
  if (is_known && !delta.request.has_value()) return absl::OkStatus();
  if (KV_PLANTED(kDotWithoutObject) && delta.version.dot.counter % 16 == 0) {
    mark_processed(tx.batch, delta.key, Clock{delta.version.dot}, {});
    return absl::OkStatus();
  }
  std::vector<Item> items(1);  // filled in place: a value may be large
  items[0].key = delta.key;
  if (delta.request.has_value())
    items[0].requests.push_back({*delta.request, delta.version.dot, delta.version.hlc, 0});
  if (is_known) return apply_items(tx, items, transfers, Clock{});
  if (leaves_version(storage::policy_of(delta.key), delta.version))
    items[0].object.versions.push_back(delta.version);
  items[0].object.context = delta.context;
  items[0].dots.add(delta.version.dot);
  return apply_items(tx, items, transfers, Clock{});
}

absl::Status Replica::apply(Transaction& tx, const Repair& repair, const Transfers& transfers) {
  const Dot dot = repair.version.dot;
  if (state_.clock.contains(dot) && !KV_PLANTED(kRepairOverwrites)) return absl::OkStatus();
  KV_MARK(kRepairTaken);
  std::vector<Item> items(1);
  items[0].key = repair.key;
  items[0].object.versions.push_back(repair.version);
  items[0].dots.add(dot);
  // What this replica passes on with the version is then as much as those knew who had it.
  items[0].object.context = repair.known;
  if (KV_PLANTED(kRepairMarksBelow)) items[0].dots.add_run(dot.actor, {1, dot.counter});
  if (KV_PLANTED(kRepairOverwrites)) {
    auto mine = read(tx.view, repair.key);
    if (!mine.ok()) return mine.status();
    const Traits before = traits_of(*mine);
    mark_processed(tx.batch, repair.key, items[0].dots, perishables_of(items[0].object));
    save(tx.batch, repair.key, std::move(items[0].object), before);
    return absl::OkStatus();
  }
  return apply_items(tx, items, transfers, Clock{});
}

// All or nothing: every object is read before the first is changed. The dots of all items enter the clock first, so that the
// objects need no context for what the others bring.
absl::Status Replica::apply_items(Transaction& tx, const std::vector<Item>& items,
                                  const Transfers& transfers, const Clock& their_clock) {
  const absl::Status ready = conflicts_.ready(tx.view);
  if (!ready.ok()) return noted(ready);
  std::vector<Object> mine;
  std::map<std::size_t, Requested> requested;  // by place in `items`; of those that have any
  mine.reserve(items.size());
  for (const Item& item : items) {
    auto object = read(tx.view, item.key);
    if (!object.ok()) return object.status();
    if (!item.requests.empty()) {
      auto found = look_up(tx.view, item);
      if (!found.ok()) return found.status();
      requested.emplace(mine.size(), *std::move(found));
    }
    mine.push_back(*std::move(object));
  }
  const Clock known = state_.clock;
  for (const Item& item : items) {
    mark_processed(tx.batch, item.key, dots_with_versions(item), perishables_of(item.object),
                   item.requests);
  }
  const Requested none;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto found = requested.find(i);
    join_item(tx, items[i], their_clock, known, transfers, std::move(mine[i]),
              found == requested.end() ? none : found->second);
  }
  for (const auto& [i, found] : requested)
    for (const storage::RequestRecord& request : found.fresh) remember(tx.batch, request);
  return absl::OkStatus();
}

// `known`: the clock from before the items' dots entered it.
void Replica::join_item(Transaction& tx, const Item& item, const Clock& their_clock,
                        const Clock& known, const Transfers& transfers, Object mine,
                        const Requested& requested) {
  if (KV_PLANTED(kPagedMarkerIgnored) && !their_clock.empty() && !markers_of(item.object).empty()) {
    state_.floor = std::max(state_.floor, greatest_hlc(item.object));
    return;
  }
  const Object before = mine;
  for (const Transfer& transfer : transfers)
    if (brings_back(item, transfer, known)) mine.context.join(*transfer.clock);
  join(mine, known, item.object, KV_PLANTED(kJoinForgetsTheirClock) ? Clock{} : their_clock);
  resolve(tx, item.key, mine.versions);
  if (!mine.versions.empty() && !item.object.versions.empty() &&
      mine.versions.front().dot != item.object.versions.front().dot)
    KV_MARK(kDeltaLost);
  strip(mine, state_.clock);
  if (!mine.context.empty()) KV_MARK(kContextOutlivedPage);
  if (mine.versions.size() > 1) KV_MARK(kSiblingsJoined);
  // Announced is also what lost against a version that was here, and what goes without a dot: the sender knew it to be gone.
  Clock fresh = dots_with_versions(item).minus(known);
  for (const storage::RequestRecord& own : requested.superfluous)
    take_back(tx.batch, item.key, mine, own, fresh);
  const bool values_differ = !same_values(mine, before);
  const bool announced = values_differ || (!fresh.empty() && !KV_PLANTED(kWatchForgetsLost));
  if (announced && fresh.empty()) KV_MARK(kAnnouncedWithoutDot);
  if (announced && !values_differ) KV_MARK(kAnnouncedUnchanged);
  if (mine != before || announced) save(tx.batch, item.key, std::move(mine), traits_of(before));
  if (announced && !(fresh.empty() && KV_PLANTED(kWatchForgetsGone)))
    tx.batch.announce(storage::object_key(partition_, item.key), fresh);
}

Replica::Traits Replica::traits_of(const Object& object) const {
  Traits traits{has_value(object), !markers_of(object).empty(), !object.context.empty(), {}, {}};
  for (const Version& version : object.versions) {
    const auto at = drop_time(version);
    if (!at.has_value()) continue;
    if (is_stable(version.dot) || KV_PLANTED(kExpiredDroppedUnstable))
      traits.drop_times.push_back(*at);
    else if (state_.cut.contains(version.dot))
      traits.kept.add(version.dot);
  }
  return traits;
}

void Replica::save(storage::WriteBatch& batch, const std::string& key, Object object,
                   const Traits& before) {
  strip(object, state_.clock);
  const Traits now = traits_of(object);
  const auto count = [&](std::uint64_t& counter, bool had, bool has) {
    KV_CHECK(has || !had || counter > 0, "what goes was counted when it came");
    counter += static_cast<std::uint64_t>(has) - static_cast<std::uint64_t>(had);
    changed_ |= has != had;
  };
  if (!KV_PLANTED(kKeysMiscounted) || now.value) count(state_.live_keys, before.value, now.value);
  count(state_.markers, before.marker, now.marker);
  has_contexts_ |= now.context;
  if (now.context && !before.context)
    batch.put(Family::kMeta, storage::context_key(partition_, key), "");
  if (before.context && !now.context)
    batch.erase(Family::kMeta, storage::context_key(partition_, key));
  for (const WallMs at : before.drop_times)
    batch.erase(Family::kMeta, storage::due_key(partition_, at, key));
  for (const WallMs at : now.drop_times) drop_later(batch, key, at);
  for_each_dot(before.kept.minus(now.kept),
               [&](Dot dot) { batch.erase(Family::kLog, storage::log_key(partition_, dot)); });
  std::string at = storage::object_key(partition_, key);
  if (object.empty())
    batch.erase(Family::kObjects, std::move(at));
  else
    batch.put(Family::kObjects, std::move(at), storage::encode_object(object));
}

void Replica::mark_processed(storage::WriteBatch& batch, const std::string& key, const Clock& dots,
                             const Clock& perishable,
                             const std::vector<storage::RequestRecord>& requests) {
  const Clock fresh = dots.minus(state_.clock);
  if (fresh.empty()) return;
  changed_ = true;
  state_.clock.join(fresh);
  if (peers_.empty()) {
    state_.pruned.join(fresh);  // nobody will ever ask for them
    return;
  }
  for_each_dot(fresh, [&](Dot dot) {
    if (KV_PLANTED(kLogOwnOnly) && dot.actor != state_.actor) return;
    storage::LogEntry entry{perishable.contains(dot), key, {}};
    for (const storage::RequestRecord& request : requests)
      if (request.dot == dot) entry.request = request.id.name;
    batch.put(Family::kLog, storage::log_key(partition_, dot), storage::log_value(entry));
  });
}

void Replica::note_peer(NodeIndex peer, const Clock& applied, const Clock& durable) {
  const auto it = peers_.find(peer);
  KV_CHECK(it != peers_.end(), "only replicas of the partition are noted");
  if (!applied.covers(it->second.applied)) KV_MARK(kPeerClockShrank);
  PeerClock& known = it->second;
  known.applied = applied;
  known.durable = durable;
  known.stated = PeerClock::Statement{applied, durable};
  if (!durable.covers(known.settled))  // it has lost its disk
    known.settled = known.settled.intersect(durable);
  if (state_.clock.covers(applied)) unheard_.erase(peer);
  if (!state_.rebuilding || is_catching_up()) return;
  state_.rebuilding = false;
  changed_ = true;
  KV_MARK(kRebuilt);
}

void Replica::note_acknowledged(NodeIndex peer, const Clock& dots, bool durable) {
  const auto it = peers_.find(peer);
  KV_CHECK(it != peers_.end(), "only replicas of the partition are noted");
  it->second.applied.join(dots);
  if (durable) it->second.durable.join(dots);
}

Clock Replica::debt(NodeIndex peer) const {
  const auto it = peers_.find(peer);
  return it == peers_.end() ? Clock{} : state_.clock.minus(it->second.applied);
}

bool Replica::owes_transfer(NodeIndex peer) const {
  const auto it = peers_.find(peer);
  return it != peers_.end() && !it->second.applied.covers(state_.cut);
}

void Replica::put_record(storage::WriteBatch& batch) const {
  std::string record = storage::encode_replica(state_);
  if (KV_PLANTED(kRecordForgetsSome) && state_.clock.count() % 64 == 63) {
    storage::ReplicaState lacking = state_;
    lacking.clock = lacking.clock.minus(Clock{Dot{lacking.clock.entries().back().actor, 1}});
    record = storage::encode_replica(lacking);
  }
  batch.put(Family::kMeta, storage::replica_key(partition_), std::move(record));
}

bool Replica::is_behind_itself(const Clock& clock) const {
  for (const Clock::Entry& entry : clock.entries())
    if (entry.actor == state_.actor)
      return entry.runs.back().last > state_.clock.base(state_.actor);
  return false;
}

void Replica::renew_actor(Rng& rng) {
  state_.actor = fresh_actor(rng);
  changed_ = true;
  for (const auto& [peer, clock] : peers_) unheard_.insert(peer);
}

}  // namespace kv
