// What every policy owes, and what each means.
#include "node/resolution/policies.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <functional>

#include "node/base/limits.h"
#include "node/resolution/model_replicas.h"

namespace kv {
namespace {

const Policy* const kAll[] = {&lww_policy(),      &siblings_policy(), &fww_policy(),
                              &max_policy(),      &min_policy(),      &counter_policy(),
                              &register_policy(), &custom_policy()};

std::string shown_at(const ModelReplica& replica, const Policy& policy) {
  std::string text;
  for (const Version& version : policy.shown(replica.state("k").object.versions))
    text += (text.empty() ? "" : " ") + version.value.value_or("marker");
  return text;
}

// ---- Every policy ---------------------------------------------------------------------------------------------------

TEST(Policies, AreFoundByTheirNamesAndKinds) {
  for (const std::string_view name : policy_names()) {
    const auto kind = find_policy(name);
    ASSERT_TRUE(kind.has_value()) << name;
    EXPECT_EQ(policy(*kind).name(), name);
    EXPECT_TRUE(is_policy(static_cast<char>(*kind)));
  }
  EXPECT_EQ(policy_names().size(), std::size(kAll) + 3) << "flag, set and map are registers";
  EXPECT_FALSE(find_policy("LWW").has_value());
  EXPECT_FALSE(is_policy('?'));
}

RC_GTEST_PROP(Policies, ReplicasThatKnowEverythingHoldWhatNoWriteSupersedes, ()) {
  for (const Policy* policy : kAll) {
    ModelCluster cluster(policy);
    cluster.run_random_history();
    cluster.converge();
    for (const std::string key : {"key", "other"})
      for (const ModelReplica& replica : cluster.replicas) {
        RC_ASSERT(replica.state(key).object.versions == survivors(*policy, cluster.deltas, key));
        RC_ASSERT(replica.state(key).object.context.empty());
      }
  }
}

// ---- register, flag, set --------------------------------------------------------------------------------------------

TEST(Register, APutReplacesWhatIsSeenAndOfConcurrentOnesTheLatestIsShown) {
  ModelReplica x(1, &register_policy()), y(2, &register_policy());
  y.apply(x.write("k", "first", {}, WallMs{1}));
  const auto from_x = x.write("k", "x", {}, WallMs{2});
  const auto from_y = y.write("k", "y", {}, WallMs{3});
  EXPECT_EQ(x.state("k").object.versions.size(), 1U);
  x.apply(from_y);
  y.apply(from_x);
  EXPECT_EQ(x.state("k").object.versions.size(), 2U);
  EXPECT_EQ(shown_at(x, register_policy()), "y");
  EXPECT_EQ(shown_at(y, register_policy()), "y");
  x.write("k", "both seen", {}, WallMs{1});
  EXPECT_EQ(x.state("k").object.versions.size(), 1U);
}

TEST(Set, AnElementThatIsAddedWhileItIsRemovedStays) {
  ModelReplica x(1, &set_policy()), y(2, &set_policy());
  y.apply(x.write("k", "", {}, WallMs{1}));
  const auto removed = x.write("k", std::nullopt, {}, WallMs{9});
  const auto added = y.write("k", "", {}, WallMs{2});
  x.apply(added);
  y.apply(removed);
  EXPECT_EQ(x.state("k").object.versions.size(), 1U);
  EXPECT_TRUE(same(x.state("k"), y.state("k")));
  y.write("k", std::nullopt, {}, WallMs{3});
  EXPECT_TRUE(y.state("k").object.versions.empty()) << "and leaves nothing behind";
}

// ---- siblings -------------------------------------------------------------------------------------------------------

TEST(Siblings, ConcurrentPutsAreBothKept) {
  ModelReplica x(1, &siblings_policy()), y(2, &siblings_policy());
  const auto from_x = x.write("k", "x", {}, WallMs{1});
  const auto from_y = y.write("k", "y", {}, WallMs{2});
  x.apply(from_y);
  y.apply(from_x);
  EXPECT_EQ(shown_at(x, siblings_policy()), "x y");
  EXPECT_EQ(shown_at(y, siblings_policy()), "x y");
}

TEST(Siblings, AWriteWithTheTokenOfAReadSupersedesExactlyWhatThatReadSaw) {
  ModelReplica x(1, &siblings_policy());
  x.write("k", "a", {}, WallMs{1});
  const ModelToken read = x.read("k");
  x.write("k", "b", {}, WallMs{2});
  x.write("k", "a2", read, WallMs{3});
  EXPECT_EQ(shown_at(x, siblings_policy()), "b a2");
}

TEST(Siblings, ADeleteRemovesWhatItSawAndLeavesNothing) {
  ModelReplica x(1, &siblings_policy()), y(2, &siblings_policy());
  y.apply(x.write("k", "seen", {}, WallMs{1}));
  const auto concurrent = y.write("k", "concurrent", {}, WallMs{2});
  const auto del = x.write("k", std::nullopt, {}, WallMs{3});
  EXPECT_TRUE(x.state("k").object.versions.empty());
  x.apply(concurrent);
  y.apply(del);
  EXPECT_EQ(shown_at(x, siblings_policy()), "concurrent");
  EXPECT_EQ(shown_at(y, siblings_policy()), "concurrent");
}

TEST(Siblings, TheirNumberAndSizeAreBoundedByARefusal) {
  ModelReplica x(1, &siblings_policy());
  for (std::size_t i = 0; i < kMaxSiblings; ++i) x.write("k", "v", {}, WallMs{1});
  const Object full = x.state("k").object;
  const auto refused = siblings_policy().admit(full, Actor{1}, "one more", nullptr);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(refused.status().message(),
            "the key would have 101 siblings of 108 bytes; the limits are 100 and 4194304 bytes. "
            "Read it and write with the token of that read");
  const ModelToken read = x.read("k");
  EXPECT_TRUE(siblings_policy().admit(full, Actor{1}, "merged", &read.context).ok());
  EXPECT_TRUE(siblings_policy().admit(full, Actor{1}, std::nullopt, nullptr).ok());
  const Object large{{{{Actor{1}, 1}, Hlc{1}, std::string(kMaxSiblingBytes, 'v')}}, {}};
  EXPECT_FALSE(siblings_policy().admit(large, Actor{1}, "v", nullptr).ok());
  EXPECT_TRUE(
      siblings_policy().admit({}, Actor{1}, std::string(kMaxValueBytes, 'v'), nullptr).ok());
}

// ---- fww ------------------------------------------------------------------------------------------------------------

TEST(Fww, APutWhereThereIsAValueIsRefusedWithOrWithoutAToken) {
  ModelReplica x(1, &fww_policy());
  x.write("k", "first", {}, WallMs{1});
  EXPECT_FALSE(x.try_write("k", "second", {}, WallMs{2}).has_value());
  EXPECT_FALSE(x.try_write("k", "third", x.read("k"), WallMs{3}).has_value());
  EXPECT_EQ(fww_policy().admit(x.state("k").object, Actor{1}, "v", nullptr).status().code(),
            absl::StatusCode::kAlreadyExists);
  x.write("k", std::nullopt, {}, WallMs{4});
  x.write("k", "of the next round", {}, WallMs{5});
  EXPECT_EQ(shown_at(x, fww_policy()), "of the next round");
}

TEST(Fww, OfConcurrentPutsTheEarlierIsShown) {
  for (const bool x_is_first : {true, false}) {
    ModelReplica x(1, &fww_policy()), y(2, &fww_policy());
    const auto from_x = x.write("k", "x", {}, WallMs{x_is_first ? 10 : 20});
    const auto from_y = y.write("k", "y", {}, WallMs{x_is_first ? 20 : 10});
    x.apply(from_y);
    y.apply(from_x);
    EXPECT_EQ(shown_at(x, fww_policy()), x_is_first ? "x" : "y");
    EXPECT_EQ(shown_at(y, fww_policy()), x_is_first ? "x" : "y");
  }
}

// ---- max and min ----------------------------------------------------------------------------------------------------

TEST(Extreme, TheBestOfAllPutsIsShownWhateverTheirOrderAndOneVersionIsLeft) {
  for (const Policy* policy : {&max_policy(), &min_policy()}) {
    ModelReplica x(1, policy), y(2, policy);
    for (const char* value : {"5", "-3", "12.5", "12.4"}) x.write("k", value, {}, WallMs{1});
    const auto from_y = y.write("k", "7", {}, WallMs{900});
    x.apply(from_y);
    EXPECT_EQ(shown_at(x, *policy), policy == &max_policy() ? "12.5" : "-3");
    x.write("k", "8", {}, WallMs{1});
    EXPECT_EQ(x.state("k").object.versions.size(), 1U) << "a put sums up what it sees";
    EXPECT_EQ(shown_at(x, *policy), policy == &max_policy() ? "12.5" : "-3");
  }
}

TEST(Extreme, WhatIsNoNumberIsRefused) {
  const auto refused = max_policy().admit({}, Actor{1}, "1e9", nullptr);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused.status().message(),
            "the value is no decimal number; a bucket of policy max takes digits with a sign and a "
            "point, up to 100 bytes");
}

TEST(Extreme, ADeleteStartsAnew) {
  ModelReplica x(1, &max_policy());
  x.write("k", "100", {}, WallMs{1});
  x.write("k", std::nullopt, {}, WallMs{2});
  x.write("k", "7", {}, WallMs{3});
  EXPECT_EQ(shown_at(x, max_policy()), "7");
}

// ---- counter --------------------------------------------------------------------------------------------------------

TEST(Counter, ConcurrentAdditionsAllCountOnceAndEachActorKeepsOneVersion) {
  ModelReplica x(1, &counter_policy()), y(2, &counter_policy());
  std::vector<ModelDelta> deltas;
  for (int i = 0; i < 3; ++i) {
    deltas.push_back(x.write("k", "10", {}, WallMs{1}));
    deltas.push_back(y.write("k", "-1", {}, WallMs{1}));
  }
  for (int repeated = 0; repeated < 2; ++repeated)
    for (auto delta = deltas.rbegin(); delta != deltas.rend(); ++delta) {
      x.apply(*delta);
      y.apply(*delta);
    }
  EXPECT_EQ(shown_at(x, counter_policy()), "27");
  EXPECT_EQ(shown_at(y, counter_policy()), "27");
  EXPECT_EQ(x.state("k").object.versions.size(), 2U);
}

// Deltas are lost, and the next may arrive before anti-entropy brings what is missing.
TEST(Counter, ASumSupersedesAllEarlierSumsOfItsActor) {
  ModelReplica x(1, &counter_policy()), y(2, &counter_policy());
  y.apply(x.write("k", "10", {}, WallMs{1}));
  const ModelDelta lost = x.write("k", "1", {}, WallMs{1});
  y.apply(x.write("k", "1", {}, WallMs{1}));
  EXPECT_EQ(shown_at(y, counter_policy()), "12");
  y.apply(lost);
  EXPECT_EQ(shown_at(y, counter_policy()), "12");
}

TEST(Counter, TakesWholeNumbersAndRefusesToOverflow) {
  const auto add = [](const Object& object, const char* value) {
    return counter_policy().admit(object, Actor{1}, value, nullptr).status();
  };
  EXPECT_EQ(add({}, "1.5").code(), absl::StatusCode::kInvalidArgument);
  const Object full{{{{Actor{1}, 1}, Hlc{1}, "9223372036854775807"}}, {}};
  EXPECT_EQ(add(full, "1").code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(add(full, "-1").ok());
  const auto shown =
      counter_policy().shown({full.versions[0], {{Actor{2}, 1}, Hlc{2}, "9223372036854775807"}});
  EXPECT_EQ(shown.at(0).value, "9223372036854775807") << "beyond the range it stays at its end";
}

}  // namespace
}  // namespace kv
