#include "jepsen-style-tests/simulation/conflicts/conflict_model.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "node/storage/keys.h"

namespace kv::sim {

void ConflictModel::issued(const Delta& delta) {
  const Dot dot = delta.version.dot;
  const auto [write, is_new] = writes_.try_emplace(dot);
  if (!is_new) std::erase(writes_of_[write->second.key], dot);
  write->second = {delta.key, delta.version, delta.context};
  writes_of_[delta.key].push_back(dot);
}

const ConflictModel::Write* ConflictModel::find(const std::string& key, Dot dot) const {
  const auto write = writes_.find(dot);
  return write == writes_.end() || write->second.key != key ? nullptr : &write->second;
}

std::string ConflictModel::noted(std::size_t node, const storage::Conflict& conflict) {
  notes_[node][conflict.key].insert_or_assign(conflict.lost.dot, conflict);
  if (!storage::policy_of(conflict.key).is_ordered()) return "";
  const Write* lost = find(conflict.key, conflict.lost.dot);
  const Write* winner = find(conflict.key, conflict.winner);
  const std::string name = to_string(conflict.lost.dot);
  Version kept = lost == nullptr ? Version{} : lost->version;
  if (conflict.left_out > 0) kept = {kept.dot, kept.hlc, std::nullopt, {}};
  if (winner == nullptr || kept != conflict.lost)
    return absl::StrCat(name, " is noted as nobody wrote it");
  if (!is_earlier(lost->version, winner->version))
    return absl::StrCat(name, " is noted, and is the later one");
  if (winner->context.contains(conflict.lost.dot))
    return absl::StrCat(name, " is noted as lost, and ", to_string(conflict.winner),
                        " had seen it");
  return "";
}

void ConflictModel::dropped(std::size_t node, Dot lost) {
  const auto write = writes_.find(lost);
  if (write != writes_.end()) notes_[node][write->second.key].erase(lost);
}

void ConflictModel::disk_changed(std::size_t node, const std::vector<storage::Conflict>& left) {
  notes_[node].clear();
  arrived_[node].clear();
  for (const storage::Conflict& conflict : left)
    notes_[node][conflict.key].insert_or_assign(conflict.lost.dot, conflict);
}

void ConflictModel::delta_arrives(std::size_t node, Instant now, const Delta& delta) {
  arrived_[node].push_back({now, delta});
}

std::string ConflictModel::committed(std::size_t node, Instant now,
                                     const std::function<bool(const Delta&)>& is_processed) {
  std::string wrong;
  std::vector<Arrived>& all = arrived_[node];
  for (const Arrived& arrived : all) {
    const auto noted = notes_[node].find(arrived.delta.key);
    if (noted == notes_[node].end() || noted->second.empty()) continue;
    if (arrived.at != now || !is_processed(arrived.delta)) continue;
    const Version& version = arrived.delta.version;
    for (const auto& [dot, conflict] : noted->second) {
      if (dot == version.dot || !arrived.delta.context.contains(dot)) continue;
      if (std::tie(version.hlc, version.dot) > std::tie(conflict.winner_hlc, conflict.winner))
        continue;
      absl::StrAppend(&wrong, to_string(dot), " is still noted as lost, and ",
                      to_string(version.dot), ", which has arrived, had seen it; ");
    }
  }
  all.clear();
  return wrong;
}

std::string ConflictModel::unnoted(const std::string& key, const std::function<bool(Dot)>& is_held,
                                   const std::function<bool(Dot)>& is_processed) const {
  const auto dots = writes_of_.find(key);
  if (dots == writes_of_.end()) return "";
  for (const Dot dot : dots->second) {
    const Write& write = writes_.at(dot);
    const bool perishes = !write.version.value.has_value() || write.version.expires.ms > 0;
    if (perishes || is_held(dot) || !is_processed(dot)) continue;
    const auto any_other = [&](const auto& holds) {
      return std::any_of(dots->second.begin(), dots->second.end(),
                         [&](Dot other) { return other != dot && holds(writes_.at(other)); });
    };
    const bool was_seen = any_other([&](const Write& by) { return by.context.contains(dot); });
    // A request that came again: nothing is lost.
    const bool is_there_twice =
        any_other([&](const Write& again) { return again.version.value == write.version.value; });
    const bool is_noted = std::any_of(notes_.begin(), notes_.end(), [&](const auto& node) {
      const auto noted = node.second.find(key);
      return noted != node.second.end() && noted->second.contains(dot);
    });
    if (!was_seen && !is_there_twice && !is_noted)
      return absl::StrCat(to_string(dot), " was lost unseen, and nobody has noted it");
  }
  return "";
}

}  // namespace kv::sim
