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
    for (const std::string_view policy : policy_names()) {
      v1::Bucket bucket;
      bucket.set_name("of-" + std::string(policy));
      bucket.set_policy(std::string(policy));
      if (policy == "custom") bucket.set_merge("function merge(a, b) return a > b and a or b end");
      EXPECT_TRUE(service_.create_bucket(bucket).first.ok());
    }
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
  EXPECT_THAT(listed(),
              ElementsAre("default:lww", "of-counter:counter", "of-custom:custom", "of-flag:flag",
                          "of-fww:fww", "of-lww:lww", "of-map:map", "of-max:max", "of-min:min",
                          "of-register:register", "of-set:set", "of-siblings:siblings"));
}

TEST_F(BucketsTest, MakingTheSameOneAgainSucceedsAndAnotherOfThatNameIsRefused) {
  EXPECT_TRUE(service_.create_bucket("of-max", "max").first.ok());
  for (const auto& [name, policy] : {std::pair{"of-max", "min"}, {"default", "siblings"}}) {
    const grpc::Status refused = service_.create_bucket(name, policy).first;
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::ALREADY_EXISTS);
    EXPECT_THAT(refused.error_message(), HasSubstr("a bucket never changes"));
  }
  EXPECT_TRUE(service_.create_bucket("default", "lww").first.ok());
  EXPECT_EQ(listed().size(), 12U);
}

