#include "kv/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "client/testing/clients.h"
#include "client/testing/fake_node.h"
#include "client/testing/sockets.h"
#include "kv/limits.h"

namespace kv::client {
namespace {

using std::chrono::milliseconds;
using testing::client_of;
using testing::cut_on;
using testing::failure;
using testing::FakeNode;
using testing::FakeStore;
using testing::kPatience;
using testing::packed;
using testing::RefusingPort;
using testing::SilentPort;
using testing::Tunnel;

// Answers `status` the first `times` times.
FakeNode::Hook refuse_first(int times, grpc::Status status) {
  return [left = std::make_shared<std::atomic<int>>(times), status](
             const std::string&, grpc::ServerContext&) -> std::optional<grpc::Status> {
    if ((*left)-- > 0) return status;
    return std::nullopt;
  };
}

TEST(Client, RefusesMalformedEndpoints) {
  for (const char* endpoint :
       {"", "host", "host:", ":7101", "host:0", "host:65536", "host:7x", "host:+1", "::1:7101",
        "ho st:7101", "http://host:7101", "host:-1"}) {
    const auto client = Client::create({.endpoints = {endpoint}});
    EXPECT_EQ(client.status().code(), absl::StatusCode::kInvalidArgument) << endpoint;
  }
  EXPECT_FALSE(Client::create({}).ok());
  for (const char* endpoint :
       {"127.0.0.1:7101", "node-1.example:65535", "[::1]:7101", "localhost:1"}) {
    EXPECT_TRUE(Client::create({.endpoints = {endpoint}}).ok()) << endpoint;
  }
}

TEST(Client, PutsGetsAndDeletes) {
  FakeNode node;
  const auto client = client_of({node.address()});
  const std::string value("a\0\n\xff", 4);
  const Result<WriteResult> put = client->put(
      "key", value,
      {.bucket = "b", .level = Level::kAll, .token = "seen", .durability = Durability::kDisk});
  ASSERT_TRUE(put.ok()) << put.failure().message;
  EXPECT_EQ(put->dot, (Dot{.actor = testing::kFakeActor, .counter = 1}));
  EXPECT_EQ(put->token, "seen+1");
  EXPECT_EQ(put->acks, 2U);
  EXPECT_EQ(put->coordinator, "n1");
  EXPECT_EQ(node.last_put().bucket(), "b");
  EXPECT_EQ(node.last_put().level(), v1::LEVEL_ALL);
  EXPECT_EQ(node.last_put().durability(), v1::DURABILITY_DISK);

  const Result<GetResult> got = client->get("key", {.level = Level::kOne});
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->values, std::vector<std::string>{value});
  EXPECT_EQ(got->token, "token of key");
  EXPECT_EQ(got->replicas, (std::vector<std::string>{"n1", "n2"}));
  EXPECT_TRUE(got->agreed);
  EXPECT_EQ(got->dots.size(), 1U);
  EXPECT_EQ(node.last_get().level(), v1::LEVEL_ONE);

