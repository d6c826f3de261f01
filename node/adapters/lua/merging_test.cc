#include "node/adapters/lua/merging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "node/base/limits.h"

namespace kv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kGreater =
    "function merge(a, b) assert(a ~= 'bad' and b ~= 'bad', 'bad is no value') return a > b and a "
    "or b end";
// Lawful as long as nobody meets "z".
const std::string kLawlessAtZ =
    "function merge(a, b) if a == 'z' then return b end return a > b and a or b end";

TEST(Merging, ReadersAreShownOneValue) {
  const Merging merging;
  EXPECT_THAT(merging.show("b", kGreater, {}), ElementsAre());
  EXPECT_THAT(merging.show("b", kGreater, {"x"}), ElementsAre("x"));
  EXPECT_EQ(merging.counters().merged, 0U);
  EXPECT_THAT(merging.show("b", kGreater, {"x", "z", "y"}), ElementsAre("z"));
  EXPECT_EQ(merging.counters().merged, 1U);
}

TEST(Merging, SiblingsAreShownWhereALawIsBroken) {
  const Merging merging;
  EXPECT_THAT(merging.show("b", kLawlessAtZ, {"x", "y"}), ElementsAre("y"));
  EXPECT_THAT(merging.show("b", kLawlessAtZ, {"x", "z"}), ElementsAre("x", "z"));
  EXPECT_THAT(merging.show("b", kGreater, {"x", "bad"}), ElementsAre("x", "bad"));
  EXPECT_EQ(merging.counters().broken, 2U);
}

TEST(Merging, APutIsMergedWithWhatIsThere) {
  const Merging merging;
  EXPECT_EQ(merging.put("b", kGreater, "x", {}).value(), "x");
  EXPECT_EQ(merging.put("b", kGreater, "x", {"y", "a"}).value(), "y");
  EXPECT_EQ(merging.put("b", kLawlessAtZ, "x", {"z"}).value(), std::nullopt) << "beside it";
  EXPECT_EQ(merging.counters().merged, 1U);
  EXPECT_EQ(merging.counters().broken, 1U);
}

TEST(Merging, APutOfWhatIsNoValueIsRefused) {
  const Merging merging;
  const auto refused = merging.put("carts", kGreater, "bad", {"x"});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      refused.status().message(),
      "bucket \"carts\" takes no such value; its merge function says: merge:1: bad is no value");
  EXPECT_FALSE(merging.put("carts", kGreater, "x", {"bad"}).ok()) << "nor what cannot be merged";
  EXPECT_EQ(merging.counters().refused, 2U);
  EXPECT_THAT(
      std::string(merging.put("carts", kGreater, std::string(kMaxMergeValueBytes + 1, 'x'), {})
                      .status()
                      .message()),
      HasSubstr("value of 262145 bytes in bucket \"carts\""));
}

TEST(Merging, WorkIsDoneElsewhereAndTooMuchOfItRefused) {
  const Merging merging;
  std::promise<void> gate;
  const std::shared_future<void> open = gate.get_future().share();
  std::atomic<int> done = 0;
  int taken = 0;
  while (merging.submit([&, open] {
    open.wait();
    ++done;
  }))
    ++taken;
  EXPECT_EQ(taken, 4096);
  gate.set_value();
  std::promise<void> again;
  while (!merging.submit([&] { again.set_value(); })) std::this_thread::yield();
  again.get_future().wait();
  EXPECT_GT(done, 0);
}

}  // namespace
}  // namespace kv
