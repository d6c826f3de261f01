#include "node/replication/outbound.h"

#include "node/base/check.h"
#include "node/base/simulation.h"

namespace kv {

void Outbound::clear() {
  sent_.clear();
  bytes_ = 0;
  paused_ = false;
}

void Outbound::connect() {
  clear();
  up_ = true;
}

void Outbound::disconnect() {
  clear();
  up_ = false;
}

bool Outbound::admit(Partition partition, Dot dot, std::size_t bytes, Instant now) {
  if (!up_ || paused_) return false;
  if (!sent_.empty() && bytes_ + bytes > max_bytes_ && !KV_PLANTED(kWindowUnbounded)) {
    paused_ = true;
    return false;
  }
  sent_.push_back({partition, dot, bytes, now});
  bytes_ += bytes;
  return true;
}

bool Outbound::acknowledge(Partition partition, const Clock& dots) {
  // Acknowledgements come in the order of sending but for what another partition's or an earlier message delayed, so the
  // search ends soon after the front.
  std::uint64_t left = dots.count();
  for (auto it = sent_.begin(); it != sent_.end() && left > 0; ++it) {
    if (it->acknowledged || it->partition != partition || !dots.contains(it->dot)) continue;
    it->acknowledged = true;
    --left;
  }
  while (!sent_.empty() && sent_.front().acknowledged) {
    KV_CHECK(bytes_ >= sent_.front().bytes, "what is acknowledged was counted");
    bytes_ -= sent_.front().bytes;
    sent_.pop_front();
  }
  if (!paused_ || !sent_.empty()) return false;
  paused_ = false;
  return true;
}

bool Outbound::give_up_overdue(Instant now) {
  if (next_overdue() > now) return false;
  clear();
  return true;
}

}  // namespace kv
