#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "client/testing/fake_node.h"
#include "kv/client.h"

namespace kv::client {
namespace {

using ::testing::ElementsAre;
using testing::FakeNode;
using ::testing::HasSubstr;

std::unique_ptr<Client> client_to(const std::vector<const FakeNode*>& nodes) {
  ClientOptions options;
  for (const FakeNode* node : nodes) options.endpoints.push_back(node->address());
  return *Client::create(options);
}

v1::WatchResponse begun(const std::string& token) {
  v1::WatchResponse message;
  message.set_token(token);
  message.set_partitions(3);
  message.set_partitions_total(4);
  return message;
}

// Of keys "a", "b", ..., with tokens "after a", ...
v1::WatchResponse events(const std::string& keys) {
  v1::WatchResponse message;
  for (const char key : keys) {
    auto* event = message.add_events();
    event->set_key(std::string(1, key));
    auto* shown = event->add_shown();
    shown->set_value("1");
    shown->mutable_dot()->set_counter(1);
    event->set_token(std::string("after ") + key);
    message.set_token(event->token());
  }
  return message;
}

grpc::Status too_old() { return testing::packed(testing::failure(grpc::OUT_OF_RANGE, "too old")); }

// Watches until `keys` events have been seen; what each update said: its key, or its token in brackets.
std::vector<std::string> watched(Client& client, const WatchOptions& options, std::size_t keys) {
  std::vector<std::string> seen;
  std::size_t events = 0;
  const auto result = client.watch(options, [&](WatchUpdate&& update) {
    EXPECT_EQ(update.partitions, 3U);
    EXPECT_EQ(update.partitions_total, 4U);
    seen.push_back(update.event.has_value() ? update.event->key : "[" + update.token + "]");
    if (update.event.has_value()) ++events;
    return events < keys;
  });
  EXPECT_TRUE(result.ok()) << result.failure().message;
  return seen;
}

TEST(Watch, TellsOfEachEventAfterATokenToBeginWith) {
  FakeNode node;
  node.set_watch_hook([](const v1::WatchRequest& request, auto& writer) {
    EXPECT_EQ(request.prefix(), "p");
    EXPECT_EQ(request.token(), "");
    writer.Write(begun("t"));
    writer.Write(events("ab"));
    writer.Write(events("c"));
    return grpc::Status::OK;
  });
  EXPECT_THAT(watched(*client_to({&node}), {.prefix = "p"}, 3), ElementsAre("[t]", "a", "b", "c"));
}

TEST(Watch, GoesOnAtTheSameNodeAfterABreak) {
  std::atomic<int> calls{0};  // of threads of the node
  FakeNode node;
  FakeNode other;
  other.set_watch_hook([](const v1::WatchRequest&, auto&) { return too_old(); });
  node.set_watch_hook([&](const v1::WatchRequest& request, auto& writer) {
    if (++calls == 1) {
      writer.Write(begun("t"));
      writer.Write(events("ab"));
      return grpc::Status(grpc::UNAVAILABLE, "as if the connection broke");
    }
    EXPECT_EQ(request.token(), "after b");
    if (calls == 2) return testing::packed(testing::failure(grpc::UNAVAILABLE, "stopping"));
    writer.Write(begun("after b"));
    writer.Write(events("c"));
    return grpc::Status::OK;
  });
  EXPECT_THAT(watched(*client_to({&node, &other}), {.key = "k"}, 3),
              ElementsAre("[t]", "a", "b", "c"));
  EXPECT_EQ(calls, 3);
}

TEST(Watch, ATokenFindsItsNodeAndANodeWithoutAReplicaIsPassedOver) {
  FakeNode none;
  none.set_watch_hook([](const v1::WatchRequest&, auto&) {
    return testing::packed(testing::failure(grpc::UNAVAILABLE, "holds no replica"));
  });
  FakeNode wrong;
  wrong.set_watch_hook([](const v1::WatchRequest&, auto&) { return too_old(); });
  FakeNode right;
  right.set_watch_hook([](const v1::WatchRequest& request, auto& writer) {
    writer.Write(begun(request.token()));
    writer.Write(events("a"));
    return grpc::Status::OK;
  });
  EXPECT_THAT(watched(*client_to({&none, &wrong, &right}), {.key = "k", .token = "t"}, 1),
              ElementsAre("a"));
}

TEST(Watch, TooOldIsAnAnswer) {
  FakeNode node;
  node.set_watch_hook([](const v1::WatchRequest& request, auto& writer) {
    if (!request.token().empty()) return too_old();
    writer.Write(begun("t"));
    writer.Write(events("a"));
    return grpc::Status(grpc::UNAVAILABLE, "as if the connection broke");
  });
  const auto client = client_to({&node});
  const auto visit = [](const WatchUpdate&) { return true; };
  for (const std::string token : {"", "old"}) {
    const auto result = client->watch({.key = "k", .token = token}, visit);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.failure().code, absl::StatusCode::kOutOfRange);
    EXPECT_THAT(result.failure().message, HasSubstr("too old"));
  }
}

TEST(Watch, ANodeThatStaysAwayEndsItWhenPatienceDoes) {
  auto node = std::make_unique<FakeNode>();
  node->set_watch_hook([](const v1::WatchRequest&, auto& writer) {
    writer.Write(begun("t"));
    return grpc::Status(grpc::UNAVAILABLE, "as if the connection broke");
  });
  const auto client = client_to({node.get()});
  const auto result = client->watch({.key = "k",
                                     .timeout = std::chrono::milliseconds(200),
                                     .patience = std::chrono::milliseconds(0)},
                                    [&](const WatchUpdate&) { return true; });
  ASSERT_FALSE(result.ok());
  EXPECT_FALSE(result.failure().reached);
  node.reset();
  const auto unreachable = client->watch({.key = "k", .timeout = std::chrono::milliseconds(200)},
                                         [&](const WatchUpdate&) { return true; });
  ASSERT_FALSE(unreachable.ok());
  EXPECT_FALSE(unreachable.failure().reached);
}

TEST(Watch, WhatIsWrongIsSaidBeforeAnythingIsSent) {
  FakeNode node;
  const auto client = client_to({&node});
  for (const WatchOptions& options :
       {WatchOptions{.key = ""}, WatchOptions{.prefix = std::string(5000, 'x')}}) {
    const auto result = client->watch(options, [](const WatchUpdate&) { return true; });
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.failure().code, absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(node.calls(), 0);
}

}  // namespace
}  // namespace kv::client
