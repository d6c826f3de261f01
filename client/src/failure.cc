#include "client/src/failure.h"

#include <absl/strings/str_cat.h>

#include <optional>

#include "kv/v1/status.pb.h"

namespace kv::client {
namespace {

std::optional<v1::Failure> packed_failure(const grpc::Status& status) {
  v1::RpcStatus details;
  if (status.error_details().empty() || !details.ParseFromString(status.error_details()))
    return std::nullopt;
  for (const auto& detail : details.details()) {
    v1::Failure failure;
    if (detail.Is<v1::Failure>() && detail.UnpackTo(&failure)) return failure;
  }
  return std::nullopt;
}

Verdict judge_answer(const v1::Failure& message, RequestKind kind) {
  Verdict verdict{.failure = to_failure(message, kind), .answered = true};
  if (verdict.failure.outcome == Outcome::kUnknown) {
    if (kind == RequestKind::kRepeatableWrite) verdict.next = Next::kBackoff;
    return verdict;
  }
  // What this node cannot do for want of peers, or with its clock, another may.
  if (verdict.failure.code == absl::StatusCode::kUnavailable) verdict.next = Next::kNextEndpoint;
  if (verdict.failure.code == absl::StatusCode::kResourceExhausted) verdict.next = Next::kBackoff;
  return verdict;
}

Verdict judge_transport(const grpc::Status& status, RequestKind kind, const std::string& address) {
  Verdict verdict;
  verdict.failure.code = static_cast<absl::StatusCode>(status.error_code());
  const bool out_of_time = status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  // The other side has no such method: it is no node of ours, or too old a one, and did nothing.
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    verdict.failure.message =
        absl::StrCat(address, " does not offer this operation: ", status.error_message());
    verdict.next = Next::kNextEndpoint;
    return verdict;
  }
  verdict.failure.message = out_of_time ? absl::StrCat(address, " did not answer in time")
                                        : absl::StrCat("the request to ", address,
                                                       " broke off: ", status.error_message());
  if (kind != RequestKind::kRead) {
    verdict.failure.outcome = Outcome::kUnknown;
    absl::StrAppend(&verdict.failure.message, "; it may have been stored");
  }
  if (kind == RequestKind::kWrite) return verdict;
  if (!out_of_time) verdict.next = Next::kNextEndpoint;
  return verdict;
}

}  // namespace

Failure to_failure(const v1::Failure& message, RequestKind kind) {
  Failure failure;
  failure.code = static_cast<absl::StatusCode>(message.code());
  failure.message = message.message();
  if (kind == RequestKind::kRead) return failure;
  // An outcome that the node left out, or one that this client does not know, is not a promise that
  // nothing happened.
  failure.outcome =
      message.outcome() == v1::Failure::NOT_APPLIED ? Outcome::kNotApplied : Outcome::kUnknown;
  if (failure.outcome == Outcome::kUnknown && message.has_dot()) {
    failure.dot = Dot{.actor = message.dot().actor(), .counter = message.dot().counter()};
    failure.token = message.token();
    failure.session = message.session();
  }
  return failure;
}

Failure after_unknown(Failure latest, const Failure& earlier) {
  if (latest.outcome == Outcome::kUnknown) return latest;
  latest.outcome = Outcome::kUnknown;
  latest.dot = earlier.dot;
  latest.token = earlier.token;
  latest.session = earlier.session;
  latest.reached = true;
  latest.message += "; an earlier attempt may have been stored";
  return latest;
}

Verdict judge(const grpc::Status& status, RequestKind kind, const std::string& address) {
  const std::optional<v1::Failure> failure = packed_failure(status);
  return failure.has_value() ? judge_answer(*failure, kind)
                             : judge_transport(status, kind, address);
}

}  // namespace kv::client
