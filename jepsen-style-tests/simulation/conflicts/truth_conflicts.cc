// What Truth knows of the journal of conflicts.
#include "absl/strings/str_cat.h"
#include "jepsen-style-tests/simulation/truth.h"
#include "node/base/check.h"
#include "node/base/limits.h"
#include "node/storage/keys.h"

namespace kv::sim {

void Truth::note_delta(std::size_t node, const Event& event) {
  const auto* from_peer = std::get_if<FromPeer>(&event);
  if (from_peer == nullptr || cluster_ == nullptr) return;
  const auto* delta = std::get_if<Delta>(&from_peer->message.body);
  if (delta == nullptr) return;
  if (!mirror(node, from_peer->message.partition).clock.contains(delta->version.dot))
    conflicts_.delta_arrives(node, cluster_->now(), *delta);
}

void Truth::check_taken_back(std::size_t node) {
  if (cluster_ == nullptr) return;
  const std::string wrong = conflicts_.committed(node, cluster_->now(), [&](const Delta& delta) {
    return mirror(node, partition_of(delta.key)).clock.contains(delta.version.dot);
  });
  if (!wrong.empty()) violate(Check::kConflictsNoted, absl::StrCat("n", node + 1, ": ", wrong));
}

void Truth::take_conflict(std::size_t node, std::string_view key,
                          const std::optional<std::string>& bytes) {
  if (!bytes.has_value()) return conflicts_.dropped(node, storage::noted_at(key).lost);
  const auto conflict = storage::decode_conflict(*bytes);
  KV_CHECK(conflict.ok(), "what a core writes can be read");
  const std::string wrong = conflicts_.noted(node, *conflict);
  if (!wrong.empty())
    violate(Check::kConflictsNoted,
            absl::StrCat("n", node + 1, ": ", std::string(storage::user_key_of(conflict->key)),
                         ": ", wrong));
}

// Whoever loses what was not synced may have told others of an outcome that it alone had noted; and what is old is dropped.
void Truth::check_conflicts() {
  note_walls();
  if (lost_something_ || lost_a_disk_) return;
  if (greatest_wall_ms() - least_wall_ms_ >= kMaxConflictAgeMs) return;
  std::map<Partition, std::map<std::string, std::vector<Version>>> held;
  for (const std::string& key : sorted_keys(writes_by_time_)) {
    if (!storage::policy_of(key).is_ordered()) continue;
    const Partition partition = partition_of(key);
    const std::size_t first = cluster_->ring().replicas(partition).front().value;
    if (!held.contains(partition)) held[partition] = cluster_->objects(first, partition);
    const auto& objects = held[partition];
    const auto left = objects.find(key);
    const std::string wrong = conflicts_.unnoted(
        key, [&](Dot dot) { return left != objects.end() && left->second.front().dot == dot; },
        [&](Dot dot) { return mirror(first, partition).clock.contains(dot); });
    if (!wrong.empty())
      violate(Check::kConflictsNoted,
              absl::StrCat(std::string(storage::user_key_of(key)), ": ", wrong));
  }
}

}  // namespace kv::sim
