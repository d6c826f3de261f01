#include "client/src/batch_retry.h"

#include <numeric>
#include <utility>

#include "client/src/failure.h"

namespace kv::client {

bool may_pass(const Failure& failure) {
  if (failure.outcome == Outcome::kUnknown || !failure.reached) return true;
  return failure.code == absl::StatusCode::kUnavailable ||
         failure.code == absl::StatusCode::kResourceExhausted ||
         failure.code == absl::StatusCode::kDeadlineExceeded;
}

BatchRetry::BatchRetry(std::vector<Operation> operations)
    : pending_(std::move(operations)),
      positions_(pending_.size()),
      results_(pending_.size(), Failure{.message = "not sent", .reached = false}) {
  std::iota(positions_.begin(), positions_.end(), std::size_t{0});
}

void BatchRetry::record(Result<std::vector<OperationResult>> answer) {
  for (std::size_t i = 0; i < positions_.size(); ++i) {
    record_one(positions_[i],
               answer.ok() ? std::move(answer.value()[i]) : OperationResult(answer.failure()));
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < positions_.size(); ++i) {
    const OperationResult& result = results_[positions_[i]];
    if (result.ok() || !may_pass(result.failure())) continue;
    if (kept != i) {
      pending_[kept] = std::move(pending_[i]);
      positions_[kept] = positions_[i];
    }
    ++kept;
  }
  pending_.resize(kept);
  positions_.resize(kept);
}

void BatchRetry::record_one(std::size_t index, OperationResult latest) {
  OperationResult& result = results_[index];
  const bool was_unknown = !result.ok() && result.failure().outcome == Outcome::kUnknown;
  if (was_unknown && !latest.ok())
    latest = after_unknown(std::move(latest.failure()), result.failure());
  result = std::move(latest);
}

const Failure* BatchRetry::retryable() const {
  return positions_.empty() ? nullptr : &results_[positions_.front()].failure();
}

std::vector<OperationResult> BatchRetry::take_results() { return std::move(results_); }

}  // namespace kv::client
