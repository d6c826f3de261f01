// Which operations of a batch are sent again, and what their answer is when they were sent several
// times. Pure. Not thread-safe; one per batch.
#pragma once

#include <cstddef>
#include <vector>

#include "kv/types.h"

namespace kv::client {

// Whether time or another node may answer differently.
bool may_pass(const Failure& failure);

class BatchRetry {
 public:
  // Precondition: `operations` is not empty.
  explicit BatchRetry(std::vector<Operation> operations);

  // What to send: the operations that have no final answer yet, in their order.
  const std::vector<Operation>& pending() const { return pending_; }

  // The answers to pending(), or the one failure of all of them. Afterwards pending() holds what
  // may be sent again.
  void record(Result<std::vector<OperationResult>> answer);

  // The first failure that may pass, of the last record(). Null: every operation has its final
  // answer.
  const Failure* retryable() const;

  // One per operation, in the order given to the constructor. Precondition: record() was called.
  std::vector<OperationResult> take_results();

 private:
  void record_one(std::size_t index, OperationResult latest);

  std::vector<Operation> pending_;
  std::vector<std::size_t> positions_;  // of pending_, in results_
  std::vector<OperationResult> results_;
};

}  // namespace kv::client
