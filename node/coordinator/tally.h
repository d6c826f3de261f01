// Quorum arithmetic, apart from timers and messages.
#pragma once

#include <cstddef>
#include <set>

#include "node/base/types.h"

namespace kv {

// Which replicas have answered, and whether that is enough. A replica counts once however often it answers.
class Tally {
 public:
  explicit Tally(std::size_t needed) : needed_(needed) {}

  void add(NodeIndex replica);
  bool has(NodeIndex replica) const { return answered_.contains(replica); }
  bool complete() const { return count() >= needed_; }
  std::size_t count() const { return answered_.size(); }
  std::size_t needed() const { return needed_; }

 private:
  std::size_t needed_;
  std::set<NodeIndex> answered_;
};

}  // namespace kv
