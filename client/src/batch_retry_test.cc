#include "client/src/batch_retry.h"

#include <gtest/gtest.h>

namespace kv::client {
namespace {

using Results = std::vector<OperationResult>;

OperationResult stored(std::uint64_t counter) {
  return OperationAnswer(WriteResult{.dot = {1, counter}});
}

Failure failed(absl::StatusCode code, Outcome outcome = Outcome::kNotApplied) {
  return Failure{.code = code, .message = "m", .outcome = outcome};
}

std::vector<Operation> puts(const std::string& keys) {
  std::vector<Operation> operations;
  for (const char c : keys) operations.push_back({.key = std::string(1, c)});
  return operations;
}

std::string pending_keys(const BatchRetry& retry) {
  std::string keys;
  for (const Operation& operation : retry.pending()) keys += operation.key;
  return keys;
}

TEST(MayPass, IsTrueOfWhatTimeCanChange) {
  EXPECT_TRUE(may_pass(failed(absl::StatusCode::kUnavailable)));
  EXPECT_TRUE(may_pass(failed(absl::StatusCode::kResourceExhausted)));
  EXPECT_TRUE(may_pass(failed(absl::StatusCode::kDeadlineExceeded)));
  EXPECT_TRUE(may_pass(failed(absl::StatusCode::kInternal, Outcome::kUnknown)));
  EXPECT_TRUE(may_pass(Failure{.code = absl::StatusCode::kUnknown, .reached = false}));
  EXPECT_FALSE(may_pass(failed(absl::StatusCode::kInvalidArgument)));
  EXPECT_FALSE(may_pass(failed(absl::StatusCode::kNotFound)));
  EXPECT_FALSE(may_pass(failed(absl::StatusCode::kPermissionDenied)));
}

TEST(BatchRetry, IsOverWhenEverythingIsStored) {
  BatchRetry retry(puts("ab"));
  EXPECT_EQ(pending_keys(retry), "ab");
  retry.record(Results{stored(1), stored(2)});
  EXPECT_EQ(retry.retryable(), nullptr);
  const Results results = retry.take_results();
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(std::get<WriteResult>(results[1].value()).dot.counter, 2U);
}

TEST(BatchRetry, SendsAgainOnlyWhatMayPass) {
  BatchRetry retry(puts("abcd"));
  retry.record(Results{failed(absl::StatusCode::kUnavailable), stored(1),
                       failed(absl::StatusCode::kInvalidArgument),
                       failed(absl::StatusCode::kResourceExhausted)});
  EXPECT_EQ(pending_keys(retry), "ad");
  ASSERT_NE(retry.retryable(), nullptr);
  EXPECT_EQ(retry.retryable()->code, absl::StatusCode::kUnavailable);
  retry.record(Results{stored(2), failed(absl::StatusCode::kResourceExhausted)});
  EXPECT_EQ(pending_keys(retry), "d");
  retry.record(Results{stored(3)});
  EXPECT_EQ(retry.retryable(), nullptr);
  const Results results = retry.take_results();
  EXPECT_EQ(std::get<WriteResult>(results[0].value()).dot.counter, 2U);
  EXPECT_EQ(std::get<WriteResult>(results[1].value()).dot.counter, 1U);
  EXPECT_EQ(results[2].failure().code, absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::get<WriteResult>(results[3].value()).dot.counter, 3U);
}

TEST(BatchRetry, SpreadsTheFailureOfAllOverEach) {
  BatchRetry retry(puts("ab"));
  retry.record(failed(absl::StatusCode::kUnavailable, Outcome::kUnknown));
  EXPECT_EQ(pending_keys(retry), "ab");
  const Results results = retry.take_results();
  EXPECT_EQ(results[0].failure().outcome, Outcome::kUnknown);
  EXPECT_EQ(results[1].failure().outcome, Outcome::kUnknown);
}

TEST(BatchRetry, NeverForgetsThatAnAttemptMayHaveBeenStored) {
  BatchRetry retry(puts("a"));
  Failure unknown = failed(absl::StatusCode::kDeadlineExceeded, Outcome::kUnknown);
  unknown.dot = Dot{7, 8};
  retry.record(Results{unknown});
  Failure unreachable = failed(absl::StatusCode::kUnavailable);
  unreachable.reached = false;
  retry.record(unreachable);
  const Results results = retry.take_results();
  EXPECT_EQ(results[0].failure().outcome, Outcome::kUnknown);
  EXPECT_EQ(results[0].failure().dot, (Dot{7, 8}));
  EXPECT_TRUE(results[0].failure().reached);
  EXPECT_EQ(results[0].failure().code, absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace kv::client
