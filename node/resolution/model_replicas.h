// Replicas of one partition reduced to what 2-protocol, sections 2 and 3, says of objects and
// clocks: for the tests of this folder, which need states that replicas really reach, and know from
// the outside what must come of them.
#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "node/base/hlc.h"
#include "node/resolution/object.h"
#include "node/resolution/policy.h"

namespace kv {

// One key as one replica holds it, with the replica clock of the same moment.
struct ObjectState {
  Object object;
  Clock clock;

  Clock filled() const {
    Clock context = object.context;
    context.join(clock);
    return context;
  }
};

// Both know the same dots and hold the same versions; how much of the context is stripped makes no
// difference.
inline bool same(const ObjectState& a, const ObjectState& b) {
  return a.object.versions == b.object.versions && a.filled() == b.filled() && a.clock == b.clock;
}

// The whole of `theirs` becomes known to `mine`, as anti-entropy does it.
inline ObjectState joined(ObjectState mine, const ObjectState& theirs,
                          const Policy* policy = nullptr) {
  join(mine.object, mine.clock, theirs.object, theirs.clock);
  if (policy != nullptr) policy->resolve(mine.object.versions);
  mine.clock.join(theirs.clock);
  strip(mine.object, mine.clock);
  return mine;
}

struct ModelDelta {
  std::string key;
  Version version;
  Clock context;
};

struct ModelToken {
  Clock context;
  Hlc hlc;
};

class ModelReplica {
 public:
  using PolicyOf = std::function<const Policy*(const std::string& key)>;

  // Without a policy, versions stay siblings and a write without a token supersedes nothing.
  ModelReplica(std::uint64_t actor, const Policy* policy)
      : ModelReplica(actor, [policy](const std::string&) { return policy; }) {}
  ModelReplica(std::uint64_t actor, PolicyOf policy_of)
      : actor_{actor}, policy_of_(std::move(policy_of)) {}

  // None: the policy refused.
  std::optional<ModelDelta> try_write(const std::string& key, std::optional<std::string> value,
                                      const std::optional<ModelToken>& token, WallMs wall) {
    Object& object = objects_[key];
    const Dot dot{actor_, clock_.base(actor_) + 1};
    Change change{std::move(value), token ? token->context : Clock{}};
    if (const Policy* policy = policy_of_(key); policy != nullptr) {
      auto admitted =
          policy->admit(object, actor_, std::move(change.value), token ? &token->context : nullptr);
      if (!admitted.ok()) return std::nullopt;
      change = *std::move(admitted);
    }
    const Hlc seen = std::max(greatest_hlc(object), token ? token->hlc : Hlc{});
    ModelDelta delta{key, {dot, hlc_.tick(wall, seen), std::move(change.value)}, change.context};
    delta.context.add(dot);
    discard(object, delta.context);
    if (leaves_version(delta)) object.versions.push_back(delta.version);
    std::sort(object.versions.begin(), object.versions.end(),
              [](const Version& a, const Version& b) { return a.dot < b.dot; });
    resolve(key, object);
    clock_.add(dot);
    strip(object, clock_);
    return delta;
  }
  ModelDelta write(const std::string& key, std::optional<std::string> value,
                   const std::optional<ModelToken>& token, WallMs wall) {
    return try_write(key, std::move(value), token, wall).value();
  }

  void apply(const ModelDelta& delta) {
    Object& object = objects_[delta.key];
    Object theirs{{}, delta.context};
    if (leaves_version(delta)) theirs.versions.push_back(delta.version);
    join(object, clock_, theirs, Clock{});
    resolve(delta.key, object);
    clock_.add(delta.version.dot);
    strip(object, clock_);
  }

  // One page of anti-entropy: what the other has under one key, and `dots`, those of its writes to that key that are missing
  // here. The other's clock says what is gone, but only those dots enter this one: the object may keep a context.
  void page_from(const ModelReplica& other, const std::string& key, const Clock& dots) {
    Object& object = objects_[key];
    const Object theirs = other.state(key).object;
    join(object, clock_, theirs, other.clock_);
    resolve(key, object);
    clock_.join(dots);
    clock_.join(dots_of(theirs));
    for (auto& [name, each] : objects_) strip(each, clock_);
  }

