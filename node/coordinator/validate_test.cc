#include "node/coordinator/validate.h"

#include <gtest/gtest.h>

#include "node/base/limits.h"

namespace kv {
namespace {

template <typename T>
std::string refusal(const T& result, absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
  absl::Status status;
  if constexpr (std::is_same_v<T, absl::Status>)
    status = result;
  else
    status = result.status();
  EXPECT_EQ(status.code(), code);
  return std::string(status.message());
}

const storage::Bucket& kBucket = storage::default_bucket();

TEST(Validate, Keys) {
  EXPECT_EQ(checked_key(kBucket, "k").value(), std::string("ldefault\0k", 10));
  EXPECT_EQ(checked_key(kBucket, std::string("\0\xff", 2)).value(),
            std::string("ldefault\0\0\xff", 11))
      << "any bytes";
  EXPECT_EQ(refusal(checked_key(kBucket, "")), "empty key; it has 1 to 4096 bytes");
  EXPECT_TRUE(checked_key(kBucket, std::string(kMaxKeyBytes, 'k')).ok());
  EXPECT_EQ(refusal(checked_key(kBucket, std::string(kMaxKeyBytes + 1, 'k'))),
            "key of 4097 bytes; the limit is 4096");
}

TEST(Validate, BucketNames) {
  EXPECT_TRUE(check_bucket_name("carts-2.new_A").ok());
  EXPECT_TRUE(check_bucket_name(std::string(128, 'b')).ok());
  EXPECT_EQ(refusal(check_bucket_name("")), "empty bucket name");
  EXPECT_EQ(refusal(check_bucket_name(std::string(129, 'b'))),
            "bucket name of 129 bytes; the limit is 128");
  for (const std::string& name : {std::string("a b"), std::string("a\0b", 3), std::string("ä")})
    EXPECT_EQ(refusal(check_bucket_name(name)),
              "a bucket name is made of letters, digits, \"-\", \"_\" and \".\"");
}

TEST(Validate, Values) {
  EXPECT_TRUE(check_value("").ok());
  EXPECT_TRUE(check_value(std::string(kMaxValueBytes, 'v')).ok());
  EXPECT_EQ(refusal(check_value(std::string(kMaxValueBytes + 1, 'v'))),
            "value of 4194305 bytes; the limit is 4194304");
}

TEST(Validate, Deadlines) {
  EXPECT_EQ(checked_timeout_ms(-1).value(), kDefaultDeadlineMs);
  EXPECT_EQ(checked_timeout_ms(0).value(), 0);
  EXPECT_EQ(checked_timeout_ms(60'000).value(), 60'000);
  EXPECT_EQ(refusal(checked_timeout_ms(60'001)), "deadline in 60001 ms; the limit is 60000 ms");
}

TEST(Validate, TokensAreBoundToTheirKey) {
  const std::string key = *checked_key(kBucket, "k");
  const Token token{Clock{{Actor{0xa}, 3}}, Hlc{7}};
  EXPECT_EQ(checked_token("", key).value(), std::nullopt);
  EXPECT_EQ(checked_token(make_token(token, key), key).value(), token);
  EXPECT_NE(refusal(checked_token(make_token(token, key), *checked_key(kBucket, "other"))), "");
  EXPECT_NE(refusal(checked_token("rubbish", key)), "");
}

TEST(Validate, TokensLeaveRoomForTheWritesAfterThem) {
  // A token is no secret: anybody can make one. One from the end of time would leave a version that nobody can read.
  const std::string key = *checked_key(kBucket, "k");
  const Hlc limit{kMaxHlc.bits / 2};
  EXPECT_TRUE(checked_token(make_token({{}, Hlc{limit.bits - 1}}, key), key).ok());
  for (const Hlc hlc : {limit, Hlc{kMaxHlc.bits - 1}})
    EXPECT_EQ(refusal(checked_token(make_token({{}, hlc}, key), key)),
              "token: its time is out of range");
}

TEST(Validate, AWriteHandsBackTheTokenItWasSentAndItsOwnDot) {
  const std::string key = *checked_key(kBucket, "k");
  const Dot dot{Actor{0xb}, 2};
  EXPECT_EQ(checked_token(token_after_write({}, dot, Hlc{5}, key), key).value(),
            (Token{Clock{dot}, Hlc{5}}));
  const Token sent{Clock{{Actor{0xa}, 3}}, Hlc{9}};
  EXPECT_EQ(checked_token(token_after_write(sent, dot, Hlc{5}, key), key).value(),
            (Token{Clock{{Actor{0xa}, 3}, dot}, Hlc{9}}));
}

TEST(Validate, TimesToLiveAreBoundedAndForThePoliciesThatTakeThem) {
  EXPECT_TRUE(check_ttl(0, PolicyKind::kCounter).ok());
  for (const PolicyKind kind : {PolicyKind::kLww, PolicyKind::kSiblings, PolicyKind::kFww})
    EXPECT_TRUE(check_ttl(kMaxTtlMs, kind).ok());
  EXPECT_EQ(refusal(check_ttl(kMaxTtlMs + 1, PolicyKind::kLww)),
            "time to live of 3153600000001 ms; the limit is 3153600000000");
  EXPECT_NE(refusal(check_ttl(1, PolicyKind::kMax)), "");
}

}  // namespace
}  // namespace kv