  ASSERT_TRUE(client->del("key", {.token = "t"}).ok());
  EXPECT_EQ(node.last_delete().token(), "t");
  EXPECT_TRUE(client->get("key")->values.empty());
}

TEST(Client, CarriesASessionFromRequestToRequest) {
  FakeNode node;
  const auto client = client_of({node.address()});
  Session session;
  ASSERT_TRUE(client->put("key", "v", {.session = &session}).ok());
  EXPECT_TRUE(node.last_put().has_session());
  EXPECT_EQ(node.last_put().session(), "");
  EXPECT_EQ(session.bytes, "+");
  ASSERT_TRUE(client->get("key", {.session = &session}).ok());
  EXPECT_EQ(node.last_get().session(), "+");
  ASSERT_TRUE(client->add("key", 1, {.session = &session}).ok());
  ASSERT_TRUE(client->del("key", {.session = &session}).ok());
  EXPECT_EQ(node.last_delete().session(), "+++");
  EXPECT_EQ(session.bytes, "++++");
  ASSERT_TRUE(client->put("key", "v").ok());
  EXPECT_FALSE(node.last_put().has_session());
}

TEST(Client, ASessionKeepsWhatItHasWhenARequestFails) {
  FakeNode node;
  const auto client = client_of({node.address()});
  Session session{.bytes = "seen"};
  node.set_hook([](const std::string& method, grpc::ServerContext&) -> std::optional<grpc::Status> {
    if (method == "Get") return packed(failure(grpc::StatusCode::UNAVAILABLE, "stale: behind"));
    auto unknown = failure(grpc::StatusCode::DEADLINE_EXCEEDED, "unconfirmed", v1::Failure::UNKNOWN,
                           Dot{.actor = 7, .counter = 1});
    unknown.set_session("seen, and ordered after it");
    return packed(unknown);
  });
  const Result<GetResult> got = client->get("key", {.session = &session});
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.failure().code, absl::StatusCode::kUnavailable);
  EXPECT_EQ(session.bytes, "seen");
  ASSERT_FALSE(client->put("key", "v", {.session = &session}).ok());
  EXPECT_EQ(session.bytes, "seen, and ordered after it");
  session.bytes.assign(kMaxTokenBytes + 1, 'x');
  EXPECT_EQ(client->get("key", {.session = &session}).failure().code,
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(node.calls(), 2);
}

TEST(Client, CarriesValuesAtTheirLimit) {
  FakeNode node;
  const auto client = client_of({node.address()});
  const std::string value(kMaxValueBytes, 'v');
  const std::string key(kMaxKeyBytes, 'k');
  ASSERT_TRUE(client->put(key, value, {.timeout = kPatience}).ok());
  EXPECT_EQ(client->get(key, {.timeout = kPatience})->values, std::vector<std::string>{value});
}

TEST(Client, ChecksLimitsBeforeSending) {
  FakeNode node;
  const auto client = client_of({node.address()});
  const Result<WriteResult> put = client->put("k", std::string(kMaxValueBytes + 1, 'v'));
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.failure().code, absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(put.failure().outcome, Outcome::kNotApplied);
  EXPECT_FALSE(client->get("").ok());
  EXPECT_FALSE(client->get("k", {.timeout = milliseconds(0)}).ok());
  EXPECT_FALSE(client->del("").ok());
  EXPECT_FALSE(client->batch({{.key = ""}}).ok());
  EXPECT_EQ(node.calls(), 0);
}

TEST(Client, GoesOnToTheNextEndpointWhenOneRefusesConnections) {
  RefusingPort dead;
  FakeNode node;
  const auto client = client_of({dead.address(), node.address()});
  EXPECT_TRUE(client->put("k", "v", {.timeout = kPatience}).ok());
  EXPECT_TRUE(client->get("k", {.timeout = kPatience}).ok());
  EXPECT_EQ(node.calls("Put"), 1);
}

TEST(Client, GoesOnToTheNextEndpointWhenOneIsSilent) {
  SilentPort stopped;
  FakeNode node;
  const auto client = client_of({stopped.address(), node.address()});
  // A third of the time goes to each endpoint at most; the rest is for the request.
  EXPECT_TRUE(client->put("k", "v", {.timeout = milliseconds(2400)}).ok());
  // Later requests start where the last one succeeded.
  EXPECT_TRUE(client->put("k", "v", {.timeout = kPatience}).ok());
  EXPECT_EQ(node.calls("Put"), 2);
}

TEST(Client, SaysWhenNobodyCanBeReached) {
  RefusingPort dead;
  SilentPort stopped;
  const auto client = client_of({dead.address(), stopped.address()});
  const Result<WriteResult> put = client->put("k", "v", {.timeout = milliseconds(600)});
  ASSERT_FALSE(put.ok());
  EXPECT_FALSE(put.failure().reached);
  EXPECT_EQ(put.failure().outcome, Outcome::kNotApplied);
  EXPECT_NE(put.failure().message.find(dead.address() + ": cannot connect"), std::string::npos)
      << put.failure().message;
  EXPECT_NE(put.failure().message.find(stopped.address() + ": no connection within"),
            std::string::npos);
  EXPECT_FALSE(client->get("k", {.timeout = milliseconds(600)}).failure().reached);
}

TEST(Client, FindsANodeThatCameBackAtOnce) {
  auto node = std::make_unique<FakeNode>();
  const std::string address = node->address();
  const auto client = client_of({address});
  ASSERT_TRUE(client->put("k", "v", {.timeout = kPatience}).ok());
  node.reset();
  for (int i = 0; i < 3; ++i)
    EXPECT_FALSE(client->get("k", {.timeout = kPatience}).failure().reached);
  node = std::make_unique<FakeNode>(std::make_shared<FakeStore>(), address);
  ASSERT_EQ(node->address(), address);
  EXPECT_TRUE(client->get("k", {.timeout = kPatience}).ok());
}

TEST(Client, DoesNotRepeatAWriteWhoseConnectionBroke) {
  const auto store = std::make_shared<FakeStore>();
  FakeNode first(store);
  FakeNode second(store);
  Tunnel tunnel(first.address());
  first.set_hook(cut_on("Put", tunnel));
  const auto client = client_of({tunnel.address(), second.address()});
  const Result<WriteResult> put = client->put("k", "v", {.timeout = kPatience});
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.failure().outcome, Outcome::kUnknown);
  EXPECT_TRUE(put.failure().reached);
  EXPECT_EQ(put.failure().dot, std::nullopt);
  EXPECT_EQ(first.calls("Put"), 1);
  EXPECT_EQ(second.calls(), 0);
  // The next request starts at the other endpoint.
  EXPECT_TRUE(client->put("k", "w", {.timeout = kPatience}).ok());
  EXPECT_EQ(second.calls("Put"), 1);
}

