#include "client/cli/commands/exit_code.h"

#include <algorithm>
#include <array>

namespace kv::cli {

ExitCode exit_code_of(const client::Failure& failure) {
  if (failure.outcome == client::Outcome::kUnknown) return kUnknown;
  if (!failure.reached) return kUnreachable;
  switch (failure.code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kNotFound:  // the bucket; a missing key is no failure
      return kUsage;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return kCondition;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return kNotAllowed;
    default:
      return kRefused;
  }
}

ExitCode worse(ExitCode a, ExitCode b) {
  constexpr std::array kByWeight = {kOk,         kNotFound,    kSiblings, kCondition, kUsage,
                                    kNotAllowed, kUnreachable, kRefused,  kUnknown};
  const auto weight = [&](ExitCode code) {
    return std::find(kByWeight.begin(), kByWeight.end(), code);
  };
  return weight(a) < weight(b) ? b : a;
}

ExitCode of_several(ExitCode worst, bool some_applied) {
  return worst == kUnreachable && some_applied ? kRefused : worst;
}

}  // namespace kv::cli
