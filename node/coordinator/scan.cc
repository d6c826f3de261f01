#include "node/coordinator/scan.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include "node/base/check.h"
#include "node/coordinator/join_answers.h"
#include "node/storage/keys.h"

namespace kv {
namespace {

bool has_value(const ReadItem& item) {
  return std::any_of(item.versions.begin(), item.versions.end(),
                     [](const Version& v) { return v.value.has_value(); });
}

std::size_t bytes_of(const ReadItem& item) {
  std::size_t bytes = item.key.size();
  for (const Version& version : item.versions) bytes += version.value ? version.value->size() : 0;
  return bytes;
}

}  // namespace

void join_scan(const std::vector<ScanAnswer>& answers, WallMs now, ClientReadReply& reply) {
  std::optional<std::string_view> horizon;
  std::map<std::string_view, std::vector<const Object*>> objects;  // by key; one slot per answer
  for (std::size_t i = 0; i < answers.size(); ++i) {
    for (const Item& item : *answers[i].items) {
      auto& slots = objects[item.key];
      slots.resize(answers.size());
      slots[i] = &item.object;
    }
    if (!answers[i].more) continue;
    KV_CHECK(!answers[i].items->empty(), "a chunk that was cut holds the key at which it was");
    const std::string_view last = answers[i].items->back().key;
    horizon = horizon.has_value() ? std::min(*horizon, last) : last;
  }
  const Object absent;
  for (const auto& [key, slots] : objects) {
    if (horizon.has_value() && key > *horizon) break;
    std::vector<ReplicaObject> replicas;
    for (std::size_t i = 0; i < answers.size(); ++i)
      replicas.push_back(
          {slots[i] != nullptr ? slots[i] : &absent, answers[i].clock, answers[i].floor});
    const Policy& policy = storage::policy_of(key);
    Joined joined = join_answers(replicas, policy, now);
    reply.agreed &= joined.agreed;
    ReadItem item = to_read_item(std::string(key), std::move(joined), policy, now);
    if (has_value(item)) reply.items.push_back(std::move(item));
  }
  reply.more = horizon.has_value();
  if (reply.more) reply.last = *horizon;
}

ScanPage merge_chunks(std::vector<ClientReadReply> chunks, std::size_t max_items,
                      std::size_t max_bytes) {
  KV_CHECK(max_items > 0, "a page holds something");
  ScanPage page;
  std::vector<ReadItem> all;
  for (ClientReadReply& chunk : chunks) {
    if (chunk.more && (!page.more || chunk.last < page.last)) {
      page.more = true;
      page.last = chunk.last;
    }
    for (ReadItem& item : chunk.items) all.push_back(std::move(item));
  }
  std::sort(all.begin(), all.end(),
            [](const ReadItem& a, const ReadItem& b) { return a.key < b.key; });
  std::size_t bytes = 0;
  for (ReadItem& item : all) {
    if (page.more && item.key > page.last) break;
    const std::size_t size = bytes_of(item);
    if (page.items.size() >= max_items || (!page.items.empty() && bytes + size > max_bytes)) {
      page.more = true;
      page.last = page.items.back().key;
      break;
    }
    bytes += size;
    page.items.push_back(std::move(item));
  }
  return page;
}

std::uint32_t chunk_bytes(std::size_t page_bytes, std::uint32_t partitions) {
  return static_cast<std::uint32_t>(std::max<std::size_t>(page_bytes / partitions * 3 / 2, 1024));
}

ScanRange scan_range(const storage::Bucket& bucket, std::string_view start, std::string_view end,
                     std::string_view prefix) {
  ScanRange range;
  range.from = storage::storage_key(bucket, std::max(start, prefix));
  range.end = storage::prefix_end(storage::storage_key(bucket, prefix));
  if (!end.empty()) range.end = std::min(range.end, storage::storage_key(bucket, end));
  return range;
}

}  // namespace kv
