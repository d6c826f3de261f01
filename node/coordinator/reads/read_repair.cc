#include "node/coordinator/reads/read_repair.h"

#include <algorithm>

#include "node/base/simulation.h"

namespace kv {
namespace {

bool holds(const Object& object, Dot dot) {
  return std::any_of(object.versions.begin(), object.versions.end(),
                     [&](const Version& version) { return version.dot == dot; });
}

// What those that hold the version know.
Clock known_with(const Version& version, const std::vector<ReplicaObject>& answers) {
  Clock known;
  for (const ReplicaObject& answer : answers) {
    if (!holds(*answer.object, version.dot)) continue;
    known.join(*answer.clock);
    known.join(answer.object->context);
  }
  return known;
}

}  // namespace

void ReadRepair::repair(Step& step, Partition partition, const std::string& key,
                        const Policy& policy, const std::vector<NodeIndex>& nodes,
                        const std::vector<ReplicaObject>& answers, const Joined& joined) {
  if (!policy.is_ordered()) {
    if (joined.agreed) return;
    for (const NodeIndex node : nodes)
      if (node != self_) exchanges_.emplace_back(partition, node);
    return;
  }
  if (joined.object.versions.empty()) return;  // of a marker that is gone nothing is left to send
  const Object& first = *answers.front().object;
  const Version& winner = KV_PLANTED(kRepairOfOne) && !first.versions.empty()
                              ? first.versions.front()
                              : joined.object.versions.front();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].clock->contains(winner.dot)) continue;
    const std::size_t bytes = key.size() + (winner.value ? winner.value->size() : 0) + 64;
    if (!afford(bytes, step.now.mono)) {
      KV_MARK(kRepairSkipped);
      ++skipped_;
      continue;
    }
    KV_MARK(kReadRepaired);
    ++sent_;
    Repair repair{key, winner, known_with(winner, answers)};
    if (nodes[i] == self_)
      here_.emplace_back(partition, std::move(repair));
    else
      step.effects.send(nodes[i], partition, std::move(repair));
  }
}

// What is larger than the budget goes as well, and uses up later seconds.
bool ReadRepair::afford(std::size_t bytes, Instant now) {
  const std::int64_t passed_us = std::min<std::int64_t>(elapsed_us(filled_at_, now), 60'000'000);
  const std::int64_t earned = passed_us * bytes_per_s_ / 1'000'000;
  if (earned > 0) {
    left_bytes_ = std::min(bytes_per_s_, left_bytes_ + earned);
    filled_at_ = now;
  }
  if (left_bytes_ <= 0 && !KV_PLANTED(kRepairsUnbounded)) return false;
  left_bytes_ -= static_cast<std::int64_t>(bytes);
  return true;
}

}  // namespace kv