TEST_F(BucketsTest, BadNamesAndPoliciesAreRefusedByName) {
  const grpc::Status no_policy = service_.create_bucket("new", "newest").first;
  EXPECT_EQ(no_policy.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(no_policy.error_message(),
            "there is no policy \"newest\"; it is one of lww, siblings, fww, max, min, counter, "
            "register, flag, set, map, custom");
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

TEST_F(BucketsTest, FlagsArePutOnAndOff) {
  EXPECT_TRUE(put("flag", "true").first.ok());
  EXPECT_THAT(get("flag").values(), ElementsAre("true"));
  EXPECT_TRUE(put("flag", "false").first.ok());
  EXPECT_TRUE(get("flag").values().empty());
  EXPECT_THAT(put("flag", "maybe").first.error_message(), HasSubstr("\"true\" or \"false\""));
}

// ---- Sets and maps --------------------------------------------------------------------------------------------------

class CollectionsTest : public BucketsTest {
 protected:
  static v1::UpdateRequest on_set(const std::string& element) {
    v1::UpdateRequest request;
    request.set_bucket("of-set");
    request.set_key("k");
    request.mutable_leaf()->set_element(element);
    return request;
  }
  static v1::UpdateRequest on_map(const std::vector<std::string>& path, const std::string& policy) {
    v1::UpdateRequest request;
    request.set_bucket("of-map");
    request.set_key("k");
    for (const std::string& field : path) request.mutable_leaf()->add_path(field);
    request.mutable_leaf()->set_policy(policy);
    return request;
  }
  grpc::Status mark(v1::UpdateRequest request, bool present) {
    request.set_present(present);
    return service_.update(request).first;
  }
  // "a/b=value", or "a/b element"; pages of `limit` each.
  std::vector<std::string> leaves(const std::string& bucket, const std::vector<std::string>& path,
                                  std::uint64_t limit = 0) {
    v1::LeavesRequest request;
    request.set_bucket(bucket);
    request.set_key("k");
    request.set_limit(limit);
    for (const std::string& field : path) request.add_path(field);
    std::vector<std::string> all;
    do {
      grpc::ClientContext context;
      v1::LeavesResponse page;
      const grpc::Status status = service_.stub().Leaves(&context, request, &page);
      EXPECT_TRUE(status.ok()) << status.error_message();
      for (const auto& entry : page.entries()) {
        std::string text;
        for (const std::string& field : entry.leaf().path())
          text += (text.empty() ? "" : "/") + field;
        all.push_back(entry.leaf().element().empty() ? text + "=" + entry.value()
                                                     : text + " " + entry.leaf().element());
      }
      request.set_after(page.next());
    } while (!request.after().empty());
    return all;
  }
};

TEST_F(CollectionsTest, ASetsElementsAreAddedRemovedAndListedPageByPage) {
  for (const char* element : {"pears", "apples", "figs"})
    EXPECT_TRUE(mark(on_set(element), true).ok());
  EXPECT_TRUE(mark(on_set("apples"), true).ok()) << "it is there already";
  EXPECT_TRUE(mark(on_set("pears"), false).ok());
  EXPECT_TRUE(mark(on_set("never there"), false).ok());
  EXPECT_THAT(leaves("of-set", {}), ElementsAre(" apples", " figs"));
  EXPECT_THAT(leaves("of-set", {}, 1), ElementsAre(" apples", " figs"));
}

TEST_F(CollectionsTest, AMapHoldsLeavesOfEveryKindAndMapsInMaps) {
  v1::UpdateRequest name = on_map({"name"}, "register");
  name.set_put("Ada");
  EXPECT_TRUE(service_.update(name).first.ok());
  v1::UpdateRequest city = on_map({"address", "city"}, "register");
  city.set_put("London");
  EXPECT_TRUE(service_.update(city).first.ok());
  for (int i = 0; i < 2; ++i) {
    v1::UpdateRequest logins = on_map({"logins"}, "counter");
    logins.set_add(3);
    EXPECT_TRUE(service_.update(logins).first.ok());
  }
  EXPECT_TRUE(mark(on_map({"member"}, "flag"), true).ok());
  v1::UpdateRequest tag = on_map({"tags"}, "set");
  tag.mutable_leaf()->set_element("new");
  EXPECT_TRUE(mark(tag, true).ok());
  EXPECT_THAT(leaves("of-map", {}), ElementsAre("address/city=London", "logins=6", "member=true",
                                                "name=Ada", "tags new"));
  EXPECT_THAT(leaves("of-map", {"address"}), ElementsAre("address/city=London"));
  EXPECT_THAT(leaves("of-map", {"addr"}), ElementsAre());
  v1::UpdateRequest gone = on_map({"name"}, "register");
  gone.set_remove(true);
  EXPECT_TRUE(service_.update(gone).first.ok());
  EXPECT_THAT(leaves("of-map", {"name"}), ElementsAre());
}

TEST_F(CollectionsTest, WhatDoesNotFitIsRefused) {
  const auto refusal = [&](const v1::UpdateRequest& request) {
    const grpc::Status status = service_.update(request).first;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return status.error_message();
  };
  EXPECT_THAT(put("set", "v").first.error_message(), HasSubstr("piece by piece (kv set)"));
  EXPECT_EQ(refusal(on_set("")), "empty element; it has 1 to 4096 bytes");
  EXPECT_THAT(refusal(on_set("e")), HasSubstr("names no operation"));
  v1::UpdateRequest added = on_set("e");
  added.set_add(1);
  EXPECT_THAT(refusal(added), HasSubstr("only a counter can be added to"));
  v1::UpdateRequest no_path = on_map({}, "register");
  no_path.set_put("v");
  EXPECT_THAT(refusal(no_path), HasSubstr("a path of at least one field"));
  v1::UpdateRequest ordered = on_map({"f"}, "lww");
  ordered.set_remove(true);
  EXPECT_THAT(refusal(ordered), HasSubstr("it holds registers, counters, flags and sets"));
  v1::UpdateRequest plain = on_set("e");
  plain.set_bucket("of-lww");
  plain.set_present(true);
  EXPECT_THAT(refusal(plain), HasSubstr("of policy lww"));
}

TEST(BucketsOfASmallSide, CannotBeMadeThere) {
  ServiceInProcess service(3);
  const grpc::Status refused = service.create_bucket("b", "lww").first;
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(refused.error_message(), HasSubstr("QUORUM needs 2 of the key's 3 replicas"));
}

}  // namespace
}  // namespace kv
