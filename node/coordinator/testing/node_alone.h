// What a coordinator works on, for tests: one node's replica of partition 0 (if it holds one), its disk and its view of the
// others, who exist only as far as the test speaks for them.
// Not thread-safe.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "node/base/check.h"
#include "node/replica/neighbours.h"
#include "node/replica/step.h"
#include "node/storage/keys.h"
#include "node/storage/memory_engine.h"

namespace kv::sim {

class NodeAlone {
 public:
  // A ring of `nodes` nodes and one partition with 3 replicas. This node is the `place`th in the preference list: from 3
  // on it holds no replica.
  explicit NodeAlone(std::size_t nodes = 3, std::size_t place = 0)
      : ring_(make_ring(nodes)),
        neighbours_(ring_, ring_.preference_list(Partition{0})[place], 500) {
    for (const NodeIndex node : ring_.preference_list(Partition{0}))
      neighbours_.up[node.value] = true;
    if (!ring_.is_replica(Partition{0}, neighbours_.self)) return;
    std::vector<NodeIndex> others = ring_.replicas(Partition{0});
    std::erase(others, neighbours_.self);
    replicas_.emplace(Partition{0}, Replica(Partition{0}, {Actor{0xa}, {}, {}, 0}, others));
  }

  // Runs `what`(step), commits, and returns the effects.
  template <typename What>
  Effects step(What what) {
    Effects effects;
    Step step{{now_, wall_now()}, {storage::View(engine_, effects.batch), effects.batch}, effects};
    what(step);
    for (auto& [partition, replica] : replicas_) replica.flush(effects.batch);
    KV_CHECK(engine_.commit(effects.batch).ok(), "a disk without faults");
    return effects;
  }

  void pass_ms(std::int64_t ms) { now_ = after_ms(now_, ms); }
  void pass_us(std::int64_t us) { now_ = after_us(now_, us); }
  Instant in_ms(std::int64_t ms) const { return after_ms(now_, ms); }

  // The `place`th node in the preference list, and its id.
  NodeIndex node(std::size_t place) const { return ring_.preference_list(Partition{0})[place]; }
  std::string id(std::size_t place) const { return ring_.node_id(node(place)); }
  void set_up(std::size_t place, bool up) { neighbours_.up[node(place).value] = up; }

  // Its wall clock is that far ahead, as those of the nodes at these places tell, whose own agree.
  void hear_ahead(std::int64_t ms, const std::vector<std::size_t>& places) {
    const WallBounds wall{(1'000'000 - ms) * 1000, (1'000'000 - ms) * 1000};
    for (const std::size_t place : places)
      neighbours_.clocks.hear(node(place), wall, {now_, wall_now()});
  }

  Replica& replica() { return replicas_.at(Partition{0}); }
  Replicas& replicas() { return replicas_; }
  const Neighbours& neighbours() const { return neighbours_; }
  HlcClock& hlc() { return hlc_; }
  storage::MemoryEngine& engine() { return engine_; }

  void damage(const std::string& key) {
    storage::WriteBatch batch;
    batch.put(storage::Family::kObjects, storage::object_key(Partition{0}, key), "rubbish");
    KV_CHECK(engine_.commit(batch).ok(), "a disk without faults");
  }

 private:
  WallMs wall_now() const { return WallMs{1'000'000 + now_.us / 1000}; }

  static Ring make_ring(std::size_t nodes) {
    std::vector<RingNode> named;
    for (std::size_t i = 1; i <= nodes; ++i) named.push_back({"n" + std::to_string(i), ""});
    return Ring::make(std::move(named), 1, 3).value();
  }

  Ring ring_;
  Neighbours neighbours_;
  Replicas replicas_;
  HlcClock hlc_{500};
  storage::MemoryEngine engine_;
  Instant now_;
};

// The only message in `effects`, which is a T to `to`.
template <typename T>
T only_message(const Effects& effects, NodeIndex to) {
  KV_CHECK(effects.messages.size() == 1 && effects.messages[0].to == to,
           "one message, to the node that was named");
  return std::get<T>(effects.messages[0].message.body);
}

}  // namespace kv::sim
