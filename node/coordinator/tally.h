// Quorum arithmetic, apart from timers and messages.
#pragma once

#include <algorithm>
#include <cstddef>

#include "absl/container/inlined_vector.h"
#include "node/base/types.h"

namespace kv {

// Which replicas have answered, and whether that is enough. A replica counts once however often it answers.
class Tally {
 public:
  explicit Tally(std::size_t needed) : needed_(needed) {}

  void add(NodeIndex replica);
  bool has(NodeIndex replica) const {
    return std::find(answered_.begin(), answered_.end(), replica) != answered_.end();
  }
  bool complete() const { return count() >= needed_; }
  std::size_t count() const { return answered_.size(); }
  std::size_t needed() const { return needed_; }

 private:
  std::size_t needed_;
  absl::InlinedVector<NodeIndex, 8> answered_;
};

}  // namespace kv