TEST(Client, SendsAReadWhoseConnectionBrokeToTheNextEndpoint) {
  const auto store = std::make_shared<FakeStore>();
  store->write("k", "v", "");
  FakeNode first(store);
  FakeNode second(store);
  Tunnel tunnel(first.address());
  first.set_hook(cut_on("Get", tunnel));
  const auto client = client_of({tunnel.address(), second.address()});
  const Result<GetResult> got = client->get("k", {.timeout = kPatience});
  ASSERT_TRUE(got.ok()) << got.failure().message;
  EXPECT_EQ(got->values, std::vector<std::string>{"v"});
  EXPECT_EQ(first.calls("Get"), 1);
  EXPECT_EQ(second.calls("Get"), 1);
}

TEST(Client, TellsTheDotOfAWriteThatMayHaveBeenStored) {
  FakeNode node;
  const Dot dot{.actor = 5, .counter = 6};
  node.set_hook(refuse_first(1, packed(failure(grpc::StatusCode::DEADLINE_EXCEEDED,
                                               "1 of 2 acknowledged", v1::Failure::UNKNOWN, dot))));
  const Result<WriteResult> put =
      client_of({node.address()})->put("k", "v", {.timeout = kPatience});
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.failure().outcome, Outcome::kUnknown);
  EXPECT_EQ(put.failure().dot, dot);
  EXPECT_EQ(put.failure().token, "token of the dot");
  EXPECT_EQ(node.calls(), 1);
}

TEST(Client, TriesAnotherNodeWhenOneRefusesForWantOfReplicas) {
  FakeNode first;
  FakeNode second;
  first.set_hook(
      refuse_first(1, packed(failure(grpc::StatusCode::UNAVAILABLE, "1 of 3 replicas alive"))));
  const auto client = client_of({first.address(), second.address()});
  EXPECT_TRUE(client->put("k", "v", {.timeout = kPatience}).ok());
  EXPECT_EQ(first.calls(), 1);
  EXPECT_EQ(second.calls(), 1);
}

