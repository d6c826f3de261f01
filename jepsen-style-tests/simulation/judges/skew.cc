#include "jepsen-style-tests/simulation/judges/skew.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace kv::sim {

SkewModel::SkewModel(const Cluster& cluster, std::int64_t limit_ms)
    : cluster_(cluster), limit_us_(limit_ms * 1000), ever_(cluster.size()), might_(cluster.size()) {
  for (std::size_t node = 0; node < ever_.size(); ++node)
    ever_[node] = {ahead_ms(node), ahead_ms(node)};
}

std::int64_t SkewModel::ahead_ms(std::size_t node) const {
  return cluster_.wall(node).ms - cluster_.now().us / 1000;
}

void SkewModel::note_walls() {
  for (std::size_t node = 0; node < ever_.size(); ++node) {
    ever_[node].least_ms = std::min(ever_[node].least_ms, ahead_ms(node));
    ever_[node].greatest_ms = std::max(ever_[node].greatest_ms, ahead_ms(node));
  }
}

bool SkewModel::may_be_off(std::size_t node) {
  note_walls();
  std::size_t ahead = 0;
  std::size_t behind = 0;
  for (std::size_t other = 0; other < ever_.size(); ++other) {
    if (other == node) continue;
    ahead += (ever_[other].greatest_ms - ever_[node].least_ms) * 1000 > limit_us_ ? 1U : 0U;
    behind += (ever_[node].greatest_ms - ever_[other].least_ms) * 1000 > limit_us_ ? 1U : 0U;
  }
  return might_[node] = std::max(ahead, behind) >= 2;
}

bool SkewModel::could_know(std::size_t node, const Ears& ears) const {
  const std::int64_t own_low_us = cluster_.wall(node).ms * 1000 - cluster_.now().us;
  const std::int64_t own_high_us = own_low_us + 999;
  std::size_t ahead = 0;
  std::size_t behind = 0;
  for (const auto& [peer, wall] : ears.heard) {
    const std::int64_t low_us = cluster_.wall(peer).ms * 1000 - cluster_.now().us;
    const bool known = wall.low_us <= low_us + 999 && low_us <= wall.high_us;
    ahead += known && wall.low_us - own_high_us > limit_us_ ? 1U : 0U;
    behind += known && own_low_us - wall.high_us > limit_us_ ? 1U : 0U;
  }
  return 2 * std::max(ahead, behind) > ears.heard.size() + 1;
}

void SkewModel::judge(std::size_t node, Ears& ears) {
  if (could_know(node, ears)) {
    ears.condemned = true;
    ears.condemned_at_ms = ahead_ms(node);
  } else if (ears.heard.size() >= 2) {
    ears.condemned = false;
  }
}

void SkewModel::on_event(std::size_t node, std::size_t shard, const Event& event) {
  stepping_ = {node, shard};
  if (!std::holds_alternative<WallHeard>(event) && !std::holds_alternative<PeerDown>(event)) return;
  Ears& ears = ears_[stepping_];
  if (ears.incarnation != cluster_.incarnation(node)) {
    ears = Ears{};
    ears.incarnation = cluster_.incarnation(node);
  }
  if (const auto* heard = std::get_if<WallHeard>(&event)) {
    ears.heard.insert_or_assign(heard->peer.value, heard->wall);
    judge(node, ears);
  } else if (const auto* down = std::get_if<PeerDown>(&event)) {
    judge(node, ears);
    ears.heard.erase(down->peer.value);
  }
}

std::string SkewModel::why_not_to_write() const {
  const auto& [node, shard] = stepping_;
  const auto found = ears_.find(stepping_);
  if (found == ears_.end() || found->second.incarnation != cluster_.incarnation(node)) return "";
  const Ears& ears = found->second;
  const std::string name = absl::StrCat("n", node + 1);
  if (could_know(node, ears))
    return absl::StrCat(name, " hears ", ears.heard.size(),
                        " others, and its clock is off from the majority's by more than ",
                        limit_us_ / 1000, " ms");
  const bool untouched = ears.condemned_at_ms == ahead_ms(node);
  if (ears.condemned && untouched && ears.heard.size() < 2)
    return absl::StrCat(name, " knew that its clock is off before it lost its peers");
  return "";
}

}  // namespace kv::sim
