#include "client/cli/commands/exit_code.h"

#include <gtest/gtest.h>

namespace kv::cli {
namespace {

using client::Failure;
using client::Outcome;

ExitCode code_of(absl::StatusCode code) { return exit_code_of(Failure{.code = code}); }

TEST(ExitCode, SaysWhatHappened) {
  EXPECT_EQ(code_of(absl::StatusCode::kInvalidArgument), kUsage);
  EXPECT_EQ(code_of(absl::StatusCode::kNotFound), kUsage);
  EXPECT_EQ(code_of(absl::StatusCode::kOutOfRange), kUsage);
  EXPECT_EQ(code_of(absl::StatusCode::kAlreadyExists), kCondition);
  EXPECT_EQ(code_of(absl::StatusCode::kAborted), kCondition);
  EXPECT_EQ(code_of(absl::StatusCode::kFailedPrecondition), kRefused);
  EXPECT_EQ(code_of(absl::StatusCode::kPermissionDenied), kNotAllowed);
  EXPECT_EQ(code_of(absl::StatusCode::kUnauthenticated), kNotAllowed);
  EXPECT_EQ(code_of(absl::StatusCode::kUnavailable), kRefused);
  EXPECT_EQ(code_of(absl::StatusCode::kResourceExhausted), kRefused);
  EXPECT_EQ(code_of(absl::StatusCode::kDeadlineExceeded), kRefused);
  EXPECT_EQ(code_of(absl::StatusCode::kInternal), kRefused);
}

TEST(ExitCode, PutsAnUnknownOutcomeAboveTheCode) {
  for (const auto code : {absl::StatusCode::kDeadlineExceeded, absl::StatusCode::kUnavailable,
                          absl::StatusCode::kInternal}) {
    EXPECT_EQ(exit_code_of(Failure{.code = code, .outcome = Outcome::kUnknown}), kUnknown);
  }
}

TEST(ExitCode, TellsUnreachableFromRefused) {
  EXPECT_EQ(exit_code_of(Failure{.code = absl::StatusCode::kUnavailable, .reached = false}),
            kUnreachable);
}

TEST(ExitCode, IsThatOfTheWorst) {
  EXPECT_EQ(worse(kOk, kUsage), kUsage);
  EXPECT_EQ(worse(kUsage, kOk), kUsage);
  EXPECT_EQ(worse(kUsage, kRefused), kRefused);
  EXPECT_EQ(worse(kUnknown, kRefused), kUnknown);
  EXPECT_EQ(worse(kUnreachable, kUsage), kUnreachable);
  EXPECT_EQ(worse(kCondition, kUsage), kUsage);
  EXPECT_EQ(worse(kCondition, kOk), kCondition);
  EXPECT_EQ(worse(kOk, kOk), kOk);
}

TEST(ExitCode, OfSeveralIsUnreachableOnlyWhenNothingWasApplied) {
  EXPECT_EQ(of_several(kUnreachable, false), kUnreachable);
  EXPECT_EQ(of_several(kUnreachable, true), kRefused);
  EXPECT_EQ(of_several(kUnknown, true), kUnknown);
  EXPECT_EQ(of_several(kOk, true), kOk);
}

}  // namespace
}  // namespace kv::cli
