// Ordered scans. Keys are spread over partitions by hash, so a page in key order is a merge of one chunk per partition.
// Nothing is kept between pages: a page is asked for by where it starts. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "node/messages/request.h"
#include "node/storage/keys.h"

namespace kv {

// One replica's answer to a scan of one partition's stretch of keys.
struct ScanAnswer {
  const std::vector<Item>* items;  // by key, ascending
  bool more;                       // cut by a limit after the last item
  const Clock* clock;
  Hlc floor{};
};

// Joins them key by key into `reply`'s items, more and last. Keys beyond the end of the shortest cut answer are left for
// the next page, since that replica has not told about them. Keys without a value at `now` are left out.
void join_scan(const std::vector<ScanAnswer>& answers, WallMs now, ClientReadReply& reply);

struct ScanPage {
  std::vector<ReadItem> items;  // by key, ascending
  bool more = false;
  std::string last;  // with more: the next page starts after this key
};

// One page from one chunk per partition, at most `max_items` and about `max_bytes` (but at least one item if there is one).
ScanPage merge_chunks(std::vector<ClientReadReply> chunks, std::size_t max_items,
                      std::size_t max_bytes);

// How much to ask of each partition for a page: its share and half as much again, so that the page is nearly filled before
// the first chunk ends.
std::uint32_t chunk_bytes(std::size_t page_bytes, std::uint32_t partitions);

// The range of storage keys that a client's scan means. Its arguments are checked before.
struct ScanRange {
  std::string from;  // inclusive
  std::string end;   // exclusive
};
ScanRange scan_range(const storage::Bucket& bucket, std::string_view start, std::string_view end,
                     std::string_view prefix);

}  // namespace kv
