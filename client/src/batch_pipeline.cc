#include "kv/batch_pipeline.h"

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "client/src/backoff.h"
#include "client/src/batch_retry.h"
#include "client/src/cluster.h"

namespace kv::client {
namespace {

template <typename T>
Result<std::vector<OperationResult>> as_batch(Result<T> result) {
  if (!result.ok()) return std::move(result.failure());
  std::vector<OperationResult> results;
  results.emplace_back(OperationAnswer(std::move(result).value()));
  return results;
}

// A single operation goes as its own request: a value at its limit does not fit into a batch with
// its key.
Result<std::vector<OperationResult>> send_single(Client& client, const Operation& operation,
                                                 const BatchOptions& options) {
  if (operation.kind == Operation::Kind::kGet) {
    return as_batch(
        client.get(operation.key,
                   {.bucket = options.bucket, .level = options.level, .timeout = options.timeout}));
  }
  const WriteOptions write{.bucket = options.bucket,
                           .level = options.level,
                           .timeout = options.timeout,
                           .token = operation.token,
                           .durability = options.durability,
                           .ttl = operation.ttl,
                           .request_id = operation.request_id};
  if (operation.kind == Operation::Kind::kDelete) return as_batch(client.del(operation.key, write));
  if (operation.kind == Operation::Kind::kUpdate)
    return as_batch(client.update(operation.key, operation.leaf, operation.change, write));
  return as_batch(client.put(operation.key, operation.value, write));
}

Result<std::vector<OperationResult>> send(Client& client, const std::vector<Operation>& operations,
                                          const BatchOptions& options) {
  return operations.size() == 1 ? send_single(client, operations.front(), options)
                                : client.batch(operations, options);
}

}  // namespace

class BatchPipeline::Impl {
 public:
  Impl(Client& client, Cluster& cluster, BatchPipelineOptions options)
      : client_(client), cluster_(cluster), options_(std::move(options)) {
    if (options_.in_flight < 1 || options_.in_flight > 256) std::abort();
    for (std::size_t i = 0; i < options_.in_flight; ++i) threads_.emplace_back([this] { work(); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void submit(std::vector<Operation> operations, Done done) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return unanswered_ < options_.in_flight; });
    ++unanswered_;
    queue_.push_back({std::move(operations), std::move(done)});
    changed_.notify_all();
  }

  void drain() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return unanswered_ == 0; });
  }

  void cancel() {
    {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
    }
    changed_.notify_all();
  }

 private:
  struct Job {
    std::vector<Operation> operations;
    Done done;
  };

  // One thread: takes jobs until the pipeline is closed and the queue is empty.
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return closed_ || !queue_.empty(); });
      if (queue_.empty()) return;
      Job job = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      job.done(answer(std::move(job.operations)));
      lock.lock();
      --unanswered_;
      changed_.notify_all();
    }
  }

  std::vector<OperationResult> answer(std::vector<Operation> operations) {
    if (operations.empty()) return {};
    const Clock::time_point deadline = Clock::now() + options_.retry_for;
    BatchRetry retry(std::move(operations));
    Backoff backoff(cluster_.next_seed());
    while (true) {
      const std::size_t started_at = cluster_.preferred();
      retry.record(send(client_, retry.pending(), options_.batch));
      const Failure* failure = retry.retryable();
      const Clock::time_point next = Clock::now() + backoff.next();
      if (failure == nullptr || next >= deadline) break;
      cluster_.leave(started_at);
      if (options_.on_retry) options_.on_retry(*failure);
      if (!pause_until(next)) break;
    }
    return retry.take_results();
  }

  // False when cancelled.
  bool pause_until(Clock::time_point until) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_until(lock, until, [this] { return cancelled_; });
  }

  Client& client_;
  Cluster& cluster_;
  const BatchPipelineOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;  // anything below
  std::deque<Job> queue_;
  std::size_t unanswered_ = 0;  // queued or at work
  bool cancelled_ = false;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

BatchPipeline::BatchPipeline(Client& client, BatchPipelineOptions options)
    : impl_(std::make_unique<Impl>(client, *client.cluster_, std::move(options))) {}
BatchPipeline::~BatchPipeline() = default;

void BatchPipeline::submit(std::vector<Operation> operations, Done done) {
  impl_->submit(std::move(operations), std::move(done));
}
void BatchPipeline::drain() { impl_->drain(); }
void BatchPipeline::cancel() { impl_->cancel(); }

}  // namespace kv::client
