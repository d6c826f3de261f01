// Buckets of policy custom as clients meet them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/adapters/grpc/testing/service_in_process.h"

namespace kv {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

// A set of words, in order, with commas between them.
const std::string kUnion = R"lua(
local function words_of(text)
  local words, from = {}, 1
  assert(not text:find(' '), 'no blanks')
  while text ~= '' do
    local comma = text:find(',', from) or #text + 1
    words[text:sub(from, comma - 1)] = true
    from = comma + 1
    if from > #text + 1 then break end
  end
  return words
end
local function text_of(words)
  local list = {}
  for word in pairs(words) do list[#list + 1] = word end
  return table.concat(list, ',')
end
function merge(a, b)
  local all = words_of(a)
  assert(text_of(all) == a and text_of(words_of(b)) == b, 'not in order')
  for word in pairs(words_of(b)) do all[word] = true end
  return text_of(all)
end
)lua";

// Lawful as long as nobody puts "z".
const std::string kLawlessAtZ =
    "function merge(a, b) if a == 'z' then return b end return a > b and a or b end";

class MergedTest : public ::testing::Test {
 protected:
  grpc::Status make(const std::string& name, const std::string& source,
                    const std::vector<std::string>& samples = {}) {
    v1::Bucket bucket;
    bucket.set_name(name);
    bucket.set_policy("custom");
    bucket.set_merge(source);
    for (const std::string& sample : samples) bucket.add_samples(sample);
    return service_.create_bucket(bucket).first;
  }
  std::pair<grpc::Status, v1::WriteResponse> put(const std::string& value,
                                                 const std::string& token = "",
                                                 const std::string& bucket = "words") {
    v1::PutRequest request;
    request.set_bucket(bucket);
    request.set_key("k");
    request.set_value(value);
    request.set_token(token);
    return service_.put(request);
  }
  v1::GetResponse get(const std::string& bucket = "words") {
    v1::GetRequest request;
    request.set_bucket(bucket);
    request.set_key("k");
    auto [status, response] = service_.get(request);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  // Two values beside each other, as both sides of a partition leave them.
  void put_both(const std::string& a, const std::string& b, const std::string& bucket = "words") {
    const std::string token = get(bucket).token();
    EXPECT_TRUE(put(a, token, bucket).first.ok());
    EXPECT_TRUE(put(b, token, bucket).first.ok());
  }

  ServiceInProcess service_;
};

TEST_F(MergedTest, AReaderIsShownSiblingsMerged) {
  ASSERT_TRUE(make("words", kUnion).ok());
  EXPECT_THAT(get().values(), IsEmpty());
  put_both("apples", "figs,pears");
  const v1::GetResponse both = get();
  EXPECT_THAT(both.values(), ElementsAre("apples,figs,pears"));
  EXPECT_EQ(both.dots_size(), 2) << "all that were merged";
  v1::ScanRequest scan;
  scan.set_bucket("words");
  const auto pages = service_.scan(scan).second;
  ASSERT_EQ(pages.at(0).entries_size(), 1);
  EXPECT_THAT(pages[0].entries(0).values(), ElementsAre("apples,figs,pears"));
  v1::BatchRequest batch;
  batch.add_operations()->mutable_get()->set_bucket("words");
  batch.mutable_operations(0)->mutable_get()->set_key("k");
  EXPECT_THAT(service_.batch(batch).second.results(0).get().values(),
              ElementsAre("apples,figs,pears"));
  EXPECT_TRUE(put("figs", both.token()).first.ok()) << "supersedes what was read";
  EXPECT_THAT(get().values(), ElementsAre("figs"));
}

TEST_F(MergedTest, APutWithoutATokenIsMergedWithWhatIsThere) {
  ASSERT_TRUE(make("words", kUnion).ok());
  EXPECT_THAT(put("pears").second.token(), Not(IsEmpty())) << "nothing was there";
  put_both("apples", "figs");
  const auto [status, written] = put("bread");
  EXPECT_TRUE(status.ok());
  EXPECT_THAT(written.token(), IsEmpty()) << "its client has not read what is stored now";
  const v1::GetResponse all = get();
  EXPECT_THAT(all.values(), ElementsAre("apples,bread,figs"));
  EXPECT_EQ(all.dots_size(), 1) << "the siblings have become one";
  v1::DeleteRequest gone;
  gone.set_bucket("words");
  gone.set_key("k");
  EXPECT_TRUE(service_.del(gone).first.ok());
  EXPECT_THAT(get().values(), IsEmpty());
}

TEST_F(MergedTest, WhatTheFunctionTakesForNoValueIsRefused) {
  ASSERT_TRUE(make("words", kUnion).ok());
  ASSERT_TRUE(put("apples").first.ok());
  for (const std::string& token : {std::string(), get().token()}) {
    const grpc::Status refused = put("two words", token).first;
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(refused.error_message(),
                AllOf(HasSubstr("bucket \"words\" takes no such value"), HasSubstr("no blanks")));
    EXPECT_EQ(failure_of(refused).outcome(), v1::Failure::NOT_APPLIED);
  }
  EXPECT_THAT(get().values(), ElementsAre("apples"));
  EXPECT_THAT(put(std::string(300'000, 'x')).first.error_message(),
              HasSubstr("the limit is 262144"));
  v1::PutRequest expires;
  expires.set_bucket("words");
  expires.set_key("k");
  expires.set_ttl_ms(1000);
  EXPECT_THAT(service_.put(expires).first.error_message(), HasSubstr("a time to live"));
}

TEST_F(MergedTest, ALawlessFunctionMakesNoBucket) {
  const grpc::Status refused = make("bad", "function merge(a, b) return a end");
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(refused.error_message(), HasSubstr("not commutative:\n  a = "));
  const grpc::Status at_z = make("bad", kLawlessAtZ, {"z"});
  EXPECT_THAT(at_z.error_message(), AllOf(HasSubstr("not commutative"), HasSubstr("\n  b = z\n")));
  EXPECT_THAT(make("bad", "").error_message(), HasSubstr("needs a merge function"));
  EXPECT_EQ(service_.buckets().second.buckets_size(), 1) << "the default one";
  v1::Bucket lww;
  lww.set_name("bad");
  lww.set_policy("lww");
  lww.set_merge(kUnion);
  EXPECT_THAT(service_.create_bucket(lww).first.error_message(), HasSubstr("policy custom only"));
}

TEST_F(MergedTest, TheFunctionIsPartOfTheDefinition) {
  ASSERT_TRUE(make("words", kUnion).ok());
  EXPECT_TRUE(make("words", kUnion).ok());
  EXPECT_EQ(make("words", kUnion + "-- changed").error_code(), grpc::StatusCode::ALREADY_EXISTS);
  const auto listed = service_.buckets().second;
  ASSERT_EQ(listed.buckets_size(), 2);
  EXPECT_EQ(listed.buckets(1).merge(), kUnion);
}

// What samples have not shown may turn out later: then nothing is guessed, and nothing lost.
TEST_F(MergedTest, WhereALawIsBrokenSiblingsAreShown) {
  ASSERT_TRUE(make("late", kLawlessAtZ).ok());
  put_both("x", "z", "late");
  EXPECT_THAT(get("late").values(), UnorderedElementsAre("x", "z"));
  EXPECT_TRUE(put("y", "", "late").first.ok());
  EXPECT_THAT(get("late").values(), UnorderedElementsAre("x", "y", "z"));
  EXPECT_TRUE(put("b", get("late").token(), "late").first.ok());
  EXPECT_THAT(get("late").values(), ElementsAre("b"));
}

}  // namespace
}  // namespace kv
