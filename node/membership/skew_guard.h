// Whether this node's wall clock is fit to order writes: it is not while it is off from the majority of the nodes that this one
// hears, itself included, by more than a limit (2-protocol, section 9).
//
// How: each peer's clock is known within bounds (peer_wall.h). This node is *outvoted* when more than half of the clocks are
// beyond the limit for certain, all on the same side: then the median is. What is not certain condemns nobody.
// Once outvoted, a node stays so until a majority says otherwise or its own clock comes to the time that condemned it; so
// neither a lost connection nor a slow one gives a wrong clock leave to go on, and setting the clock is enough, at once.
//
// Two nodes have no majority: each could be the one that is wrong, and refusing both would cost every write and cure nothing.
// So neither is refused; both show the difference. A node alone is never off. A node that hears fewer than two others, and was
// not outvoted before, goes on.
//
// Pure. Not thread-safe: one shard owns it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "node/base/flat_map.h"
#include "node/base/types.h"
#include "node/membership/peer_wall.h"

namespace kv {

class SkewGuard {
 public:
  explicit SkewGuard(std::int64_t limit_ms) : limit_us_(limit_ms * 1000) {}

  void hear(NodeIndex peer, const WallBounds& wall, Now now);
  void lose(NodeIndex peer, Now now);  // it is not heard any more

  // Whether this node's clock is too far off to order writes.
  bool is_off(Now now) const;

  // Whether, as far as can be told from here, a peer's is. False for one that is not heard.
  bool seems_off(NodeIndex peer, Now now) const;

  // This node's wall clock minus the median of those that it hears and its own; while it hears nobody, minus the time of the
  // majority that condemned it, or 0.
  std::int64_t skew_ms(Now now) const;

  std::int64_t limit_ms() const { return limit_us_ / 1000; }

 private:
  bool hears_enough() const { return heard_.size() >= 2; }
  // By those that are heard but `peer`, if it is one of them, and by `another`.
  bool is_outvoted(const WallBounds& wall, const NodeIndex* peer, const WallBounds* another) const;
  bool is_cleared(Now now) const;
  bool has_come_back(const WallBounds& own) const;  // precondition: condemned
  void settle(Now now);

  std::int64_t limit_us_;
  FlatMap<NodeIndex, WallBounds> heard_;
  // The time of the majority that outvoted this node last, as WallBounds has it; empty while nothing is held against it.
  std::optional<std::int64_t> condemned_by_us_;
};

// A clock minus the median of it and of others, given each of theirs minus it, in any unit. Of an even number the median is the
// middle value nearest to it: it is only off if a majority says so.
std::int64_t own_skew(std::vector<std::int64_t> offsets);

}  // namespace kv
