#include "node/replica/replica.h"

#include <algorithm>

#include "node/base/check.h"
#include "node/base/simulation.h"
#include "node/storage/keys.h"

namespace kv {

using storage::Family;

Actor fresh_actor(Rng& rng) {
  Actor actor{rng.next()};
  while (actor.id == 0) actor.id = rng.next();
  return actor;
}

Replica::Replica(Partition partition, storage::ReplicaState state,
                 const std::vector<NodeIndex>& others)
    : partition_(partition), state_(std::move(state)), durable_(state_.clock) {
  KV_CHECK(state_.actor.id != 0, "a replica has an actor");
  for (const NodeIndex other : others) peers_[other];
}

absl::StatusOr<Object> Replica::read(const storage::View& view, std::string_view key) const {
  auto bytes = view.get(Family::kObjects, storage::object_key(partition_, key));
  if (!bytes.ok()) {
    KV_MARK(kDiskReadFailed);
    if (KV_PLANTED(kReadErrorIsAbsence)) return Object{};
    return bytes.status();
  }
  if (!bytes->has_value()) return Object{};
  return storage::decode_object(**bytes);
}

absl::StatusOr<Delta> Replica::write(Transaction& tx, const Policy& policy, HlcClock& hlc,
                                     WallMs wall, const std::string& key,
                                     std::optional<std::string> value,
                                     const std::optional<Token>& token) {
  auto object = read(tx.view, key);
  if (!object.ok()) return object.status();
  const bool had_value = has_value(*object);
  const std::uint64_t counter =
      (KV_PLANTED(kCounterRestarts) ? durable_ : state_.clock).base(state_.actor) + 1;
  const Dot dot{state_.actor, counter};
  KV_CHECK(!state_.clock.contains(dot) || KV_PLANTED(kCounterRestarts),
           "an actor's own dots have no holes, and none is issued twice");

  const Hlc seen =
      std::max(KV_PLANTED(kTimeIgnoresObject) ? Hlc{} : greatest_hlc(*object),
               token.has_value() && !KV_PLANTED(kTimeIgnoresToken) ? token->hlc : Hlc{});
  Delta delta;
  delta.key = key;
  delta.context = token.has_value() ? token->context : policy.implied_context(*object);
  delta.context.add(dot);
  delta.version = {dot, hlc.tick(wall, seen), std::move(value)};

  discard(*object, delta.context);
  if (delta.version.value.has_value() || !KV_PLANTED(kDeleteLeavesNothing))
    object->versions.push_back(delta.version);
  std::sort(object->versions.begin(), object->versions.end(),
            [](const Version& a, const Version& b) { return a.dot < b.dot; });
  policy.resolve(object->versions);
  mark_processed(tx.batch, key, Clock{dot});
  save(tx.batch, key, *std::move(object), had_value);
  return delta;
}

absl::Status Replica::apply(Transaction& tx, const Policy& policy, const Delta& delta) {
  if (state_.clock.contains(delta.version.dot)) {
    KV_MARK(kDeltaRepeated);
    return absl::OkStatus();
  }
  if (KV_PLANTED(kDotWithoutObject) && delta.version.dot.counter % 16 == 0) {
    mark_processed(tx.batch, delta.key, Clock{delta.version.dot});
    return absl::OkStatus();
  }
  Item item{delta.key, {{delta.version}, delta.context}, Clock{delta.version.dot}};
  return apply_item(tx, policy, item, Clock{});
}

absl::Status Replica::apply_item(Transaction& tx, const Policy& policy, const Item& item,
                                 const Clock& their_clock) {
  auto mine = read(tx.view, item.key);
  if (!mine.ok()) return mine.status();
  const bool had_value = has_value(*mine);
  Object before = *mine;
  join(*mine, state_.clock, item.object, their_clock);
  policy.resolve(mine->versions);
  if (!mine->versions.empty() && !item.object.versions.empty() &&
      mine->versions.front().dot != item.object.versions.front().dot)
    KV_MARK(kDeltaLost);
  // A version brings its own dot along, also when it came in answer to another: if it stayed unnamed and its issuer lost it,
  // the clocks of two replicas could be equal and their objects not.
  Clock dots = item.dots;
  if (!KV_PLANTED(kVersionUnnamed)) dots.join(dots_of(item.object));
  mark_processed(tx.batch, item.key, dots);
  strip(*mine, state_.clock);
  if (!mine->context.empty()) KV_MARK(kContextOutlivedPage);
  if (*mine != before) save(tx.batch, item.key, *std::move(mine), had_value);
  return absl::OkStatus();
}

void Replica::save(storage::WriteBatch& batch, const std::string& key, Object object,
                   bool had_value) {
  strip(object, state_.clock);
  const bool has = has_value(object);
  KV_CHECK(has || !had_value || state_.live_keys > 0, "a key that had a value was counted");
  if (!KV_PLANTED(kKeysMiscounted) || has)
    state_.live_keys += static_cast<std::uint64_t>(has) - static_cast<std::uint64_t>(had_value);
  changed_ |= has != had_value;
  std::string at = storage::object_key(partition_, key);
  if (object.empty())
    batch.erase(Family::kObjects, std::move(at));
  else
    batch.put(Family::kObjects, std::move(at), storage::encode_object(object));
}

void Replica::mark_processed(storage::WriteBatch& batch, const std::string& key,
                             const Clock& dots) {
  const Clock fresh = dots.minus(state_.clock);
  if (fresh.empty()) return;
  changed_ = true;
  state_.clock.join(fresh);
  if (peers_.empty()) {
    state_.pruned.join(fresh);  // nobody will ever ask for them
    return;
  }
  for_each_run(fresh, [&](Actor actor, const Clock::Run& run) {
    if (KV_PLANTED(kLogOwnOnly) && actor != state_.actor) return;
    for (std::uint64_t counter = run.first; counter <= run.last; ++counter)
      batch.put(Family::kLog, storage::log_key(partition_, {actor, counter}), key);
  });
}

void Replica::note_peer(NodeIndex peer, const Clock& applied, const Clock& durable) {
  const auto it = peers_.find(peer);
  KV_CHECK(it != peers_.end(), "only replicas of the partition are noted");
  if (!applied.covers(it->second.applied)) KV_MARK(kPeerClockShrank);
  it->second = {applied, durable};
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

bool Replica::flush(storage::WriteBatch& batch) {
  if (!changed_) return false;
  changed_ = false;
  batch.put(Family::kMeta, storage::replica_key(partition_), storage::encode_replica(state_));
  return true;
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
}

}  // namespace kv
