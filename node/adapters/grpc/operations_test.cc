// Operations from many threads over several shards, without gRPC between, so that the thread sanitizer can judge them. What
// each operation answers is tested through gRPC (key_value_service_test.cc).
#include "node/adapters/grpc/operations.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <stdexcept>
#include <thread>

#include "node/adapters/asio/clock.h"
#include "node/adapters/grpc/testing/shards_in_memory.h"

namespace kv {
namespace {

constexpr int kThreads = 4;
constexpr int kKeys = 40;

Instant soon() { return after_ms(monotonic_now(), 30'000); }

// Called back once: a second call ends the process.
template <typename T>
struct Answer {
  std::shared_ptr<std::promise<T>> promise = std::make_shared<std::promise<T>>();

  T await() {
    auto future = promise->get_future();
    if (future.wait_for(std::chrono::seconds(30)) != std::future_status::ready)
      throw std::runtime_error("never answered");
    return future.get();
  }
};

v1::BatchResponse batch(const Operations& operations, const v1::BatchRequest& request) {
  Answer<v1::BatchResponse> answer;
  operations.batch(request, soon(),
                   [answer](v1::BatchResponse response, const v1::Failure& failure) {
                     EXPECT_EQ(failure.code(), 0) << failure.message();
                     answer.promise->set_value(std::move(response));
                   });
  return answer.await();
}

// All keys from a storage key on, in pages of `items`.
std::vector<std::string> scan(const Operations& operations, std::uint64_t items) {
  std::vector<std::string> keys;
  const v1::ScanRequest request;
  Answer<ScanRange> whole;
  operations.scan_range(
      request, soon(),
      [whole](const storage::Bucket&, const ScanRange& range, const v1::Failure& failure) {
        EXPECT_EQ(failure.code(), 0) << failure.message();
        whole.promise->set_value(range);
      });
  ScanRange range = whole.await();
  while (!range.from.empty()) {
    Answer<std::pair<v1::ScanResponse, std::string>> answer;
    operations.scan_page(
        storage::default_bucket(), range, request.level(), items, soon(),
        [answer](v1::ScanResponse page, std::string next, const v1::Failure& failure) {
          EXPECT_EQ(failure.code(), 0) << failure.message();
          answer.promise->set_value({std::move(page), std::move(next)});
        });
    const auto [page, next] = answer.await();
    EXPECT_LE(page.entries_size(), static_cast<int>(items));
    for (const auto& entry : page.entries()) keys.push_back(entry.key());
    range.from = next;
  }
  return keys;
}

std::string name(int thread, int i) {
  return "t" + std::to_string(thread) + "-" + std::to_string(100 + i);
}

void write_and_read_back(const Operations& operations, int thread) {
  v1::BatchRequest writes;
  v1::BatchRequest reads;
  for (int i = 0; i < kKeys; ++i) {
    writes.add_operations()->mutable_put()->set_key(name(thread, i));
    writes.mutable_operations(i)->mutable_put()->set_value("v" + std::to_string(i));
    reads.add_operations()->mutable_get()->set_key(name(thread, i));
  }
  const v1::BatchResponse written = batch(operations, writes);
  for (const auto& result : written.results())
    EXPECT_EQ(result.write().acks(), 1U) << result.failure().message();
  const v1::BatchResponse found = batch(operations, reads);
  ASSERT_EQ(found.results_size(), kKeys);
  for (int i = 0; i < kKeys; ++i) {
    ASSERT_EQ(found.results(i).get().values_size(), 1) << i;
    EXPECT_EQ(found.results(i).get().values(0), "v" + std::to_string(i));
  }
}

TEST(Operations, BatchesFromManyThreadsGetTheirOwnAnswersInOrder) {
  const ShardsInMemory shards;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] { write_and_read_back(shards.operations(), t); });
  const std::vector<std::string> meanwhile = scan(shards.operations(), 7);
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(std::is_sorted(meanwhile.begin(), meanwhile.end()));

  std::vector<std::string> all;
  for (int t = 0; t < kThreads; ++t)
    for (int i = 0; i < kKeys; ++i) all.push_back(name(t, i));
  EXPECT_EQ(scan(shards.operations(), 7), all);
  EXPECT_EQ(scan(shards.operations(), 1000), all);
}

}  // namespace
}  // namespace kv
