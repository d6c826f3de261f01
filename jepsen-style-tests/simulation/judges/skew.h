// Which nodes could know that their wall clocks are off, and which might wrongly believe it: what the skew guard
// (node/membership/skew_guard.h) is held against.
//
// A peer's clock is known to a shard as long as what it heard of it last is still true. A shard could know that its own clock is
// off while more than half of the clocks that it hears, its own included, are known and further away than the limit, on one side;
// and also later, when it hears too few to tell, as long as its own clock has not been touched.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "node/core/testing/cluster.h"

namespace kv::sim {

class SkewModel {
 public:
  SkewModel(const Cluster& cluster, std::int64_t limit_ms);

  void note_walls();  // before and after every change of a wall clock
  void on_event(std::size_t node, std::size_t shard, const Event& event);

  // Why the shard that took the last event should not have written to an ordered bucket; "" if there is no reason.
  std::string why_not_to_write() const;

  // Whether the node might, with the worst luck, have heard of a majority that is further away than the limit. Once it might,
  // it always may.
  bool may_be_off(std::size_t node);
  bool might_have_been_off(std::size_t node) const { return might_[node]; }  // by then

 private:
  struct Ears {  // of a shard
    std::uint64_t incarnation = 0;
    std::map<std::size_t, WallBounds> heard;
    bool condemned = false;
    std::int64_t condemned_at_ms = 0;  // ahead_ms(), then
  };
  struct Range {
    std::int64_t least_ms = 0;
    std::int64_t greatest_ms = 0;
  };

  std::int64_t ahead_ms(std::size_t node) const;  // its wall clock minus true time
  bool could_know(std::size_t node, const Ears& ears) const;
  void judge(std::size_t node, Ears& ears);

  const Cluster& cluster_;
  const std::int64_t limit_us_;
  std::map<std::pair<std::size_t, std::size_t>, Ears> ears_;  // by node and shard
  std::pair<std::size_t, std::size_t> stepping_;
  std::vector<Range> ever_;  // ahead_ms, by node
  std::vector<bool> might_;  // be off, by node
};

}  // namespace kv::sim
