#include "jepsen-style-tests/simulation/conflicts/conflict_model.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "node/storage/keys.h"

namespace kv::sim {

void ConflictModel::issued(const Delta& delta) {
  const auto [before, is_new] = key_of_.try_emplace(delta.version.dot, delta.key);
  if (!is_new) writes_[before->second].erase(delta.version.dot);
  before->second = delta.key;
  writes_[delta.key].insert_or_assign(delta.version.dot, Write{delta.version, delta.context});
}

std::string ConflictModel::noted(std::size_t node, const storage::Conflict& conflict) {
  notes_[node][conflict.key].insert_or_assign(conflict.lost.dot, conflict);
  if (!storage::policy_of(conflict.key).is_ordered()) return "";
  const std::map<Dot, Write>& writes = writes_[conflict.key];
  const auto lost = writes.find(conflict.lost.dot);
  const auto winner = writes.find(conflict.winner);
  const std::string name = to_string(conflict.lost.dot);
  Version kept = lost == writes.end() ? Version{} : lost->second.version;
  if (conflict.left_out > 0) kept = {kept.dot, kept.hlc, std::nullopt, {}};
  if (winner == writes.end() || kept != conflict.lost)
    return absl::StrCat(name, " is noted as nobody wrote it");
  if (!is_earlier(lost->second.version, winner->second.version))
    return absl::StrCat(name, " is noted, and is the later one");
  if (winner->second.context.contains(conflict.lost.dot))
    return absl::StrCat(name, " is noted as lost, and ", to_string(conflict.winner),
                        " had seen it");
  return "";
}

void ConflictModel::dropped(std::size_t node, Dot lost) {
  const auto key = key_of_.find(lost);
  if (key != key_of_.end()) notes_[node][key->second].erase(lost);
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
  for (const Arrived& arrived : arrived_[node]) {
    if (arrived.at != now || !is_processed(arrived.delta)) continue;
    const Version& version = arrived.delta.version;
    for (const auto& [dot, conflict] : notes_[node][arrived.delta.key]) {
      if (dot == version.dot || !arrived.delta.context.contains(dot)) continue;
      if (std::tie(version.hlc, version.dot) > std::tie(conflict.winner_hlc, conflict.winner))
        continue;
      absl::StrAppend(&wrong, to_string(dot), " is still noted as lost, and ",
                      to_string(version.dot), ", which has arrived, had seen it; ");
    }
  }
  arrived_[node].clear();
  return wrong;
}

std::string ConflictModel::unnoted(const std::string& key, const std::function<bool(Dot)>& is_held,
                                   const std::function<bool(Dot)>& is_processed) const {
  const auto writes = writes_.find(key);
  if (writes == writes_.end()) return "";
  for (const auto& [dot, write] : writes->second) {
    const bool perishes = !write.version.value.has_value() || write.version.expires.ms > 0;
    if (perishes || is_held(dot) || !is_processed(dot)) continue;
    const bool was_seen =
        std::any_of(writes->second.begin(), writes->second.end(), [&, d = dot](const auto& other) {
          return other.first != d && other.second.context.contains(d);
        });
    const bool is_there_twice =  // a request that came again: nothing is lost
        std::any_of(writes->second.begin(), writes->second.end(),
                    [&, d = dot, value = write.version.value](const auto& other) {
                      return other.first != d && other.second.version.value == value;
                    });
    const bool is_noted = std::any_of(notes_.begin(), notes_.end(), [&, d = dot](const auto& node) {
      const auto noted = node.second.find(key);
      return noted != node.second.end() && noted->second.contains(d);
    });
    if (!was_seen && !is_there_twice && !is_noted)
      return absl::StrCat(to_string(dot), " was lost unseen, and nobody has noted it");
  }
  return "";
}

}  // namespace kv::sim
