#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/adapters/grpc/testing/service_in_process.h"

namespace kv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// One watch as a client has it. Ends with the object.
class Watcher {
 public:
  Watcher(ServiceInProcess& node, const v1::WatchRequest& request)
      : reader_(node.stub().Watch(&context_, request)) {}
  ~Watcher() {
    context_.TryCancel();
    finish();
  }

  // The next message; fails the test when the watch has ended.
  v1::WatchResponse next() {
    v1::WatchResponse message;
    if (!reader_->Read(&message)) ADD_FAILURE() << "it ended: " << finish().error_message();
    return message;
  }

  // False: it has ended.
  bool try_next(v1::WatchResponse& message) {
    const bool read = reader_->Read(&message);
    if (!read) finish();
    return read;
  }

  // The next so many events, as "KEY=VALUES" each.
  std::vector<std::string> events(std::size_t count) {
    std::vector<std::string> seen;
    while (seen.size() < count && !testing::Test::HasFailure()) {
      const v1::WatchResponse message = next();
      for (const auto& event : message.events()) seen.push_back(in_words(event));
    }
    return seen;
  }

  static std::string in_words(const v1::WatchResponse::Event& event) {
    std::string words = event.key();
    for (const std::string& field : event.leaf().path()) words += "/" + field;
    if (!event.leaf().element().empty()) words += "/" + event.leaf().element();
    words += "=";
    for (const auto& version : event.shown()) words += version.value();
    return words;
  }

  grpc::Status finish() {
    if (finished_) return status_;
    v1::WatchResponse rest;
    while (reader_->Read(&rest)) continue;
    finished_ = true;
    return status_ = reader_->Finish();
  }

  const grpc::Status& status() const { return status_; }  // once it has ended

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> reader_;
  grpc::Status status_;
  bool finished_ = false;
};

v1::WatchRequest of_key(const std::string& key, const std::string& token = "") {
  v1::WatchRequest request;
  request.set_key(key);
  request.set_token(token);
  return request;
}

v1::WatchRequest of_prefix(const std::string& prefix, const std::string& bucket = "") {
  v1::WatchRequest request;
  request.set_bucket(bucket);
  request.set_prefix(prefix);
  return request;
}

void put(ServiceInProcess& node, const std::string& key, const std::string& value) {
  v1::PutRequest request;
  request.set_key(key);
  request.set_value(value);
  EXPECT_TRUE(node.put(request).first.ok());
}

void del(ServiceInProcess& node, const std::string& key) {
  v1::DeleteRequest request;
  request.set_key(key);
  EXPECT_TRUE(node.del(request).first.ok());
}

TEST(WatchService, TellsOfAKeyFromTheFirstMessageOn) {
  ServiceInProcess node;
  put(node, "k", "before");
  Watcher watcher(node, of_key("k"));
  const v1::WatchResponse first = watcher.next();
  EXPECT_EQ(first.events_size(), 0);
  EXPECT_EQ(first.partitions(), 4U);
  EXPECT_EQ(first.partitions_total(), 4U);
  put(node, "k", "1");
  put(node, "other", "1");
  del(node, "k");
  put(node, "k", "2");
  EXPECT_THAT(watcher.events(3), ElementsAre("k=1", "k=", "k=2"));
}

TEST(WatchService, GoesOnFromTheFirstTokenAndFromAnyOther) {
  ServiceInProcess node;
  std::string first;
  {
    Watcher watcher(node, of_key("k"));
    first = watcher.next().token();
  }
  for (const char* value : {"1", "2", "3"}) put(node, "k", value);
  std::vector<std::string> tokens;
  {
    Watcher watcher(node, of_key("k", first));
    EXPECT_EQ(watcher.next().token(), first);
    while (tokens.size() < 3 && !testing::Test::HasFailure()) {
      const v1::WatchResponse message = watcher.next();
      for (const auto& event : message.events()) tokens.push_back(event.token());
    }
  }
  ASSERT_EQ(tokens.size(), 3U);
  Watcher watcher(node, of_key("k", tokens[0]));
  watcher.next();
  EXPECT_THAT(watcher.events(2), ElementsAre("k=2", "k=3"));
}

TEST(WatchService, APrefixSpansPartitionsAndShards) {
  ServiceInProcess node;
  Watcher watcher(node, of_prefix("user:"));
  watcher.next();
  std::vector<std::string> expected;
  for (int i = 0; i < 20; ++i) {
    put(node, "other:" + std::to_string(i), "x");
    put(node, "user:" + std::to_string(i), "x");
    expected.push_back("user:" + std::to_string(i) + "=x");
  }
  EXPECT_EQ(watcher.events(20), expected);
}

TEST(WatchService, OfASetAndAMapEachLeafIsTold) {
  ServiceInProcess node;
  ASSERT_TRUE(node.create_bucket("tags", "set").first.ok());
  ASSERT_TRUE(node.create_bucket("profiles", "map").first.ok());
  const std::string zero("a\0b", 3);
  Watcher tags(node, of_prefix(std::string("a\0", 2), "tags"));
  Watcher profiles(node, [] {
    v1::WatchRequest request = of_key("ada");
    request.set_bucket("profiles");
    return request;
  }());
  tags.next();
  profiles.next();
  v1::UpdateRequest add;
  add.set_bucket("tags");
  add.set_key(zero);
  add.set_present(true);
  add.mutable_leaf()->set_element("new");
  ASSERT_TRUE(node.update(add).first.ok());
  add.set_present(false);
  ASSERT_TRUE(node.update(add).first.ok());
  v1::UpdateRequest field;
  field.set_bucket("profiles");
  field.set_key("adam");
  field.set_put("x");
  field.mutable_leaf()->add_path("city");
  field.mutable_leaf()->set_policy("register");
  ASSERT_TRUE(node.update(field).first.ok());
  field.set_key("ada");
  ASSERT_TRUE(node.update(field).first.ok());
  const v1::WatchResponse there = tags.next();
  ASSERT_GE(there.events_size(), 1);
  EXPECT_EQ(there.events(0).shown_size(), 1);
  EXPECT_EQ(Watcher::in_words(there.events(0)), zero + "/new=");
  EXPECT_THAT(profiles.events(1), ElementsAre("ada/city=x"));
}

