// What is on its way to one peer: a bounded window over deltas pushed and not yet acknowledged.
//
// Intuition: pushing is an optimisation. A delta that is not pushed, or is lost on the way, is named by the dot log and comes
// by anti-entropy. So when the peer cannot keep up, pushing simply pauses until everything under way has been acknowledged;
// nothing is queued. Rejected: a queue per peer with hints on disk, a second mechanism for what the log already does.
// Not thread-safe: one shard owns it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "node/base/time.h"
#include "node/base/types.h"
#include "node/causality/clock.h"

namespace kv {

class Outbound {
 public:
  // `max_bytes`: of deltas from the oldest under way on, those acknowledged out of turn included, so that a lost one does not let
  // what comes after it pile up. `overdue_ms`: after how long without an acknowledgement they count as lost.
  Outbound(std::size_t max_bytes, std::int64_t overdue_ms)
      : max_bytes_(max_bytes), overdue_ms_(overdue_ms) {}

  bool is_up() const { return up_; }
  bool is_paused() const { return paused_; }
  std::size_t bytes() const { return bytes_; }  // of the window, as it is used now

  void connect();     // a new connection: nothing is under way
  void disconnect();  // what was under way may be lost

  // True if a delta of this size may be sent now; it is then under way. False pauses until all before it is acknowledged.
  bool admit(Partition partition, Dot dot, std::size_t bytes, Instant now);

  // The peer has these dots. True if pushing was paused and can go on: the peer lacks what was skipped.
  bool acknowledge(Partition partition, const Clock& dots);

  // True if the oldest delta under way is overdue; then nothing is under way any more, and pushing can go on.
  bool give_up_overdue(Instant now);
  Instant next_overdue() const {
    return sent_.empty() ? kNever : after_ms(sent_.front().at, overdue_ms_);
  }

 private:
  struct Sent {
    Partition partition;
    Dot dot;
    std::size_t bytes;
    Instant at;
    bool acknowledged = false;
  };

  void clear();

  std::size_t max_bytes_;
  std::int64_t overdue_ms_;
  bool up_ = false;
  bool paused_ = false;
  std::size_t bytes_ = 0;
  std::deque<Sent> sent_;  // oldest first; acknowledged ones leave from the front
};

}  // namespace kv
