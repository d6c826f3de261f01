// Many batches in flight at once, each repeated until it is answered: what loads data fast and
// survives a dying node.
//
// A batch that gets no answer (its node died, or none can be reached), and every operation in it
// that is answered with "too few replicas", "overloaded" or "outcome unknown", is sent again
// through the next endpoint, with exponential backoff and jitter, until `retry_for` is over. A
// write may therefore be stored more than once, under more than one dot. For puts without a token
// that is harmless as far as the loader alone goes: the same value is stored again. It can
// supersede what somebody else wrote to the same key meanwhile; where that matters, and for what is
// added to counters, give the operations request ids.
//
// Two batches in flight at once are applied in no particular order: a caller that writes one key
// twice waits for the first one's answer before it submits the second (or puts both into one batch
// and accepts the later answer).
//
// Thread-safety: submit() and drain() from any thread. Answers are given on the pipeline's own
// threads, several at once. Ownership: the client must outlive the pipeline. The destructor waits
// for every batch; cancel() makes that short.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "kv/client.h"
#include "kv/types.h"

namespace kv::client {

struct BatchPipelineOptions {
  BatchOptions batch{};       // `timeout` is each attempt's
  std::size_t in_flight = 8;  // batches at once, 1 to 256; each has its own thread
  std::chrono::milliseconds retry_for{30'000};  // 0: one attempt
  // Called before each repetition with what went wrong; on the pipeline's threads, several at once.
  std::function<void(const Failure&)> on_retry{};
};

class BatchPipeline {
 public:
  // One result per operation of the batch, in the same order; never a batch-wide failure. Must not
  // call back into the pipeline.
  using Done = std::function<void(std::vector<OperationResult> results)>;

  // Precondition: in_flight is 1 to 256.
  BatchPipeline(Client& client, BatchPipelineOptions options);
  ~BatchPipeline();
  BatchPipeline(const BatchPipeline&) = delete;
  BatchPipeline& operator=(const BatchPipeline&) = delete;

  // Blocks while `in_flight` batches are unanswered, so memory is bounded by what the caller puts
  // into so many batches.
  void submit(std::vector<Operation> operations, Done done);

  // Returns when every batch submitted so far is answered.
  void drain();

  // From now on nothing is repeated: what is in flight is answered with its next result.
  void cancel();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kv::client
