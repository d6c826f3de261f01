// What the client does with writes that have a request id: they may be sent again.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "client/testing/clients.h"
#include "client/testing/fake_node.h"
#include "client/testing/sockets.h"
#include "kv/client.h"

namespace kv::client {
namespace {

using testing::client_of;
using testing::cut_on;
using testing::failure;
using testing::FakeNode;
using testing::FakeStore;
using testing::kPatience;
using testing::packed;
using testing::Tunnel;

// Answers its first request so.
FakeNode::Hook answer_first(const grpc::Status& status) {
  return [status, first = std::make_shared<std::atomic<bool>>(true)](
             const std::string&, grpc::ServerContext&) -> std::optional<grpc::Status> {
    if (first->exchange(false)) return status;
    return std::nullopt;
  };
}

grpc::Status outcome_unknown() {
  return packed(failure(grpc::StatusCode::DEADLINE_EXCEEDED, "1 of 2 acks", v1::Failure::UNKNOWN,
                        Dot{.actor = 1, .counter = 2}));
}

TEST(RequestIds, SendsAWriteWithARequestIdAgainWhenItsConnectionBroke) {
  const auto store = std::make_shared<FakeStore>();
  FakeNode first(store), second(store);
  Tunnel tunnel(first.address());
  first.set_hook(cut_on("Put", tunnel));
  const auto client = client_of({tunnel.address(), second.address()});
  const Result<WriteResult> put =
      client->put("key", "v", {.timeout = kPatience, .request_id = "once"});
  ASSERT_TRUE(put.ok()) << put.failure().message;
  EXPECT_EQ(first.calls("Put"), 1);
  EXPECT_EQ(second.calls("Put"), 1);
  EXPECT_EQ(first.last_put().request_id(), "once");
  EXPECT_EQ(second.last_put().request_id(), "once");
}

TEST(RequestIds, SendsAWriteWithARequestIdAgainWhenItsOutcomeIsUnknown) {
  const auto store = std::make_shared<FakeStore>();
  FakeNode first(store), second(store);
  first.set_hook(answer_first(outcome_unknown()));
  const auto client = client_of({first.address(), second.address()});
  EXPECT_TRUE(client->del("key", {.timeout = kPatience, .request_id = "once"}).ok());
  EXPECT_EQ(second.last_delete().request_id(), "once");
}

TEST(RequestIds, WhatMayHaveBeenStoredIsNeverSaidNotToBe) {
  FakeNode first, second;
  first.set_hook(answer_first(outcome_unknown()));
  second.set_hook(answer_first(packed(failure(grpc::StatusCode::INVALID_ARGUMENT, "no"))));
  const auto client = client_of({first.address(), second.address()});
  const Result<WriteResult> put =
      client->put("key", "v", {.timeout = kPatience, .request_id = "once"});
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.failure().code, absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(put.failure().outcome, Outcome::kUnknown);
  EXPECT_EQ(put.failure().dot, (Dot{.actor = 1, .counter = 2}));
}

TEST(RequestIds, ABatchIsSentAgainIfEveryWriteInItHasARequestId) {
  const auto store = std::make_shared<FakeStore>();
  FakeNode second(store);
  for (const std::string second_id : {"b", ""}) {
    FakeNode first(store);
    Tunnel tunnel(first.address());
    first.set_hook(cut_on("Batch", tunnel));
    const auto client = client_of({tunnel.address(), second.address()});
    const auto answer = client->batch({{.key = "1", .request_id = "a"},
                                       {.kind = Operation::Kind::kGet, .key = "1"},
                                       {.key = "2", .request_id = second_id}},
                                      {.timeout = kPatience});
    EXPECT_EQ(answer.ok(), second_id == "b");
  }
  EXPECT_EQ(second.calls("Batch"), 1);
}

TEST(RequestIds, RefusesARequestIdThatIsTooLong) {
  FakeNode node;
  const auto client = client_of({node.address()});
  const Result<WriteResult> put = client->put("key", "v", {.request_id = std::string(65, 'x')});
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.failure().message, "request id has 65 bytes; the limit is 64");
  EXPECT_EQ(node.calls("Put"), 0);
}

}  // namespace
}  // namespace kv::client
