#include "node/coordinator/scan.h"

#include <map>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "node/storage/keys.h"

namespace kv {
namespace {

constexpr Actor kA{0xa}, kB{0xb};

Item item(const std::string& key, Dot dot, std::optional<std::string> value = "v",
          std::uint64_t hlc = 1) {
  return {key, {{{dot, Hlc{hlc}, std::move(value)}}, {}}, {}};
}

std::string keys_of(const std::vector<ReadItem>& items) {
  std::string keys;
  for (const ReadItem& read : items) keys += read.key + " ";
  return keys;
}

// ---- Joining what the replicas of one partition hold ----------------------------------------------------------------------

// Keys of policy lww, for the sake of brevity without a bucket.
struct Chunk {
  std::vector<Item> items;
  bool more = false;
  Clock clock;
};

ClientReadReply join_chunks(const std::vector<Chunk>& chunks) {
  std::vector<ScanAnswer> answers;
  answers.reserve(chunks.size());
  for (const Chunk& chunk : chunks)
    answers.push_back({&chunk.items, chunk.more, &chunk.clock, Hlc{}});
  ClientReadReply reply;
  join_scan(answers, WallMs{1000}, reply);
  return reply;
}

TEST(JoinScan, KeysThatSomeReplicaHoldsAreJoined) {
  const Clock both{{kA, 1}, {kB, 1}};
  const ClientReadReply reply =
      join_chunks({{{item("la", {kA, 1}), item("lb", {kB, 1})}, false, both},
                   {{item("la", {kA, 1})}, false, Clock{{kA, 1}}}});
  EXPECT_EQ(keys_of(reply.items), "la lb ");
  EXPECT_FALSE(reply.more);
  EXPECT_FALSE(reply.agreed) << "one of them lacks b";
  EXPECT_TRUE(
      join_chunks({{{item("la", {kA, 1})}, false, both}, {{item("la", {kA, 1})}, false, both}})
          .agreed);
}

TEST(JoinScan, WhatAReplicaHasSeenGoIsGone) {
  const ClientReadReply reply =
      join_chunks({{{item("la", {kA, 1}), item("lb", {kB, 1})}, false, Clock{{kA, 1}, {kB, 1}}},
                   {{item("la", {kA, 1})}, false, Clock{{kA, 1}, {kB, 1}}}});
  EXPECT_EQ(keys_of(reply.items), "la ");
}

TEST(JoinScan, MarkersAreLeftOut) {
  const ClientReadReply reply =
      join_chunks({{{item("la", {kA, 1}, std::nullopt, 9), item("lb", {kA, 2})}, false, {}},
                   {{item("la", {kB, 1}, "older", 3)}, false, {}}});
  EXPECT_EQ(keys_of(reply.items), "lb ");
}

TEST(JoinScan, EndsWhereTheShortestCutAnswerEnds) {
  const std::vector<Chunk> chunks = {{{item("la", {kA, 1}), item("lc", {kA, 3})}, true, {}},
                                     {{item("lb", {kB, 2}), item("ld", {kB, 4})}, true, {}},
                                     {{item("le", {kB, 5})}, false, {}}};
  const ClientReadReply reply = join_chunks(chunks);
  EXPECT_EQ(keys_of(reply.items), "la lb lc ") << "the first has not told about d and e";
  EXPECT_TRUE(reply.more);
  EXPECT_EQ(reply.last, "lc");
}

TEST(JoinScan, AnAnswerThatWasNotCutSetsNoHorizon) {
  const ClientReadReply reply =
      join_chunks({{{item("la", {kA, 1})}, false, {}}, {{item("lz", {kB, 1})}, true, {}}});
  EXPECT_EQ(keys_of(reply.items), "la lz ");
  EXPECT_EQ(reply.last, "lz");
  EXPECT_FALSE(join_chunks({{{}, false, {}}, {{}, false, {}}}).more);
}

TEST(JoinScan, PagesOfNothingButMarkersStillAdvance) {
  const ClientReadReply reply = join_chunks(
      {{{item("la", {kA, 1}, std::nullopt), item("lb", {kA, 2}, std::nullopt)}, true, {}}});
  EXPECT_TRUE(reply.items.empty());
  EXPECT_TRUE(reply.more);
  EXPECT_EQ(reply.last, "lb");
}

// ---- Merging the partitions ---------------------------------------------------------------------------------------------

ClientReadReply chunk_of(std::initializer_list<const char*> keys, const char* last = nullptr,
                         std::size_t bytes = 1) {
  ClientReadReply chunk;
  for (const char* key : keys)
    chunk.items.push_back({key, {{{kA, 1}, Hlc{1}, std::string(bytes, 'v')}}, {}});
  chunk.more = last != nullptr;
  if (chunk.more) chunk.last = last;
  return chunk;
}

TEST(MergeChunks, SortsAndStopsAtTheFirstHorizon) {
  const ScanPage page = merge_chunks(
      {chunk_of({"a", "d"}, "d"), chunk_of({"b", "c"}, "c"), chunk_of({"e"})}, 10, 1000);
  EXPECT_EQ(keys_of(page.items), "a b c ");
  EXPECT_TRUE(page.more);
  EXPECT_EQ(page.last, "c");
}

TEST(MergeChunks, HoldsNoMoreThanAskedFor) {
  const ScanPage exact = merge_chunks({chunk_of({"a", "c"}), chunk_of({"b"})}, 3, 1000);
  EXPECT_EQ(keys_of(exact.items), "a b c ");
  EXPECT_FALSE(exact.more);
  const ScanPage cut = merge_chunks({chunk_of({"a", "c"}), chunk_of({"b"})}, 2, 1000);
  EXPECT_EQ(keys_of(cut.items), "a b ");
  EXPECT_TRUE(cut.more);
  EXPECT_EQ(cut.last, "b");
}

TEST(MergeChunks, CountsBytesButHoldsAtLeastOne) {
  const ScanPage page = merge_chunks({chunk_of({"a", "b", "c"}, nullptr, 100)}, 10, 202);
  EXPECT_EQ(keys_of(page.items), "a b ");
  EXPECT_EQ(page.last, "b");
  EXPECT_EQ(keys_of(merge_chunks({chunk_of({"a", "b"}, nullptr, 100)}, 10, 1).items), "a ");
}

TEST(MergeChunks, AChunkWithoutValuesStillSetsTheHorizon) {
  const ScanPage page = merge_chunks({chunk_of({}, "b"), chunk_of({"a", "c"})}, 10, 1000);
  EXPECT_EQ(keys_of(page.items), "a ");
  EXPECT_EQ(page.last, "b");
  EXPECT_TRUE(merge_chunks({chunk_of({}, "b"), chunk_of({})}, 10, 1000).more);
  EXPECT_FALSE(merge_chunks({chunk_of({}), chunk_of({})}, 10, 1000).more);
}

TEST(ChunkBytes, AreTheShareAndHalfAsMuchAgain) {
  EXPECT_EQ(chunk_bytes(1024 * 1024, 64), 24U * 1024);
  EXPECT_EQ(chunk_bytes(1024 * 1024, 4096), 1024U);
  EXPECT_EQ(chunk_bytes(1000, 1), 1500U);
}

// ---- Ranges -------------------------------------------------------------------------------------------------------------

// Keys over few, extreme bytes, so that prefixes and neighbours are common.
std::string any_key(int max_size = 4) {
  std::string key;
  for (int i = *rc::gen::inRange(0, max_size + 1); i > 0; --i)
    key += *rc::gen::element('\0', 'a', '\xfe', '\xff');
  return key;
}

const storage::Bucket kBucket{PolicyKind::kLww, "b"};

RC_GTEST_PROP(ScanRange, HoldsExactlyTheKeysThatAreMeant, ()) {
  const std::string start = any_key(), end = any_key(), prefix = any_key(3), key = any_key();
  const bool meant = key >= start && (end.empty() || key < end) && key.starts_with(prefix);
  const ScanRange range = scan_range(kBucket, start, end, prefix);
  const std::string stored = storage::storage_key(kBucket, key);
  RC_ASSERT(!range.end.empty());
  RC_ASSERT((stored >= range.from && stored < range.end) == meant);
  for (const char* other : {"a", "c", "ba", "b\x01"}) {
    const std::string foreign = storage::storage_key({PolicyKind::kLww, other}, key);
    RC_ASSERT(!(foreign >= range.from && foreign < range.end));
  }
  const std::string other_policy = storage::storage_key({PolicyKind::kSiblings, "b"}, key);
  RC_ASSERT(!(other_policy >= range.from && other_policy < range.end));
}

TEST(ScanRange, PrefixesOfTheLastByteEndWithTheBucket) {
  const ScanRange range = scan_range(kBucket, "", "", "\xff\xff");
  EXPECT_EQ(range.from, storage::storage_key(kBucket, "\xff\xff"));
  EXPECT_EQ(range.end, std::string("lb\x01"));
  EXPECT_EQ(scan_range(kBucket, "", "", "a\xff").end, storage::storage_key(kBucket, "b"));
  EXPECT_EQ(scan_range(kBucket, "", "", "").from, storage::storage_key(kBucket, ""));
}

// ---- All of it: paging over any data at any limits equals the data -----------------------------------------------------------

using Data = std::map<std::string, std::string>;  // of one partition, by storage key

// What a replica that holds `data` answers.
Chunk chunk_from(const Data& data, const std::string& from, const std::string& end,
                 std::size_t max_items) {
  Chunk chunk;
  for (auto it = data.lower_bound(from); it != data.end() && it->first < end; ++it) {
    if (chunk.items.size() == max_items) {
      chunk.more = true;
      break;
    }
    chunk.items.push_back(
        item(it->first, {kA, 1}, it->second.empty() ? std::nullopt : std::optional(it->second)));
  }
  return chunk;
}

RC_GTEST_PROP(Scan, PagesAddUpToTheData, ()) {
  std::vector<Data> partitions(static_cast<std::size_t>(*rc::gen::inRange(1, 4)));
  Data expected;
  const std::string start = any_key(2), end = any_key(2), prefix = any_key(1);
  const ScanRange range = scan_range(kBucket, start, end, prefix);
  for (int i = *rc::gen::inRange(0, 30); i > 0; --i) {
    const std::string key = any_key();
    if (key.empty()) continue;
    const std::string value =
        *rc::gen::inRange(0, 4) == 0
            ? ""
            : std::string(static_cast<std::size_t>(*rc::gen::inRange(1, 50)), 'v');
    const std::string stored = storage::storage_key(kBucket, key);
    if (expected.contains(stored)) continue;
    partitions[static_cast<std::size_t>(*rc::gen::inRange(0, static_cast<int>(partitions.size())))]
              [stored] = value;  // "": a marker
    expected[stored] = value;
  }
  std::erase_if(expected, [&](const auto& entry) {
    const std::string key(storage::user_key_of(entry.first));
    return entry.second.empty() || key < start || (!end.empty() && key >= end) ||
           !key.starts_with(prefix);
  });

  const auto chunk_items = static_cast<std::size_t>(*rc::gen::inRange(1, 5));
  const auto page_items = static_cast<std::size_t>(*rc::gen::inRange(1, 8));
  const auto page_bytes = static_cast<std::size_t>(*rc::gen::inRange(1, 200));
  Data found;
  std::string from = range.from;
  for (int pages = 0;; ++pages) {
    RC_ASSERT(pages <= 40);
    std::vector<ClientReadReply> chunks;
    for (const Data& data : partitions) {
      const Chunk full = chunk_from(data, from, range.end, chunk_items);
      const Chunk shorter = chunk_from(data, from, range.end, 1 + chunk_items / 2);
      chunks.push_back(join_chunks({full, shorter}));
    }
    const ScanPage page = merge_chunks(std::move(chunks), page_items, page_bytes);
    RC_ASSERT(page.items.size() <= page_items);
    for (const ReadItem& read : page.items) {
      const bool ascending = found.empty() || found.rbegin()->first < read.key;
      RC_ASSERT(ascending);
      found[read.key] = *read.versions.at(0).value;
    }
    if (!page.more) break;
    RC_ASSERT(page.last >= from);
    from = storage::next_key(page.last);
  }
  RC_ASSERT(found == expected);
}

}  // namespace
}  // namespace kv
