#include "node/replica/conflicts.h"

#include <algorithm>
#include <tuple>

#include "node/base/check.h"
#include "node/base/limits.h"
#include "node/base/simulation.h"
#include "node/storage/keys.h"

namespace kv {

using storage::Family;

absl::Status Conflicts::ready(const storage::View& view) {
  if (is_ready_) return absl::OkStatus();
  const std::string prefix = storage::conflict_prefix(partition_);
  std::vector<std::pair<storage::NotedAt, std::size_t>> found;
  const absl::Status status = view.scan(Family::kMeta, prefix, storage::prefix_end(prefix),
                                        [&](std::string_view key, std::string_view record) {
                                          found.emplace_back(storage::noted_at(key), record.size());
                                          return true;
                                        });
  if (!status.ok()) return status;
  for (const auto& [entry, bytes] : found) add(entry.at, entry.lost, bytes);
  is_ready_ = true;
  return absl::OkStatus();
}

void Conflicts::note(Transaction& tx, const std::string& key, const std::vector<Version>& versions,
                     const Version& winner) {
  KV_CHECK(is_ready_, "what is noted has been read before");
  if (KV_PLANTED(kConflictsUnnoted)) return;
  for (const Version& version : versions) {
    if (version.value == winner.value || is_expired(version, tx.wall)) continue;
    if (noted_.contains(version.dot)) continue;
    KV_MARK(kConflictNoted);
    storage::Conflict conflict{key, version, 0, winner.dot, winner.hlc};
    if (version.value.has_value() && version.value->size() > kMaxConflictValueBytes) {
      conflict.left_out = version.value->size();
      conflict.lost = {version.dot, version.hlc, std::nullopt, {}};
    }
    std::string record = storage::encode_conflict(conflict);
    add(tx.wall, version.dot, record.size());
    tx.batch.put(Family::kMeta, storage::conflict_key(partition_, tx.wall, version.dot),
                 std::move(record));
  }
}

absl::Status Conflicts::take_back_seen(Transaction& tx, const Delta& write) {
  if (noted_.empty() || KV_PLANTED(kConflictsKeptSeen)) return absl::OkStatus();
  std::vector<Dot> seen;
  for_each_run(write.context, [&](Actor actor, const Clock::Run& run) {
    for (auto it = noted_.lower_bound({actor, run.first});
         it != noted_.end() && it->first <= Dot{actor, run.last}; ++it)
      if (it->first != write.version.dot) seen.push_back(it->first);
  });
  for (const Dot dot : seen) {
    const auto record =
        tx.view.get(Family::kMeta, storage::conflict_key(partition_, noted_[dot].at, dot));
    if (!record.ok()) return record.status();
    if (!record->has_value()) continue;
    const auto conflict = storage::decode_conflict(**record);
    if (!conflict.ok()) return conflict.status();
    if (conflict->key != write.key || std::tie(write.version.hlc, write.version.dot) >
                                          std::tie(conflict->winner_hlc, conflict->winner))
      continue;
    KV_MARK(kConflictTakenBack);
    erase(tx, dot);
  }
  return absl::OkStatus();
}

void Conflicts::trim(Transaction& tx, std::size_t limit) {
  while (!by_time_.empty() && limit-- > 0 && !KV_PLANTED(kConflictsUntrimmed)) {
    const auto [at, lost] = *by_time_.begin();
    const bool is_old = at.ms + kMaxConflictAgeMs <= tx.wall.ms;
    if (!is_old && noted_.size() <= kMaxConflicts && bytes_ <= kMaxConflictBytes) return;
    KV_MARK(kConflictTrimmed);
    erase(tx, lost);
  }
}

void Conflicts::add(WallMs at, Dot lost, std::size_t bytes) {
  noted_[lost] = {at, bytes};
  by_time_.emplace(at, lost);
  bytes_ += bytes;
}

void Conflicts::erase(Transaction& tx, Dot lost) {
  const Noted noted = noted_.at(lost);
  tx.batch.erase(Family::kMeta, storage::conflict_key(partition_, noted.at, lost));
  noted_.erase(lost);
  by_time_.erase({noted.at, lost});
  bytes_ -= noted.bytes;
}

absl::StatusOr<std::vector<NotedConflict>> read_conflicts(const storage::View& view,
                                                          Partition partition) {
  std::vector<NotedConflict> found;
  absl::Status damaged;
  const std::string prefix = storage::conflict_prefix(partition);
  const absl::Status status =
      view.scan(Family::kMeta, prefix, storage::prefix_end(prefix),
                [&](std::string_view key, std::string_view record) {
                  auto conflict = storage::decode_conflict(record);
                  damaged = conflict.status();
                  if (!damaged.ok()) return false;
                  found.push_back({storage::noted_at(key).at, *std::move(conflict)});
                  return true;
                });
  if (!status.ok()) return status;
  if (!damaged.ok()) return damaged;
  std::reverse(found.begin(), found.end());
  return found;
}

}  // namespace kv