  void sync_from(const ModelReplica& other) {
    for (const auto& [key, object] : other.objects_) objects_[key];
    for (auto& [key, object] : objects_)
      object = joined(state(key), other.state(key), policy_of_(key)).object;
    clock_.join(other.clock_);
    for (auto& [key, object] : objects_) strip(object, clock_);
  }

  ObjectState state(const std::string& key) const {
    const auto it = objects_.find(key);
    return {it == objects_.end() ? Object{} : it->second, clock_};
  }

  ModelToken read(const std::string& key) const {
    return {state(key).filled(), greatest_hlc(state(key).object)};
  }

  const Clock& clock() const { return clock_; }

 private:
  bool leaves_version(const ModelDelta& delta) const {
    const Policy* policy = policy_of_(delta.key);
    return delta.version.value.has_value() || policy == nullptr || policy->is_ordered();
  }
  void resolve(const std::string& key, Object& object) const {
    if (const Policy* policy = policy_of_(key); policy != nullptr) policy->resolve(object.versions);
  }

  Actor actor_;
  PolicyOf policy_of_;
  Clock clock_;
  HlcClock hlc_{500};
  std::map<std::string, Object> objects_;
};

// What is left of a key's writes is what no write supersedes; of an ordered policy, the greatest of it.
inline std::vector<Version> survivors(const Policy& policy, const std::vector<ModelDelta>& deltas,
                                      const std::string& key) {
  std::vector<Version> left;
  for (const ModelDelta& delta : deltas) {
    if (delta.key != key || (!delta.version.value.has_value() && !policy.is_ordered())) continue;
    bool superseded = false;
    for (const ModelDelta& other : deltas)
      superseded |= other.key == key && other.version.dot != delta.version.dot &&
                    other.context.contains(delta.version.dot);
    if (!superseded) left.push_back(delta.version);
  }
  std::sort(left.begin(), left.end(),
            [](const Version& a, const Version& b) { return a.dot < b.dot; });
  policy.resolve(left);
  return left;
}

// A random history of three replicas and two keys: writes with old and new tokens and with none,
// deltas that are lost, late, repeated and out of order, replicas that catch up from each other.
class ModelCluster {
 public:
  explicit ModelCluster(const Policy* policy) {
    for (std::uint64_t actor = 1; actor <= 3; ++actor) replicas.emplace_back(actor, policy);
  }

  void run_random_history() {
    const auto choices = *rc::gen::container<std::vector<std::vector<std::uint8_t>>>(
        rc::gen::container<std::vector<std::uint8_t>>(5, rc::gen::arbitrary<std::uint8_t>()));
    for (const auto& c : choices) step(c[0] % 8, c[1], c[2], c[3], c[4]);
  }

  // Everyone learns everything.
  void converge() {
    for (int round = 0; round < 2; ++round)
      for (ModelReplica& to : replicas)
        for (const ModelReplica& from : replicas) to.sync_from(from);
  }

  std::vector<ModelReplica> replicas;
  std::vector<ModelDelta> deltas;  // every write of the history
  std::vector<std::pair<std::string, ModelToken>> tokens;

 private:
  ModelReplica& replica(std::uint8_t choice) { return replicas[choice % replicas.size()]; }

  void step(int kind, std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    const std::string key = b % 4 == 0 ? "other" : "key";
    switch (kind) {
      case 0:
      case 1:
      case 2:
        write(replica(a), key, c, d);
        break;
      case 3:
      case 4:
        if (!deltas.empty()) replica(a).apply(deltas[b % deltas.size()]);
        break;
      case 5:
        replica(a).sync_from(replica(b));
        break;
      default:
        tokens.emplace_back(key, replica(a).read(key));
    }
  }

  // Few wall times, so that equal HLCs occur.
  void write(ModelReplica& at, const std::string& key, std::uint8_t choice, std::uint8_t wall) {
    std::optional<ModelToken> token;
    if (choice % 3 != 0 && !tokens.empty()) {
      const auto& [of, candidate] = tokens[choice % tokens.size()];
      if (of == key) token = candidate;
    }
    std::optional<std::string> value;
    if (choice % 5 != 0) value = std::to_string(deltas.size());
    auto delta = at.try_write(key, std::move(value), token, WallMs{1000 + wall % 3});
    if (delta.has_value()) deltas.push_back(*std::move(delta));
  }
};

}  // namespace kv
