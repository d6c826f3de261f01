#include "node/storage/view.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <tuple>
#include <vector>

#include "node/storage/memory_engine.h"

namespace kv::storage {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

// Short keys over few letters: most changes meet a stored key, or another of the same batch.
rc::Gen<std::string> any_key() {
  return rc::gen::mapcat(rc::gen::inRange<std::size_t>(0, 4), [](std::size_t length) {
    return rc::gen::container<std::string>(length, rc::gen::element('a', 'b', '\0', '\xff'));
  });
}

WriteBatch any_batch(const std::string& prefix) {
  const auto changes = *rc::gen::container<std::vector<std::tuple<int, std::string, bool>>>(
      rc::gen::tuple(rc::gen::inRange(0, kFamilies), any_key(), rc::gen::arbitrary<bool>()));
  WriteBatch batch;
  int n = 0;
  for (const auto& [family, key, erase] : changes) {
    if (erase)
      batch.erase(static_cast<Family>(family), key);
    else
      batch.put(static_cast<Family>(family), key, prefix + std::to_string(++n));
  }
  return batch;
}

template <typename Store>
Pairs scan(const Store& store, Family family, const std::string& from, const std::string& to,
           std::size_t limit) {
  Pairs entries;
  const auto status =
      store.scan(family, from, to, [&](std::string_view key, std::string_view value) {
        RC_ASSERT(entries.size() < limit);  // not called again after it said stop
        entries.emplace_back(key, value);
        return entries.size() < limit;
      });
  RC_ASSERT(status.ok());
  return entries;
}

RC_GTEST_PROP(View, IsTheEngineAsItWillBeAfterTheCommit, ()) {
  MemoryEngine before, after;
  const WriteBatch stored = any_batch("stored "), pending = any_batch("pending ");
  for (MemoryEngine* engine : {&before, &after}) RC_ASSERT(engine->commit(stored).ok());
  RC_ASSERT(after.commit(pending).ok());
  const View view(before, pending);
  const auto family = static_cast<Family>(*rc::gen::inRange(0, kFamilies));
  const std::string from = *any_key(), to = *any_key();
  const auto limit = *rc::gen::element<std::size_t>(1, 2, 3, 5, SIZE_MAX);
  RC_ASSERT(scan(view, family, from, to, limit) == scan(after, family, from, to, limit));
  RC_ASSERT(scan(view, family, "", "", SIZE_MAX) == scan(after, family, "", "", SIZE_MAX));
  RC_ASSERT(*view.get(family, from) == *after.get(family, from));
  for (const auto& [key, value] : pending.changes())
    RC_ASSERT(*view.get(key.first, key.second) == value);
}

TEST(View, WithNothingPendingIsTheEngine) {
  MemoryEngine engine;
  const WriteBatch none;
  WriteBatch batch;
  batch.put(Family::kObjects, "k", "v");
  ASSERT_TRUE(engine.commit(batch).ok());
  const View view(engine, none);
  EXPECT_EQ(*view.get(Family::kObjects, "k"), "v");
  EXPECT_EQ(*view.get(Family::kLog, "k"), std::nullopt);
}

TEST(View, SeesWhatIsAddedToTheBatchLater) {
  MemoryEngine engine;
  WriteBatch pending;
  const View view(engine, pending);
  EXPECT_EQ(*view.get(Family::kObjects, "k"), std::nullopt);
  pending.put(Family::kObjects, "k", "1");
  EXPECT_EQ(*view.get(Family::kObjects, "k"), "1");
  pending.erase(Family::kObjects, "k");
  EXPECT_EQ(*view.get(Family::kObjects, "k"), std::nullopt);
}

TEST(View, PassesOnThatTheEngineDoesNotKnow) {
  MemoryEngine engine;
  engine.set_faults(
      {.get = absl::DataLossError("bad block"), .scan = absl::DataLossError("bad scan")});
  WriteBatch pending;
  pending.put(Family::kObjects, "pending", "v");
  const View view(engine, pending);
  EXPECT_EQ(view.get(Family::kObjects, "k").status(), absl::DataLossError("bad block"));
  EXPECT_EQ(*view.get(Family::kObjects, "pending"), "v");
  bool visited = false;
  const auto status =
      view.scan(Family::kObjects, "", "", [&](auto, auto) { return visited = true; });
  EXPECT_EQ(status, absl::DataLossError("bad scan"));
  EXPECT_FALSE(visited) << "an incomplete answer must not look like a complete one";
}

}  // namespace
}  // namespace kv::storage
