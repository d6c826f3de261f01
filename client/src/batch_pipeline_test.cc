#include "kv/batch_pipeline.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "client/testing/clients.h"
#include "client/testing/fake_node.h"
#include "client/testing/sockets.h"
#include "kv/limits.h"

namespace kv::client {
namespace {

using std::chrono::milliseconds;
using testing::client_of;
using testing::failure;
using testing::FakeNode;
using testing::FakeStore;
using testing::kPatience;
using testing::packed;
using testing::RefusingPort;
using testing::Tunnel;

std::vector<Operation> puts(int first, int count) {
  std::vector<Operation> operations;
  for (int i = first; i < first + count; ++i) {
    operations.push_back({.key = "k" + std::to_string(i), .value = "v" + std::to_string(i)});
  }
  return operations;
}

// Counts the results of all batches.
struct Tally {
  std::atomic<int> stored{0};
  std::atomic<int> failed{0};

  BatchPipeline::Done done() {
    return [this](std::vector<OperationResult> results) {
      for (const OperationResult& result : results) ++(result.ok() ? stored : failed);
    };
  }
};

TEST(BatchPipeline, AnswersEveryBatch) {
  FakeNode node;
  const auto client = client_of({node.address()});
  Tally tally;
  {
    BatchPipeline pipeline(*client, {.batch = {.timeout = kPatience}, .in_flight = 4});
    for (int i = 0; i < 50; ++i) pipeline.submit(puts(i * 10, 10), tally.done());
    pipeline.submit({}, tally.done());
    pipeline.drain();
    EXPECT_EQ(tally.stored, 500);
  }
  EXPECT_EQ(tally.failed, 0);
  EXPECT_EQ(node.store().all().size(), 500U);
}

// The node answers nothing until as many batches as allowed have arrived; a client that sent fewer
// at once would hang.
TEST(BatchPipeline, KeepsAsManyInFlightAsAllowed) {
  constexpr int kInFlight = 6;
  FakeNode node;
  std::mutex mutex;
  std::condition_variable all_here;
  int arrived = 0;
  node.set_hook([&](const std::string&, grpc::ServerContext&) -> std::optional<grpc::Status> {
    std::unique_lock lock(mutex);
    ++arrived;
    all_here.notify_all();
    all_here.wait_for(lock, kPatience, [&] { return arrived >= kInFlight; });
    return std::nullopt;
  });
  const auto client = client_of({node.address()});
  Tally tally;
  BatchPipeline pipeline(*client, {.batch = {.timeout = kPatience}, .in_flight = kInFlight});
  for (int i = 0; i < kInFlight; ++i) pipeline.submit(puts(i * 10, 10), tally.done());
  pipeline.drain();
  EXPECT_EQ(arrived, kInFlight);
  EXPECT_EQ(tally.stored, kInFlight * 10);
}

TEST(BatchPipeline, SurvivesTheDeathOfANodeMidway) {
  const auto store = std::make_shared<FakeStore>();
  FakeNode dying(store);
  FakeNode other(store);
  Tunnel tunnel(dying.address());
  std::atomic<int> batches{0};
  dying.set_hook([&](const std::string&, grpc::ServerContext&) -> std::optional<grpc::Status> {
    if (++batches == 5) tunnel.cut();
    return std::nullopt;
  });
  const auto client = client_of({tunnel.address(), other.address()});
  Tally tally;
  std::atomic<int> retries{0};
  BatchPipeline pipeline(*client, {.batch = {.timeout = kPatience},
                                   .in_flight = 4,
                                   .retry_for = kPatience,
                                   .on_retry = [&](const Failure&) { ++retries; }});
  for (int i = 0; i < 30; ++i) pipeline.submit(puts(i * 10, 10), tally.done());
  pipeline.drain();
  EXPECT_EQ(tally.stored, 300);
  EXPECT_EQ(tally.failed, 0);
  EXPECT_GE(retries, 1);
  EXPECT_EQ(store->all().size(), 300U);
  EXPECT_GT(other.calls("Batch"), 0);
}

TEST(BatchPipeline, AsksAnotherNodeWhenOneHasTooFewReplicas) {
  const auto store = std::make_shared<FakeStore>();
  FakeNode cut_off(store);
  FakeNode other(store);
  cut_off.set_hook([](const std::string&, grpc::ServerContext&) {
    return packed(failure(grpc::StatusCode::UNAVAILABLE, "1 of 3 alive"));
  });
  const auto client = client_of({cut_off.address(), other.address()});
  Tally tally;
  BatchPipeline pipeline(*client,
                         {.batch = {.timeout = kPatience}, .in_flight = 1, .retry_for = kPatience});
  pipeline.submit(puts(0, 10), tally.done());
  pipeline.drain();
  EXPECT_EQ(tally.stored, 10);
  EXPECT_EQ(cut_off.calls(), 1);
}

TEST(BatchPipeline, RepeatsOnlyTheOperationsThatFailed) {
  FakeNode node;
  std::atomic<int> refusals{2};
  node.set_operation_hook(
      [&](const v1::BatchRequest::Operation& operation) -> std::optional<v1::Failure> {
        if (operation.put().key() == "k3" && refusals-- > 0)
          return failure(grpc::StatusCode::RESOURCE_EXHAUSTED, "full");
        if (operation.put().key() == "k4") return failure(grpc::StatusCode::INVALID_ARGUMENT, "no");
        return std::nullopt;
      });
  const auto client = client_of({node.address()});
  std::vector<OperationResult> answered;
  BatchPipeline pipeline(*client, {.batch = {.timeout = kPatience}, .retry_for = kPatience});
  pipeline.submit(puts(0, 6),
                  [&](std::vector<OperationResult> results) { answered = std::move(results); });
  pipeline.drain();
  ASSERT_EQ(answered.size(), 6U);
  EXPECT_TRUE(answered[3].ok());
  EXPECT_EQ(answered[4].failure().code, absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(node.store().writes(), 5U);
}

TEST(BatchPipeline, GivesUpAfterTheTimeGiven) {
  RefusingPort dead;
  const auto client = client_of({dead.address()});
  std::vector<OperationResult> answered;
  BatchPipeline pipeline(*client, {.retry_for = milliseconds(150)});
  pipeline.submit(puts(0, 2),
                  [&](std::vector<OperationResult> results) { answered = std::move(results); });
  pipeline.drain();
  ASSERT_EQ(answered.size(), 2U);
  EXPECT_FALSE(answered[0].failure().reached);
  EXPECT_EQ(answered[1].failure().outcome, Outcome::kNotApplied);
}

TEST(BatchPipeline, RepeatsNothingOnceCancelled) {
  RefusingPort dead;
  const auto client = client_of({dead.address()});
  Tally tally;
  std::atomic<bool> retried{false};
  BatchPipeline pipeline(*client,
                         {.retry_for = std::chrono::hours(1), .on_retry = [&](const Failure&) {
                            retried = true;
                            retried.notify_all();
                          }});
  pipeline.submit(puts(0, 3), tally.done());
  retried.wait(false);
  pipeline.cancel();
  pipeline.drain();
  EXPECT_EQ(tally.failed, 3);
}

TEST(BatchPipeline, SendsASingleOperationAsItsOwnRequest) {
  FakeNode node;
  const auto client = client_of({node.address()});
  const std::string value(kMaxValueBytes, 'v');
  Tally tally;
  BatchPipeline pipeline(*client,
                         {.batch = {.timeout = kPatience, .durability = Durability::kDisk}});
  pipeline.submit({{.key = "k", .value = value}}, tally.done());
  pipeline.submit({{.kind = Operation::Kind::kDelete, .key = "other"}}, tally.done());
  pipeline.submit({{.kind = Operation::Kind::kGet, .key = "other"}}, tally.done());
  pipeline.drain();
  EXPECT_EQ(tally.stored, 3);
  EXPECT_EQ(node.calls("Batch"), 0);
  EXPECT_EQ(node.store().value("k"), value);
  EXPECT_EQ(node.last_put().durability(), v1::DURABILITY_DISK);
}

}  // namespace
}  // namespace kv::client
