// Sessions as clients meet them: through gRPC, down to real shards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/adapters/grpc/testing/service_in_process.h"
#include "node/causality/session_codec.h"

namespace kv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <typename Request>
Request with_session(const std::string& key, const std::string& session) {
  Request request;
  request.set_key(key);
  request.set_session(session);
  request.set_level(v1::LEVEL_ONE);
  return request;
}

v1::GetRequest get_of(const std::string& key, const std::string& session) {
  return with_session<v1::GetRequest>(key, session);
}

v1::PutRequest put_with(const std::string& key, const std::string& session) {
  auto request = with_session<v1::PutRequest>(key, session);
  request.set_value("v");
  return request;
}

TEST(Sessions, GrowWithWhatIsWrittenAndRead) {
  ServiceInProcess service;
  const auto [put, written] = service.put(put_with("k", ""));
  ASSERT_TRUE(put.ok()) << put.error_message();
  const Session after_put = decode_session(written.session()).value();
  ASSERT_EQ(after_put.needs.size(), 1U);
  EXPECT_TRUE(after_put.needs.begin()->second.contains(
      {Actor{written.dot().actor()}, written.dot().counter()}));
  const auto [get, found] = service.get(get_of("k", written.session()));
  ASSERT_TRUE(get.ok()) << get.error_message();
  EXPECT_THAT(found.values(), ElementsAre("v"));
  EXPECT_EQ(decode_session(found.session()).value(), after_put) << "nothing new was seen";
  const auto [del, deleted] = service.del(with_session<v1::DeleteRequest>("k", found.session()));
  ASSERT_TRUE(del.ok()) << del.error_message();
  EXPECT_GT(decode_session(deleted.session()).value().hlc, after_put.hlc);
}

TEST(Sessions, AreNotBegunForRequestsWithoutOne) {
  ServiceInProcess service;
  v1::PutRequest put = put_with("k", "");
  put.clear_session();
  EXPECT_EQ(service.put(put).second.session(), "");
  v1::GetRequest get = get_of("k", "");
  get.clear_session();
  EXPECT_EQ(service.get(get).second.session(), "");
}

TEST(Sessions, WhatTheyHaveSeenAndNobodyHasIsStaleAndSaidAtOnce) {
  ServiceInProcess service;
  const std::string of_k = service.put(put_with("k", "")).second.session();
  Session session = decode_session(of_k).value();
  session.needs.begin()->second.add({Actor{77}, 1});
  const grpc::Status status = service.get(get_of("k", encode_session(session))).first;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("stale: "));
  EXPECT_EQ(failure_of(status).outcome(), v1::Failure::NOT_APPLIED);
}

TEST(Sessions, AreCheckedBeforeAnythingHappens) {
  ServiceInProcess service;
  const std::string token = service.put(put_with("k", "")).second.token();
  for (const std::string& bad : {std::string("rubbish"), token, std::string(70'000, 'x')}) {
    EXPECT_EQ(service.get(get_of("k", bad)).first.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    const grpc::Status put = service.put(put_with("new", bad)).first;
    EXPECT_EQ(put.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(put.error_message(), HasSubstr("session"));
  }
  v1::GetRequest get;
  get.set_key("new");
  EXPECT_TRUE(service.get(get).second.values().empty());
}

// A node whose clock is behind what the session has seen writes after it all the same.
TEST(Sessions, AWriteIsAfterWhatTheyHaveSeen) {
  ServiceInProcess service;
  Session session;
  session.hlc = Hlc{(4'000'000'000'000ULL << 16) + 7};  // in the year 2096
  const auto written = service.put(put_with("k", encode_session(session))).second;
  EXPECT_GT(decode_session(written.session()).value().hlc, session.hlc);
}

TEST(Sessions, ABatchTakesOneForEachOperation) {
  ServiceInProcess service;
  v1::BatchRequest batch;
  *batch.add_operations()->mutable_put() = put_with("k", "");
  *batch.add_operations()->mutable_get() = get_of("other", "rubbish");
  const auto results = service.batch(batch).second.results();
  ASSERT_EQ(results.size(), 2);
  EXPECT_NE(results[0].write().session(), "");
  EXPECT_EQ(results[1].failure().code(), static_cast<int>(grpc::StatusCode::INVALID_ARGUMENT));
}

}  // namespace
}  // namespace kv
