#include "node/storage/keys.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "node/base/limits.h"

namespace kv::storage {
namespace {

Partition partition(std::uint64_t value) { return Partition{static_cast<std::uint16_t>(value)}; }

TEST(Keys, LieOnDiskAsDocumented) {
  using namespace std::string_literals;
  const std::string key = storage_key({PolicyKind::kLww, "b"}, "k");
  EXPECT_EQ(key, "lb\0k"s);
  EXPECT_EQ(storage_key({PolicyKind::kSiblings, "b"}, "k"), "sb\0k"s);
  EXPECT_EQ(object_key(Partition{0x0102}, key), "\x01\x02"s + key);
  EXPECT_EQ(log_key(Partition{1}, Dot{Actor{0x0203}, 0x0405}),
            "\0\x01\0\0\0\0\0\0\x02\x03\0\0\0\0\0\0\x04\x05"s);
  EXPECT_EQ(log_value({true, "b\0k"s}), "\1b\0k"s);
  EXPECT_EQ(log_value({false, "b\0k"s}), "\0b\0k"s);
  EXPECT_EQ(context_key(Partition{0xff}, "b\0k"s),
            "c\0\xff"
            "b\0k"s);
  EXPECT_EQ(due_key(Partition{0xff}, WallMs{0x0102}, "b\0k"s),
            "d\0\xff\0\0\0\0\0\0\x01\x02"
            "b\0k"s);
  EXPECT_EQ(replica_key(Partition{0xff}), "r\0\xff"s);
  EXPECT_EQ(node_key(), "node");
}

RC_GTEST_PROP(Keys, AStorageKeySplitsWhereItWasJoined, (const std::string& user_key)) {
  const auto bucket = *rc::gen::container<std::string>(rc::gen::nonZero<char>());
  const auto policy = *rc::gen::element(PolicyKind::kLww, PolicyKind::kSiblings, PolicyKind::kFww,
                                        PolicyKind::kMax, PolicyKind::kMin, PolicyKind::kCounter);
  const std::string key = storage_key({policy, bucket}, user_key);
  RC_ASSERT(&policy_of(key) == &kv::policy(policy));
  RC_ASSERT(bucket_of(key) == bucket);
  RC_ASSERT(user_key_of(key) == user_key);
}

TEST(Keys, BytesFromElsewhereAreCheckedForTheirFormAndSizes) {
  using namespace std::string_literals;
  EXPECT_TRUE(is_storage_key("lb\0k"s));
  EXPECT_TRUE(is_storage_key("lb\0\0"s)) << "the user's key may hold zero bytes";
  for (const std::string& bytes : {""s, "l"s, "lb"s, "l\0k"s, "lb\0"s, "?b\0k"s, "\0b\0k"s})
    EXPECT_FALSE(is_storage_key(bytes)) << bytes;
  const auto of_sizes = [](std::size_t bucket, std::size_t key) {
    return storage_key({PolicyKind::kLww, std::string(bucket, 'b')}, std::string(key, 'k'));
  };
  EXPECT_TRUE(is_storage_key(of_sizes(kMaxBucketBytes, kMaxKeyBytes)));
  EXPECT_FALSE(is_storage_key(of_sizes(kMaxBucketBytes + 1, kMaxKeyBytes)));
  EXPECT_FALSE(is_storage_key(of_sizes(kMaxBucketBytes, kMaxKeyBytes + 1)));
}

RC_GTEST_PROP(Keys, ALogKeyNamesItsDot,
              (std::uint64_t actor, std::uint64_t counter, std::uint16_t p)) {
  RC_ASSERT(dot_of_log_key(log_key(Partition{p}, Dot{Actor{actor}, counter})) ==
            (Dot{Actor{actor}, counter}));
}

RC_GTEST_PROP(Keys, LogKeysAreInTheOrderOfPartitionActorAndCounter,
              (std::uint16_t p, std::uint16_t q, std::uint64_t actor, std::uint64_t counter)) {
  const auto near = [](std::uint64_t n) {
    return n + *rc::gen::element<std::uint64_t>(0, 1, 255, 256, 1ULL << 40);
  };
  const Dot a{Actor{actor}, counter}, b{Actor{near(actor)}, near(counter)};
  RC_ASSERT((log_key(Partition{p}, a) < log_key(Partition{p}, b)) == (a < b));
  RC_ASSERT(p == q || (log_key(Partition{p}, a) < log_key(Partition{q}, b)) == (p < q));
}

RC_GTEST_PROP(Keys, APartitionsKeysAreExactlyThoseBetweenItsPrefixAndItsEnd,
              (std::uint16_t p, std::uint16_t q, const std::string& key)) {
  const std::string from = partition_prefix(Partition{p}), end = partition_end(Partition{p});
  const std::string of_q = object_key(Partition{q}, key);
  RC_ASSERT((of_q >= from && (end.empty() || of_q < end)) == (p == q));
}

TEST(Keys, ALogEntryNamesItsKeyAndWhetherItsVersionPerishes) {
  for (const bool perishable : {false, true}) {
    const std::string value = log_value({perishable, "key"});
    EXPECT_EQ(log_entry(value).storage_key, "key");
    EXPECT_EQ(log_entry(value).perishable, perishable);
    EXPECT_EQ(log_entry(value).request, std::nullopt);
    EXPECT_EQ(value.size(), 4U) << "without a request id nothing is said of one";
  }
}

RC_GTEST_PROP(Keys, ALogEntryMayNameItsRequest,
              (bool perishable, std::uint64_t name, const std::string& key)) {
  const std::string value = log_value({perishable, key, name});
  RC_ASSERT(log_entry(value).storage_key == key);
  RC_ASSERT(log_entry(value).perishable == perishable);
  RC_ASSERT(log_entry(value).request == name);
}

RC_GTEST_PROP(Keys, RequestsOfOneNameLieTogetherByDot,
              (std::uint16_t p, std::uint64_t name, std::uint64_t other, std::uint64_t actor,
               std::uint64_t next, std::uint64_t counter)) {
  const std::string prefix = request_prefix(Partition{p}, name);
  const std::string key = request_key(Partition{p}, name, {Actor{actor}, counter});
  RC_ASSERT(key.starts_with(prefix));
  RC_ASSERT(request_key(Partition{p}, other, {Actor{actor}, 1}).starts_with(prefix) ==
            (name == other));
  const Dot dot{Actor{next}, counter};
  RC_ASSERT((key < request_key(Partition{p}, name, dot)) == (Dot{Actor{actor}, counter} < dot));
}

RC_GTEST_PROP(Keys, AnAgeNamesItsRequestAndTheOlderComesFirst,
              (std::uint16_t p, std::uint32_t at, std::uint32_t other, std::uint64_t name,
               std::uint64_t actor, std::uint64_t counter)) {
  const std::string key =
      request_age_key(Partition{p}, {WallMs{at}, name, {Actor{actor}, counter}});
  const RequestAge age = request_age_of_key(key);
  RC_ASSERT(age.at == WallMs{at} && age.name == name);
  RC_ASSERT((age.dot == Dot{Actor{actor}, counter}));
  RC_ASSERT(at == other || (key < request_age_key(Partition{p}, {WallMs{other}})) == (at < other));
  const std::string prefix = request_age_prefix(Partition{p});
  RC_ASSERT(key > prefix && (prefix_end(prefix).empty() || key < prefix_end(prefix)));
}

RC_GTEST_PROP(Keys, ADueKeyNamesItsTimeAndKeyAndTheEarlierComesFirst,
              (std::uint16_t p, std::uint32_t at, std::uint32_t other, const std::string& key)) {
  const std::string due = due_key(Partition{p}, WallMs{at}, "k" + key);
  RC_ASSERT(due_of_key(due).at == WallMs{at});
  RC_ASSERT(due_of_key(due).storage_key == "k" + key);
  RC_ASSERT(at == other || (due < due_key(Partition{p}, WallMs{other}, "k")) == (at < other));
  RC_ASSERT(due > due_prefix(Partition{p}) && due < prefix_end(due_prefix(Partition{p})));
}

RC_GTEST_PROP(Keys, AConflictKeyNamesItsTimeAndDotAndTheEarlierComesFirst,
              (std::uint16_t p, std::uint32_t at, std::uint32_t other, std::uint64_t actor,
               std::uint64_t counter)) {
  const Dot dot{Actor{actor}, counter};
  const std::string key = conflict_key(Partition{p}, WallMs{at}, dot);
  RC_ASSERT(noted_at(key) == (NotedAt{WallMs{at}, dot}));
  RC_ASSERT(at == other || (key < conflict_key(Partition{p}, WallMs{other}, dot)) == (at < other));
  RC_ASSERT(key > conflict_prefix(Partition{p}) && key < prefix_end(conflict_prefix(Partition{p})));
}

TEST(Keys, TheEndOfAPrefixIsAfterAllThatStartWithIt) {
  EXPECT_EQ(prefix_end("ab"), "ac");
  EXPECT_EQ(prefix_end("a\xff\xff"), "b");
  EXPECT_EQ(prefix_end("\xff"), "") << "nothing is after those";
}

TEST(Keys, TheLastPartitionReachesToTheEndOfTheFamily) {
  EXPECT_EQ(partition_end(partition(UINT16_MAX)), "");
  EXPECT_EQ(partition_end(partition(UINT16_MAX - 1)), partition_prefix(partition(UINT16_MAX)));
  EXPECT_EQ(partition_end(partition(0xff)), "\x01") << "no key lies between it and partition 0x100";
}

RC_GTEST_PROP(Keys, NoKeyLiesBetweenAKeyAndTheNext,
              (const std::string& key, const std::string& other)) {
  RC_PRE(!key.empty());
  RC_ASSERT(next_key(key) > key);
  RC_ASSERT((other > key) == (other >= next_key(key)));
  RC_ASSERT(key + other == key || key + other >= next_key(key));
}

TEST(Keys, TheNextOfNoKeyIsNoKey) { EXPECT_EQ(next_key(""), ""); }

TEST(KeysDeathTest, RefusesWhatItCouldNotSplitAgain) {
  EXPECT_DEATH(storage_key({PolicyKind::kLww, std::string("a\0b", 3)}, "k"),
               "bucket names are checked");
  EXPECT_DEATH(bucket_of("no separator"), "zero byte");
  EXPECT_DEATH(dot_of_log_key("short"), "made by log_key");
  EXPECT_DEATH(log_entry(""), "made by log_value");
  EXPECT_DEATH(due_of_key("d"), "made by due_key");
  EXPECT_DEATH(noted_at("j"), "made by conflict_key");
}

}  // namespace
}  // namespace kv::storage
