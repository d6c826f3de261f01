// What a node tells of its own replicas.
#include "node/adapters/grpc/inspection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/adapters/grpc/testing/service_in_process.h"
#include "node/base/limits.h"

namespace kv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class InspectionTest : public ::testing::Test {
 protected:
  template <typename Response, typename Method, typename Request>
  std::pair<grpc::Status, Response> ask(Method method, const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    std::pair<grpc::Status, Response> answer;
    answer.first = (service_.admin().*method)(&context, request, &answer.second);
    return answer;
  }
  v1::ClocksResponse clocks() {
    return ask<v1::ClocksResponse>(&v1::Admin::Stub::Clocks, v1::ClocksRequest()).second;
  }
  v1::WriteResponse put(const std::string& value) {
    v1::PutRequest request;
    request.set_key("k");
    request.set_value(value);
    request.set_durability(v1::DURABILITY_DISK);
    auto [status, response] = service_.put(request);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  ServiceInProcess service_;
};

TEST_F(InspectionTest, ClocksAreToldOfEveryPartitionAndChangeWithItsWrites) {
  const v1::ClocksResponse before = clocks();
  EXPECT_EQ(before.id(), "n1");
  ASSERT_EQ(before.replicas_size(), 5) << "four partitions and the catalog";
  put("v");
  const v1::ClocksResponse after = clocks();
  int changed = 0;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(after.replicas(i).partition(), static_cast<std::uint32_t>(i));
    EXPECT_THAT(after.replicas(i).replicas(), ElementsAre("n1"));
    changed += after.replicas(i).applied() != before.replicas(i).applied() ? 1 : 0;
  }
  EXPECT_EQ(changed, 1);
}

TEST_F(InspectionTest, AWriteIsHeldByItsReplicaAndAnUnknownOneByNone) {
  v1::HoldsRequest request;
  *request.add_dots() = put("v").dot();
  request.add_dots()->set_actor(1);
  const auto [status, response] = ask<v1::HoldsResponse>(&v1::Admin::Stub::Holds, request);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.held_size(), 2);
  EXPECT_TRUE(response.held(0).applied());
  EXPECT_TRUE(response.held(0).durable()) << "it asked for disk";
  EXPECT_THAT(response.held(0).replicas(), ElementsAre("n1"));
  EXPECT_FALSE(response.held(1).applied());
  EXPECT_TRUE(response.held(1).replicas().empty());
  for (std::size_t i = 0; i < kMaxBatchOperations; ++i) request.add_dots();
  EXPECT_EQ(ask<v1::HoldsResponse>(&v1::Admin::Stub::Holds, request).first.error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(InspectionTest, AKeyIsExplainedByItsVersionsAndWhatAReaderIsShown) {
  ASSERT_TRUE(service_.create_bucket("f", "siblings").first.ok());
  v1::PutRequest put_request;
  put_request.set_bucket("f");
  put_request.set_key("k");
  for (const char* value : {"a", "b"}) {
    put_request.set_value(value);
    EXPECT_TRUE(service_.put(put_request).first.ok());
  }
  v1::ExplainRequest request;
  request.set_bucket("f");
  request.set_key("k");
  const auto [status, response] = ask<v1::ExplainResponse>(&v1::Admin::Stub::Explain, request);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.policy(), "siblings");
  EXPECT_TRUE(response.is_replica());
  ASSERT_EQ(response.versions_size(), 2);
  EXPECT_EQ(response.versions(0).value() + response.versions(1).value(), "ab");
  EXPECT_LT(response.versions(0).hlc(), response.versions(1).hlc());
  EXPECT_EQ(response.shown_size(), 2);
  EXPECT_EQ(response.context_dots(), 0U);
}

TEST_F(InspectionTest, ADeleteIsExplainedAsAMarkerWhereThereIsOne) {
  put("v");
  v1::DeleteRequest del;
  del.set_key("k");
  service_.engine().syncs().hold();  // it stays until it is on the disk
  EXPECT_TRUE(service_.del(del).first.ok());
  v1::ExplainRequest request;
  request.set_key("k");
  const auto response = ask<v1::ExplainResponse>(&v1::Admin::Stub::Explain, request).second;
  ASSERT_EQ(response.versions_size(), 1);
  EXPECT_TRUE(response.versions(0).marker());
  request.set_bucket("nowhere");
  EXPECT_THAT(ask<v1::ExplainResponse>(&v1::Admin::Stub::Explain, request).first.error_message(),
              HasSubstr("no bucket"));
}

TEST_F(InspectionTest, WhatWasLostUnseenIsToldByBucketByKeyAndWithItsValueByDot) {
  v1::PutRequest request;
  const auto put_with = [&](const std::string& key, const std::string& value,
                            const std::string& token) {
    request.set_key(key);
    request.set_value(value);
    request.set_token(token);
    return service_.put(request).second;
  };
  const v1::WriteResponse seen = put_with("k", "seen", "");
  const v1::WriteResponse unseen = put_with("k", "unseen", "");
  const v1::WriteResponse blind = put_with("k", "blind", seen.token());
  const std::string old = put_with("j", "seen", "").token();
  put_with("j", "unseen", "");
  put_with("j", "blind", old);

  const auto ask_for = [&](const v1::ConflictsRequest& what) {
    return ask<v1::ConflictsResponse>(&v1::Admin::Stub::Conflicts, what).second;
  };
  v1::ConflictsRequest all;
  EXPECT_EQ(ask_for(all).id(), "n1");
  EXPECT_EQ(ask_for(all).conflicts_size(), 2);
  all.set_limit(1);
  EXPECT_EQ(ask_for(all).conflicts_size(), 1);
  EXPECT_TRUE(ask_for(all).more());
  v1::ConflictsRequest of_key;
  of_key.set_bucket("default");
  of_key.set_key("k");
  ASSERT_EQ(ask_for(of_key).conflicts_size(), 1);
  EXPECT_EQ(ask_for(of_key).conflicts(0).value(), "");
  of_key.set_bucket("another");
  EXPECT_EQ(ask_for(of_key).conflicts_size(), 0);

  v1::ConflictsRequest of_dot;
  *of_dot.mutable_dot() = unseen.dot();
  const v1::ConflictsResponse told = ask_for(of_dot);
  ASSERT_EQ(told.conflicts_size(), 1);
  const auto& conflict = told.conflicts(0);
  EXPECT_EQ(conflict.value(), "unseen");
  EXPECT_EQ(conflict.value_bytes(), 6U);
  EXPECT_TRUE(conflict.value_kept());
  EXPECT_FALSE(conflict.marker());
  EXPECT_EQ(conflict.bucket(), "default");
  EXPECT_EQ(conflict.key(), "k");
  EXPECT_EQ(conflict.winner().counter(), blind.dot().counter());
  EXPECT_GT(conflict.winner_hlc(), conflict.hlc());
  EXPECT_GT(conflict.noted_ms(), 0);

  all.set_limit(kMaxConflicts + 1);
  EXPECT_EQ(ask<v1::ConflictsResponse>(&v1::Admin::Stub::Conflicts, all).first.error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace kv
