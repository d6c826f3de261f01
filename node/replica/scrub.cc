// What a replica shows of itself to be compared, and how it takes what the others agree in.
#include <functional>
#include <limits>

#include "node/base/hash.h"
#include "node/replica/replica.h"
#include "node/storage/keys.h"

namespace kv {

namespace {

// Markers and what expires one replica may have dropped and another not yet: that is no difference.
bool is_lasting(const Version& version) { return !drop_time(version).has_value(); }

}  // namespace

absl::StatusOr<LastingRange> Replica::read_lasting(const storage::View& view,
                                                   const std::string& after,
                                                   const std::string& last,
                                                   std::size_t max_bytes) const {
  LastingRange range;
  const absl::Status status =
      read_range(view, storage::next_key(after), last.empty() ? "" : storage::next_key(last),
                 std::numeric_limits<std::size_t>::max(), max_bytes, range.items, range.more);
  if (!status.ok()) return status;
  range.last = range.more ? range.items.back().key : last;
  std::string all;
  for (Item& item : range.items) {
    range.bytes += item.key.size();
    for (const Version& version : item.object.versions)
      range.bytes += version.value.has_value() ? version.value->size() : 0;
    std::erase_if(item.object.versions, std::not_fn(is_lasting));
    if (item.object.versions.empty()) continue;
    const std::string object = storage::encode_object({item.object.versions, {}});
    for (const std::string_view part : {std::string_view(item.key), std::string_view(object)}) {
      const std::uint64_t hash = stable_hash(part);
      all.append(reinterpret_cast<const char*>(&hash), sizeof hash);
    }
  }
  std::erase_if(range.items, [](const Item& item) { return item.object.empty(); });
  range.digest = stable_hash(all);
  return range;
}

absl::Status Replica::mend(Transaction& tx, const std::string& key,
                           const std::vector<Version>& lasting) {
  auto object = read(tx.view, key);
  if (!object.ok()) return object.status();
  const Object before = *object;
  std::erase_if(object->versions, is_lasting);
  object->versions.insert(object->versions.end(), lasting.begin(), lasting.end());
  sort_by_dot(object->versions);
  storage::policy_of(key).resolve(object->versions);
  if (*object == before) return absl::OkStatus();
  Traits traits = traits_of(before);
  traits.value = has_value(*object);  // it was counted when it was written
  save(tx.batch, key, *std::move(object), traits);
  tx.batch.announce(storage::object_key(partition_, key), {});
  return absl::OkStatus();
}

}  // namespace kv