TEST(WatchService, WhatIsWrongIsRefused) {
  ServiceInProcess node;
  const auto refusal = [&](const v1::WatchRequest& request) {
    Watcher watcher(node, request);
    return watcher.finish();
  };
  EXPECT_EQ(refusal(of_key("")).error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(refusal(of_prefix(std::string(5000, 'x'))).error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(refusal(of_prefix("", "nowhere")).error_code(), grpc::NOT_FOUND);
  EXPECT_EQ(refusal(of_key("k", "rubbish")).error_code(), grpc::INVALID_ARGUMENT);
  std::string token;
  {
    Shard::Options of_another;
    of_another.seed = 1;
    ServiceInProcess another(1, of_another);
    Watcher watcher(another, of_key("k"));
    token = watcher.next().token();
  }
  const grpc::Status foreign = refusal(of_key("k", token));
  EXPECT_EQ(foreign.error_code(), grpc::OUT_OF_RANGE);
  EXPECT_THAT(foreign.error_message(), HasSubstr("read the current state"));
  EXPECT_EQ(failure_of(foreign).code(), grpc::OUT_OF_RANGE);
}

TEST(WatchService, ANodeWithoutAReplicaNamesThoseThatHaveOne) {
  ServiceInProcess node(9);  // each partition is held by three
  std::size_t refused = 0;
  for (int i = 0; i < 20; ++i) {
    Watcher watcher(node, of_key("key " + std::to_string(i)));
    v1::WatchResponse first;
    if (watcher.try_next(first)) continue;
    const grpc::Status status = watcher.status();
    EXPECT_EQ(status.error_code(), grpc::UNAVAILABLE);
    EXPECT_THAT(status.error_message(), HasSubstr(" or "));
    ++refused;
  }
  EXPECT_GT(refused, 0U);
  Watcher all(node, of_prefix(""));
  const v1::WatchResponse first = all.next();
  EXPECT_LT(first.partitions(), first.partitions_total());
}

TEST(WatchService, TooManyAreRefusedUntilOneEnds) {
  WatchHub::Options options;
  options.max_watchers = 2;
  ServiceInProcess node(1, {}, options);
  auto one = std::make_unique<Watcher>(node, of_key("k"));
  one->next();
  Watcher two(node, of_key("k"));
  two.next();
  {
    Watcher three(node, of_key("k"));
    const grpc::Status status = three.finish();
    EXPECT_EQ(status.error_code(), grpc::RESOURCE_EXHAUSTED);
    EXPECT_THAT(status.error_message(), HasSubstr("limits.max_watchers"));
  }
  one.reset();
  for (bool refused = true; refused;) {  // until the server has noticed
    Watcher again(node, of_key("k"));
    v1::WatchResponse first;
    refused = !again.try_next(first);
  }
}

TEST(WatchService, AQuietWatchSaysSoAndItsTokenMovesOn) {
  WatchHub::Options options;
  options.heartbeat_ms = 1;
  ServiceInProcess node(1, {}, options);
  Watcher watcher(node, of_key("k"));
  const std::string first = watcher.next().token();
  put(node, "other", "1");
  v1::WatchResponse message = watcher.next();
  while (message.token() == first && !testing::Test::HasFailure()) message = watcher.next();
  EXPECT_EQ(message.events_size(), 0);
}

// A client that reads nothing: writes go on, and it gets everything once it reads.
TEST(WatchService, AWatcherThatDoesNotReadHoldsUpNobody) {
  WatchHub::Options options;
  options.limits.tail_bytes = 10'000;
  ServiceInProcess node(1, {}, options);
  Watcher slow(node, of_key("k"));
  slow.next();
  constexpr int kWrites = 300;
  std::vector<std::string> expected;
  for (int i = 0; i < kWrites; ++i) {
    const std::string value = std::to_string(i) + std::string(10'000, '.');
    put(node, "k", value);
    expected.push_back("k=" + value);
  }
  EXPECT_EQ(slow.events(kWrites), expected);
}

TEST(WatchService, AWatcherThatTheLogDoesNotReachBackToIsTold) {
  WatchHub::Options options;
  options.limits.tail_bytes = 0;
  ServiceInProcess node(1, {}, options);
  std::string token;
  {
    Watcher watcher(node, of_key("k"));
    token = watcher.next().token();
  }
  node.engine().memory().keep_changes(3);
  for (int i = 0; i < 5; ++i) put(node, "k", "x");
  Watcher late(node, of_key("k", token));
  EXPECT_EQ(late.finish().error_code(), grpc::OUT_OF_RANGE);
}

TEST(WatchService, AStopEndsWatchesWithWhatToDo) {
  ServiceInProcess node;
  Watcher watcher(node, of_key("k"));
  watcher.next();
  node.watch_hub().stop();
  const grpc::Status status = watcher.finish();
  EXPECT_EQ(status.error_code(), grpc::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("token"));
  Watcher late(node, of_key("k"));
  EXPECT_EQ(late.finish().error_code(), grpc::UNAVAILABLE);
}

}  // namespace
}  // namespace kv
