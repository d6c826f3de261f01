#include "client/src/failure.h"

#include <gtest/gtest.h>

#include "client/testing/fake_node.h"
#include "kv/v1/status.pb.h"

namespace kv::client {
namespace {

using testing::failure;
using testing::packed;

constexpr Dot kDot{.actor = 1, .counter = 2};

TEST(Judge, TakesANodesWordForWhatItDid) {
  const grpc::Status status = packed(failure(grpc::StatusCode::UNAVAILABLE, "1 of 3 alive"));
  const Verdict verdict = judge(status, RequestKind::kWrite, "a:1");
  EXPECT_TRUE(verdict.answered);
  EXPECT_EQ(verdict.next, Next::kNextEndpoint) << "another may be able to";
  EXPECT_EQ(verdict.failure.code, absl::StatusCode::kUnavailable);
  EXPECT_EQ(verdict.failure.outcome, Outcome::kNotApplied);
  EXPECT_EQ(verdict.failure.message, "1 of 3 alive");
  EXPECT_TRUE(verdict.failure.reached);
}

TEST(Judge, DoesNotRepeatAWriteThatMayHaveBeenStoredElsewhere) {
  const auto unknown =
      failure(grpc::StatusCode::UNAVAILABLE, "stopping", v1::Failure::UNKNOWN, kDot);
  EXPECT_EQ(judge(packed(unknown), RequestKind::kWrite, "a:1").next, Next::kReturn);
}

TEST(Judge, RepeatsAWriteThatItsRequestIdMakesOne) {
  const auto unknown =
      failure(grpc::StatusCode::DEADLINE_EXCEEDED, "1 of 2 acks", v1::Failure::UNKNOWN, kDot);
  const Verdict answered = judge(packed(unknown), RequestKind::kRepeatableWrite, "a:1");
  EXPECT_EQ(answered.next, Next::kBackoff);
  EXPECT_EQ(answered.failure.outcome, Outcome::kUnknown);
  const Verdict broken = judge(grpc::Status(grpc::StatusCode::UNAVAILABLE, "reset"),
                               RequestKind::kRepeatableWrite, "a:1");
  EXPECT_EQ(broken.next, Next::kNextEndpoint);
  EXPECT_EQ(broken.failure.outcome, Outcome::kUnknown);
  const Verdict late = judge(grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "late"),
                             RequestKind::kRepeatableWrite, "a:1");
  EXPECT_EQ(late.next, Next::kReturn) << "no time is left";
  EXPECT_EQ(late.failure.outcome, Outcome::kUnknown);
}

TEST(Judge, ARefusalAfterAnUnknownOutcomeLeavesItUnknown) {
  const Failure earlier{.outcome = Outcome::kUnknown, .dot = kDot, .token = "t"};
  const Failure both = after_unknown(
      {.code = absl::StatusCode::kUnavailable, .message = "1 of 3 alive", .reached = false},
      earlier);
  EXPECT_EQ(both.code, absl::StatusCode::kUnavailable);
  EXPECT_EQ(both.outcome, Outcome::kUnknown);
  EXPECT_EQ(both.dot, kDot);
  EXPECT_TRUE(both.reached);
  EXPECT_EQ(both.message, "1 of 3 alive; an earlier attempt may have been stored");
  const Failure unknown{.message = "later", .outcome = Outcome::kUnknown};
  EXPECT_EQ(after_unknown(unknown, earlier).message, "later");
}

TEST(Judge, KeepsTheDotOfAnUnknownOutcome) {
  const auto message =
      failure(grpc::StatusCode::DEADLINE_EXCEEDED, "1 of 2 acks", v1::Failure::UNKNOWN, kDot);
  const Verdict verdict = judge(packed(message), RequestKind::kWrite, "a:1");
  EXPECT_EQ(verdict.next, Next::kReturn);
  EXPECT_EQ(verdict.failure.outcome, Outcome::kUnknown);
  EXPECT_EQ(verdict.failure.dot, kDot);
  EXPECT_EQ(verdict.failure.token, "token of the dot");
}

TEST(Judge, RepeatsOnOverloadOnlyWhenNothingWasApplied) {
  const auto refused = failure(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full");
  EXPECT_EQ(judge(packed(refused), RequestKind::kWrite, "a:1").next, Next::kBackoff);
  EXPECT_EQ(judge(packed(refused), RequestKind::kRead, "a:1").next, Next::kBackoff);
  const auto unknown =
      failure(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full", v1::Failure::UNKNOWN);
  EXPECT_EQ(judge(packed(unknown), RequestKind::kWrite, "a:1").next, Next::kReturn);
}

TEST(Judge, TreatsAnUnstatedOutcomeOfAWriteAsUnknown) {
  const auto message = failure(grpc::StatusCode::INTERNAL, "?", v1::Failure::OUTCOME_UNSPECIFIED);
  EXPECT_EQ(judge(packed(message), RequestKind::kWrite, "a:1").failure.outcome, Outcome::kUnknown);
  EXPECT_EQ(judge(packed(message), RequestKind::kRead, "a:1").failure.outcome,
            Outcome::kNotApplied);
}

TEST(Judge, DoesNotRepeatAWriteWhoseConnectionBroke) {
  const Verdict verdict =
      judge({grpc::StatusCode::UNAVAILABLE, "Socket closed"}, RequestKind::kWrite, "a:1");
  EXPECT_FALSE(verdict.answered);
  EXPECT_EQ(verdict.next, Next::kReturn);
  EXPECT_EQ(verdict.failure.outcome, Outcome::kUnknown);
  EXPECT_EQ(verdict.failure.dot, std::nullopt);
}

TEST(Judge, SendsAReadWhoseConnectionBrokeElsewhere) {
  for (const auto code :
       {grpc::StatusCode::UNAVAILABLE, grpc::StatusCode::CANCELLED, grpc::StatusCode::INTERNAL}) {
    EXPECT_EQ(judge({code, "Socket closed"}, RequestKind::kRead, "a:1").next, Next::kNextEndpoint);
  }
}

TEST(Judge, GivesUpWhenTimeIsOver) {
  const grpc::Status status(grpc::StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded");
  const Verdict read = judge(status, RequestKind::kRead, "a:1");
  EXPECT_EQ(read.next, Next::kReturn);
  EXPECT_EQ(read.failure.outcome, Outcome::kNotApplied);
  EXPECT_EQ(read.failure.message, "a:1 did not answer in time");
  EXPECT_EQ(judge(status, RequestKind::kWrite, "a:1").failure.outcome, Outcome::kUnknown);
}

TEST(Judge, TriesAnotherWhenTheOtherSideIsNoNode) {
  const Verdict verdict = judge({grpc::StatusCode::UNIMPLEMENTED, ""}, RequestKind::kWrite, "a:1");
  EXPECT_EQ(verdict.next, Next::kNextEndpoint);
  EXPECT_EQ(verdict.failure.outcome, Outcome::kNotApplied);
}

TEST(Judge, TreatsDetailsItCannotReadAsTheTransports) {
  for (const std::string& details : {std::string("\xff\xff\xff"), [] {
                                       v1::RpcStatus other;
                                       other.add_details()->PackFrom(v1::Dot());
                                       return other.SerializeAsString();
                                     }()}) {
    const Verdict verdict =
        judge({grpc::StatusCode::UNAVAILABLE, "x", details}, RequestKind::kWrite, "a:1");
    EXPECT_FALSE(verdict.answered);
    EXPECT_EQ(verdict.failure.outcome, Outcome::kUnknown);
  }
}

}  // namespace
}  // namespace kv::client
