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

}  // namespace
}  // namespace kv
