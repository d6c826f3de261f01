// Buckets as clients meet them: made, listed, written to by each policy's rules.
#include "node/adapters/grpc/buckets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/adapters/grpc/testing/service_in_process.h"

namespace kv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class BucketsTest : public ::testing::Test {
 protected:
  BucketsTest() {
    for (const std::string_view policy : policy_names())
      EXPECT_TRUE(
          service_.create_bucket("of-" + std::string(policy), std::string(policy)).first.ok());
  }

  std::pair<grpc::Status, v1::WriteResponse> put(const std::string& policy,
                                                 const std::string& value,
                                                 const std::string& token = "") {
    v1::PutRequest request;
    request.set_bucket("of-" + policy);
    request.set_key("k");
    request.set_value(value);
    request.set_token(token);
    return service_.put(request);
  }
  v1::GetResponse get(const std::string& policy) {
    v1::GetRequest request;
    request.set_bucket("of-" + policy);
    request.set_key("k");
    auto [status, response] = service_.get(request);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  grpc::Status add(const std::string& policy, std::int64_t amount) {
    v1::UpdateRequest request;
    request.set_bucket("of-" + policy);
    request.set_key("k");
    request.set_add(amount);
    return service_.update(request).first;
  }
  std::vector<std::string> listed() {
    std::vector<std::string> names;
    const v1::ListBucketsResponse response = service_.buckets().second;
    for (const v1::Bucket& bucket : response.buckets())
      names.push_back(bucket.name() + ":" + bucket.policy());
    return names;
  }

  ServiceInProcess service_;
};

TEST_F(BucketsTest, AreListedByNameWithTheDefaultOne) {
  EXPECT_THAT(listed(), ElementsAre("default:lww", "of-counter:counter", "of-fww:fww", "of-lww:lww",
                                    "of-max:max", "of-min:min", "of-siblings:siblings"));
}

TEST_F(BucketsTest, MakingTheSameOneAgainSucceedsAndAnotherOfThatNameIsRefused) {
  EXPECT_TRUE(service_.create_bucket("of-max", "max").first.ok());
  for (const auto& [name, policy] : {std::pair{"of-max", "min"}, {"default", "siblings"}}) {
    const grpc::Status refused = service_.create_bucket(name, policy).first;
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::ALREADY_EXISTS);
    EXPECT_THAT(refused.error_message(), HasSubstr("a bucket never changes"));
  }
  EXPECT_TRUE(service_.create_bucket("default", "lww").first.ok());
  EXPECT_EQ(listed().size(), 7U);
}

TEST_F(BucketsTest, BadNamesAndPoliciesAreRefusedByName) {
  const grpc::Status no_policy = service_.create_bucket("new", "newest").first;
  EXPECT_EQ(no_policy.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(no_policy.error_message(),
            "there is no policy \"newest\"; it is one of lww, siblings, fww, max, min, counter");
  EXPECT_THAT(service_.create_bucket("a b", "lww").first.error_message(),
              HasSubstr("made of letters, digits"));
  EXPECT_THAT(service_.create_bucket("", "lww").first.error_message(), HasSubstr("empty bucket"));
}

TEST_F(BucketsTest, HoldTheirOwnKeysEach) {
  put("lww", "a");
  put("siblings", "b");
  EXPECT_THAT(get("lww").values(), ElementsAre("a"));
  EXPECT_THAT(get("siblings").values(), ElementsAre("b"));
  v1::ScanRequest scan;
  EXPECT_TRUE(service_.scan(scan).second.empty() ||
              service_.scan(scan).second[0].entries().empty());
  scan.set_bucket("of-siblings");
  ASSERT_EQ(service_.scan(scan).second.at(0).entries_size(), 1);
  EXPECT_THAT(service_.scan(scan).second[0].entries(0).values(), ElementsAre("b"));
}

TEST_F(BucketsTest, SiblingsAreAllReturnedUntilATokenResolvesThem) {
  put("siblings", "apples");
  put("siblings", "pears");
  const v1::GetResponse both = get("siblings");
  EXPECT_THAT(both.values(), UnorderedElementsAre("apples", "pears"));
  EXPECT_EQ(both.dots_size(), 2);
  // The token of a write covers that write alone: sent again it leaves what its client never read.
  const auto [status, written] = put("siblings", "plums");
  put("siblings", "plums and figs", written.token());
  EXPECT_THAT(get("siblings").values(), UnorderedElementsAre("apples", "pears", "plums and figs"));
  put("siblings", "all of them", get("siblings").token());
  EXPECT_THAT(get("siblings").values(), ElementsAre("all of them"));
}

TEST_F(BucketsTest, TheFirstWriteWins) {
  EXPECT_TRUE(put("fww", "first").first.ok());
  const grpc::Status refused = put("fww", "second").first;
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(failure_of(refused).outcome(), v1::Failure::NOT_APPLIED);
  EXPECT_THAT(get("fww").values(), ElementsAre("first"));
}

TEST_F(BucketsTest, TheGreatestAndTheSmallestNumberStay) {
  for (const char* number : {"3", "20", "-1.5", "7"}) {
    put("max", number);
    put("min", number);
  }
  EXPECT_THAT(get("max").values(), ElementsAre("20"));
  EXPECT_THAT(get("min").values(), ElementsAre("-1.5"));
  EXPECT_EQ(put("max", "many").first.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(BucketsTest, CountersAreAddedToAndNotPut) {
  for (const std::int64_t amount : {5, -2, 40}) EXPECT_TRUE(add("counter", amount).ok());
  EXPECT_THAT(get("counter").values(), ElementsAre("43"));
  EXPECT_EQ(put("counter", "1").first.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(add("lww", 1).error_message(), HasSubstr("only a counter can be added to"));
  EXPECT_EQ(add("counter", INT64_MAX).error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_THAT(get("counter").values(), ElementsAre("43"));
  v1::UpdateRequest none;
  none.set_bucket("of-counter");
  none.set_key("k");
  EXPECT_THAT(service_.update(none).first.error_message(), HasSubstr("names no operation"));
}

TEST(BucketsOfASmallSide, CannotBeMadeThere) {
  ServiceInProcess service(3);
  const grpc::Status refused = service.create_bucket("b", "lww").first;
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(refused.error_message(), HasSubstr("QUORUM needs 2 of the key's 3 replicas"));
}

}  // namespace
}  // namespace kv
