// Buckets of one name that are made at the same time with different definitions, or left half made: without gRPC, on the shards
// of one node. What two nodes make of it is tested on real processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "node/adapters/asio/clock.h"
#include "node/adapters/grpc/testing/shards_in_memory.h"

namespace kv {
namespace {

using testing::HasSubstr;

constexpr int kOk = 0;
constexpr int kNotFound = static_cast<int>(absl::StatusCode::kNotFound);
constexpr int kAborted = static_cast<int>(absl::StatusCode::kAborted);
constexpr int kAlreadyExists = static_cast<int>(absl::StatusCode::kAlreadyExists);

v1::Bucket definition(const std::string& name, const std::string& policy, bool proposed = false) {
  v1::Bucket bucket;
  bucket.set_name(name);
  bucket.set_policy(policy);
  bucket.set_proposed(proposed);
  return bucket;
}

class BucketRaces : public testing::Test {
 protected:
  static Instant soon() { return after_ms(monotonic_now(), 30'000); }

  static v1::Failure create(const Buckets& buckets, const v1::Bucket& bucket) {
    std::promise<v1::Failure> made;
    buckets.create(bucket, soon(), [&](const storage::Bucket&, const v1::Failure& failure) {
      made.set_value(failure);
    });
    return made.get_future().get();
  }

  // As a node finds it that has not heard of it yet: its policy, or why not.
  std::string found(const std::string& name) const {
    const Operations other(shards_.shards(), shards_.ring());
    std::promise<std::string> answer;
    other.buckets().find(
        name, soon(), [&](const storage::Bucket& bucket, const v1::Failure& failure) {
          answer.set_value(failure.code() == kOk         ? std::string(policy(bucket.policy).name())
                           : failure.code() == kNotFound ? "none"
                                                         : failure.message());
        });
    return answer.get_future().get();
  }

  // A write to the catalog as some other node made it.
  void write(const v1::Bucket& bucket) const {
    const Partition catalog = shards_.ring().catalog();
    std::promise<Outcome> written;
    shards_.shards().of(catalog).submit(
        ClientWrite{
            0, catalog, storage::storage_key({PolicyKind::kSiblings, "catalog"}, bucket.name()),
            bucket.SerializeAsString(), std::nullopt, Level::kQuorum, Durability::kOs, soon()},
        [&](const ClientWriteReply& reply) { written.set_value(reply.result.outcome); });
    EXPECT_EQ(written.get_future().get(), Outcome::kApplied);
  }

  const Buckets& buckets() const { return shards_.operations().buckets(); }

  ShardsInMemory shards_;
};

TEST_F(BucketRaces, OfTwoDefinitionsAtMostOneIsMade) {
  for (int i = 0; i < 40; ++i) {
    const std::string name = "b" + std::to_string(i);
    const Operations other(shards_.shards(), shards_.ring());
    v1::Failure there;
    std::thread at_other([&] { there = create(other.buckets(), definition(name, "max")); });
    const v1::Failure here = create(buckets(), definition(name, "min"));
    at_other.join();
    EXPECT_FALSE(here.code() == kOk && there.code() == kOk) << name;
    EXPECT_EQ(found(name), here.code() == kOk ? "min" : there.code() == kOk ? "max" : "none");
    for (const v1::Failure& refused : {here, there})
      EXPECT_TRUE(refused.code() == kOk || refused.code() == kAborted ||
                  refused.code() == kAlreadyExists)
          << refused.message();
    if (here.code() != kOk && there.code() != kOk) {
      EXPECT_EQ(create(buckets(), definition(name, "min")).code(), kOk) << "nothing is in its way";
    }
  }
}

TEST_F(BucketRaces, TheSameDefinitionIsMadeByBoth) {
  for (int i = 0; i < 20; ++i) {
    const std::string name = "b" + std::to_string(i);
    const Operations other(shards_.shards(), shards_.ring());
    v1::Failure there;
    std::thread at_other([&] { there = create(other.buckets(), definition(name, "max")); });
    EXPECT_EQ(create(buckets(), definition(name, "max")).code(), kOk);
    at_other.join();
    EXPECT_EQ(there.code(), kOk) << there.message();
    EXPECT_EQ(found(name), "max");
  }
}

TEST_F(BucketRaces, WhatADeadMakerHasProposedIsNoBucketAndTheSameOneFinishesIt) {
  write(definition("half", "max", true));
  EXPECT_EQ(found("half"), "none");
  const v1::Failure refused = create(buckets(), definition("half", "min"));
  EXPECT_EQ(refused.code(), kAborted);
  EXPECT_EQ(refused.outcome(), v1::Failure::NOT_APPLIED);
  EXPECT_THAT(refused.message(),
              HasSubstr("a bucket \"half\" of policy max is being made at the same "
                        "time, or was left half made"));
  EXPECT_EQ(found("half"), "none");
  EXPECT_EQ(create(buckets(), definition("half", "max")).code(), kOk);
  EXPECT_EQ(found("half"), "max");
}

// Whichever of the two times is the earlier: its maker's clock may be off.
TEST_F(BucketRaces, AProposalBesideADefinitionChangesNothing) {
  write(definition("a", "min", true));
  write(definition("a", "max"));
  write(definition("b", "max"));
  write(definition("b", "min", true));
  for (const char* name : {"a", "b"}) {
    EXPECT_EQ(found(name), "max") << name;
    EXPECT_EQ(create(buckets(), definition(name, "max")).code(), kOk);
    const v1::Failure refused = create(buckets(), definition(name, "min"));
    EXPECT_EQ(refused.code(), kAlreadyExists);
    EXPECT_THAT(refused.message(), HasSubstr("of policy max, and a bucket never changes"));
  }
}

}  // namespace
}  // namespace kv
