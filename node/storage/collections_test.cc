#include "node/storage/collections.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "node/base/limits.h"

namespace kv::storage {
namespace {

const Bucket kSets{PolicyKind::kSet, "sets"};
const Bucket kMaps{PolicyKind::kMap, "maps"};

std::string element(const std::string& key, const std::string& name) {
  return leaf_key(kSets, key, {{}, PolicyKind::kSet, name});
}

bool is_in(const KeyRange& range, const std::string& key) {
  return range.from <= key && key < range.end;
}

// Bytes that the separators are made of are what matters.
rc::Gen<std::string> component() {
  return rc::gen::mapcat(rc::gen::inRange<std::size_t>(1, 6), [](std::size_t size) {
    return rc::gen::container<std::string>(size,
                                           rc::gen::element('\0', '\1', '\2', '\xff', 'a', 'b'));
  });
}

rc::Gen<Path> some_path() {
  return rc::gen::mapcat(rc::gen::inRange<std::size_t>(1, 4), [](std::size_t fields) {
    return rc::gen::container<Path>(fields, component());
  });
}

rc::Gen<Leaf> leaf_of_map() {
  return rc::gen::map(rc::gen::tuple(some_path(),
                                     rc::gen::element(PolicyKind::kRegister, PolicyKind::kCounter,
                                                      PolicyKind::kFlag, PolicyKind::kSet),
                                     component()),
                      [](const std::tuple<Path, PolicyKind, std::string>& parts) {
                        const auto& [path, policy, name] = parts;
                        return Leaf{path, policy, policy == PolicyKind::kSet ? name : ""};
                      });
}

RC_GTEST_PROP(Collections, ALeafIsReadBackFromItsKey, ()) {
  const std::string key = *component();
  const Leaf leaf = *leaf_of_map();
  const std::string stored = leaf_key(kMaps, key, leaf);
  RC_ASSERT(is_storage_key(stored));
  RC_ASSERT(leaf_of(stored) == leaf);
  RC_ASSERT(policy_of(stored).name() == policy(leaf.policy).name());
  RC_ASSERT(bucket_of(stored) == "maps");
  const Leaf member{{}, PolicyKind::kSet, *component()};
  RC_ASSERT(leaf_of(leaf_key(kSets, key, member)) == member);
}

RC_GTEST_PROP(Collections, DifferentLeavesHaveDifferentKeys, ()) {
  const std::string one = *component(), other = *component();
  const Leaf a = *leaf_of_map(), b = *leaf_of_map();
  RC_ASSERT((leaf_key(kMaps, one, a) == leaf_key(kMaps, other, b)) == (one == other && a == b));
}

RC_GTEST_PROP(Collections, ARangeHoldsWhatIsAtOrBelowItsPathAndNothingElse, ()) {
  const std::string key = *component(), other = *component();
  const Leaf leaf = *leaf_of_map();
  const Path path = *some_path();
  const bool below =
      leaf.path.size() >= path.size() && std::equal(path.begin(), path.end(), leaf.path.begin());
  RC_ASSERT(is_in(leaves_under(kMaps, key, path), leaf_key(kMaps, key, leaf)) == below);
  RC_ASSERT(is_in(leaves_under(kMaps, key, {}), leaf_key(kMaps, other, leaf)) == (key == other));
}

RC_GTEST_PROP(Collections, AllOfACollectionIsPlacedTogether, ()) {
  const std::string key = *component(), other = *component();
  const Leaf a = *leaf_of_map(), b = *leaf_of_map();
  const std::string first = leaf_key(kMaps, key, a), second = leaf_key(kMaps, other, b);
  RC_ASSERT((placement_of(first) == placement_of(second)) == (key == other));
  RC_ASSERT(placement_of(element(key, "x")) == placement_of(element(key, "y")));
  RC_ASSERT(placement_of(first) != placement_of(element(key, "x")));
}

TEST(Collections, APlainKeyIsPlacedByAllOfIt) {
  const std::string key = storage_key(default_bucket(), std::string("a\0\1b", 4));
  EXPECT_EQ(placement_of(key), key);
}

TEST(Collections, KeysAreInTheOrderOfUserKeysAndPaths) {
  EXPECT_LT(element("a", "z"), element("ab", "a"));
  EXPECT_LT(element("a", "z"), element(std::string("a\0", 2), "a"));
  EXPECT_LT(element("k", "a"), element("k", "b"));
  const auto field = [](const Path& path) {
    return leaf_key(kMaps, "k", {path, PolicyKind::kRegister, ""});
  };
  EXPECT_LT(field({"a"}), field({"a", "b"}));
  EXPECT_LT(field({"a", "b"}), field({"ab"}));
}

TEST(Collections, BytesThatAreNoLeafAreRefused) {
  const std::string leaf = leaf_key(kMaps, "k", {{"f"}, PolicyKind::kRegister, ""});
  ASSERT_TRUE(is_storage_key(leaf));
  for (std::size_t length = 0; length < leaf.size(); ++length)
    EXPECT_FALSE(is_storage_key(leaf.substr(0, length))) << length;
  EXPECT_FALSE(is_storage_key(leaf + "x")) << "only a set's leaf has an element";
  for (const char kind : {'l', 'm', '?'})
    EXPECT_FALSE(is_storage_key(leaf.substr(0, leaf.size() - 1) + kind)) << kind;
  EXPECT_FALSE(is_storage_key(element("", "e")));
  EXPECT_FALSE(is_storage_key(element("k", "")));
  EXPECT_TRUE(is_storage_key(element("k", std::string(kMaxKeyBytes, 'e'))));
  EXPECT_FALSE(is_storage_key(element("k", std::string(kMaxKeyBytes + 1, 'e'))));
  const auto nested = [](std::size_t depth, std::size_t bytes) {
    return leaf_key(kMaps, "k", {Path(depth, std::string(bytes, '\0')), PolicyKind::kRegister, ""});
  };
  EXPECT_TRUE(is_storage_key(nested(kMaxPathFields, kMaxFieldBytes)));
  EXPECT_FALSE(is_storage_key(nested(kMaxPathFields + 1, 1)));
  EXPECT_FALSE(is_storage_key(nested(1, kMaxFieldBytes + 1)));
}

}  // namespace
}  // namespace kv::storage