TEST(Client, ReturnsARefusalAtOnceWhenNoNodeIsLeftToTry) {
  FakeNode first;
  RefusingPort dead;
  FakeNode second;
  for (FakeNode* node : {&first, &second})
    node->set_hook(
        refuse_first(2, packed(failure(grpc::StatusCode::UNAVAILABLE, "1 of 3 replicas alive"))));
  for (const std::vector<std::string>& endpoints :
       {std::vector{first.address(), second.address()},
        std::vector{dead.address(), first.address()},
        std::vector{second.address(), dead.address()}}) {
    const Result<WriteResult> put = client_of(endpoints)->put("k", "v", {.timeout = kPatience});
    ASSERT_FALSE(put.ok());
    EXPECT_EQ(put.failure().outcome, Outcome::kNotApplied);
    EXPECT_TRUE(put.failure().reached);
    EXPECT_EQ(put.failure().message, "1 of 3 replicas alive");
  }
  EXPECT_EQ(first.calls(), 2) << "each is asked once for each request";
  EXPECT_EQ(second.calls(), 2);
}

TEST(Client, RepeatsWhenANodeIsOverloaded) {
  FakeNode node;
  node.set_hook(
      refuse_first(3, packed(failure(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full"))));
  const auto client = client_of({node.address()});
  EXPECT_TRUE(client->put("k", "v", {.timeout = kPatience}).ok());
  EXPECT_EQ(node.calls("Put"), 4);
}

TEST(Client, SpreadsRepetitionsOverTheEndpoints) {
  FakeNode first;
  FakeNode second;
  first.set_hook(
      refuse_first(1, packed(failure(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full"))));
  const auto client = client_of({first.address(), second.address()});
  EXPECT_TRUE(client->put("k", "v", {.timeout = kPatience}).ok());
  EXPECT_EQ(first.calls(), 1);
  EXPECT_EQ(second.calls(), 1);
}

TEST(Client, ReturnsOverloadWhenTimeIsOver) {
  FakeNode node;
  node.set_hook(
      refuse_first(1'000'000, packed(failure(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full"))));
  const Result<WriteResult> put =
      client_of({node.address()})->put("k", "v", {.timeout = milliseconds(1000)});
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.failure().code, absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(put.failure().outcome, Outcome::kNotApplied);
  EXPECT_GE(node.calls(), 2);
}

TEST(Client, SendsItsDeadlineAndKeepsIt) {
  FakeNode node;
  std::atomic<std::int64_t> left_ms{0};
  node.set_hook(
      [&](const std::string&, grpc::ServerContext& context) -> std::optional<grpc::Status> {
        left_ms = std::chrono::duration_cast<milliseconds>(context.deadline() -
                                                           std::chrono::system_clock::now())
                      .count();
        while (!context.IsCancelled()) std::this_thread::yield();
        return grpc::Status::CANCELLED;
      });
  const auto client = client_of({node.address()});
  const Result<WriteResult> put = client->put("k", "v", {.timeout = milliseconds(1000)});
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.failure().code, absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(put.failure().outcome, Outcome::kUnknown);
  EXPECT_GT(left_ms, 0);
  EXPECT_LE(left_ms, 1010);
  const Result<GetResult> got = client->get("k", {.timeout = milliseconds(1000)});
  EXPECT_EQ(got.failure().code, absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(got.failure().outcome, Outcome::kNotApplied);
}

TEST(Client, AnswersABatchOperationByOperation) {
  FakeNode node;
  node.store().write("there", "v", "");
  node.set_operation_hook(
      [](const v1::BatchRequest::Operation& operation) -> std::optional<v1::Failure> {
        if (operation.has_put() && operation.put().key() == "bad") {
          return failure(grpc::StatusCode::UNAVAILABLE, "too few", v1::Failure::NOT_APPLIED);
        }
        return std::nullopt;
      });
  const auto results = client_of({node.address()})
                           ->batch({{.kind = Operation::Kind::kGet, .key = "there"},
                                    {.key = "bad", .value = "x"},
                                    {.kind = Operation::Kind::kDelete, .key = "there"},
                                    {.key = "new", .value = "y"}});
  ASSERT_TRUE(results.ok()) << results.failure().message;
  ASSERT_EQ(results->size(), 4U);
  EXPECT_EQ(std::get<GetResult>((*results)[0].value()).values, std::vector<std::string>{"v"});
  EXPECT_EQ((*results)[1].failure().code, absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::get<WriteResult>((*results)[2].value()).dot.counter, 2U);
  EXPECT_EQ(node.store().all(), (std::map<std::string, std::string>{{"new", "y"}}));
}

class ScanTest : public ::testing::Test {
 protected:
  ScanTest() {
    for (char c = 'a'; c <= 'j'; ++c)
      store_->write(std::string(1, c), std::string("value ") + c, "");
  }

  // The keys in the order of their visits, joined.
  std::string scan(Client& client, ScanOptions options = {}) {
    options.timeout = kPatience;
    std::string keys;
    const Result<std::uint64_t> count = client.scan(options, [&](ScanEntry&& entry) {
      EXPECT_EQ(entry.values, std::vector<std::string>{"value " + entry.key});
      keys += entry.key;
      return true;
    });
    EXPECT_TRUE(count.ok()) << count.failure().message;
    EXPECT_EQ(count.ok() ? *count : 0, keys.size());
    return keys;
  }

  const std::shared_ptr<FakeStore> store_ = std::make_shared<FakeStore>();
  FakeNode first_{store_};
  FakeNode second_{store_};
};

TEST_F(ScanTest, VisitsKeysInOrder) {
  const auto client = client_of({first_.address()});
  EXPECT_EQ(scan(*client), "abcdefghij");
  EXPECT_EQ(scan(*client, {.start = "c", .end = "f"}), "cde");
  EXPECT_EQ(scan(*client, {.prefix = "d"}), "d");
  EXPECT_EQ(scan(*client, {.start = "b", .limit = 3}), "bcd");
  EXPECT_EQ(scan(*client, {.start = "z"}), "");
}

TEST_F(ScanTest, StopsWhenAskedTo) {
  int visits = 0;
  const auto count =
      client_of({first_.address()})->scan({}, [&](ScanEntry&&) { return ++visits < 3; });
  ASSERT_TRUE(count.ok());
  EXPECT_EQ(*count, 3U);
  EXPECT_EQ(visits, 3);
}

TEST_F(ScanTest, GoesOnAtTheNextEndpointWhenANodeDiesMidway) {
  Tunnel tunnel(first_.address());
  first_.set_page_hook([&](int pages) -> std::optional<grpc::Status> {
    if (pages == 2) tunnel.cut();
    return std::nullopt;
  });
  const auto client = client_of({tunnel.address(), second_.address()});
  EXPECT_EQ(scan(*client, {.limit = 9}), "abcdefghi");
  EXPECT_EQ(second_.calls("Scan"), 1);
}

TEST_F(ScanTest, GoesOnWhenTheTimeOfOneRequestEnds) {
  first_.set_page_hook([](int pages) -> std::optional<grpc::Status> {
    if (pages < 2) return std::nullopt;
    return packed(failure(grpc::StatusCode::DEADLINE_EXCEEDED, "no time left"));
  });
  EXPECT_EQ(scan(*client_of({first_.address()})), "abcdefghij");
  EXPECT_EQ(first_.calls("Scan"), 3);
}

TEST_F(ScanTest, EndsWhenItGetsNoFurther) {
  first_.set_hook([](const std::string&, grpc::ServerContext&) {
    return packed(failure(grpc::StatusCode::DEADLINE_EXCEEDED, "no replica answered"));
  });
  const auto count =
      client_of({first_.address()})->scan({.timeout = kPatience}, [](ScanEntry&&) { return true; });
  ASSERT_FALSE(count.ok());
  EXPECT_EQ(count.failure().code, absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(first_.calls("Scan"), 1);
}

}  // namespace
}  // namespace kv::client
