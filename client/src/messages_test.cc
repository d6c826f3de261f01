#include "client/src/messages.h"

#include <gtest/gtest.h>

#include "kv/limits.h"

namespace kv::client {
namespace {

using std::chrono::milliseconds;

TEST(Limits, AreNamedWithTheirSize) {
  EXPECT_EQ(check_key("").message(), "key is empty; it must have 1 to 4096 bytes");
  EXPECT_EQ(check_key(std::string(4097, 'k')).message(), "key has 4097 bytes; the limit is 4096");
  EXPECT_TRUE(check_key(std::string(4096, 'k')).ok());
  EXPECT_EQ(check_write("k", std::string(4194305, 'v'), "").message(),
            "value has 4194305 bytes; the limit is 4194304");
  EXPECT_TRUE(check_write("k", std::string(4194304, 'v'), "").ok());
  EXPECT_EQ(check_write("k", "", std::string(65537, 't')).message(),
            "token has 65537 bytes; the limit is 65536");
  EXPECT_TRUE(check_write("k", "", std::string(65536, 't')).ok());
}

TEST(Limits, OfTimeouts) {
  EXPECT_EQ(check_timeout(milliseconds(0)).message(),
            "timeout is 0 ms; it must be more than 0 and at most 60000 ms");
  EXPECT_FALSE(check_timeout(milliseconds(60'001)).ok());
  EXPECT_FALSE(check_timeout(milliseconds(-1)).ok());
  EXPECT_TRUE(check_timeout(milliseconds(60'000)).ok());
  EXPECT_TRUE(check_timeout(milliseconds(1)).ok());
}

TEST(Limits, OfBatches) {
  EXPECT_TRUE(check_batch(std::vector<Operation>(1000, Operation{.key = "k"})).ok());
  EXPECT_EQ(check_batch(std::vector<Operation>(1001, Operation{.key = "k"})).message(),
            "batch has 1001 operations; the limit is 1000");
  EXPECT_EQ(check_batch({{.key = "k"}, {.key = ""}}).message(),
            "operation 2: key is empty; it must have 1 to 4096 bytes");
  const Operation half{.key = "k", .value = std::string(2 * 1024 * 1024, 'v')};
  EXPECT_EQ(check_batch({half, half}).message(), "batch has 4194306 bytes; the limit is 4194304");
}

TEST(Limits, OfScans) {
  EXPECT_FALSE(check_scan({.prefix = std::string(4097, 'p')}).ok());
  EXPECT_FALSE(check_scan({.start = std::string(4097, 'p')}).ok());
  EXPECT_FALSE(check_scan({.end = std::string(4097, 'p')}).ok());
  EXPECT_TRUE(check_scan({.prefix = std::string(4096, 'p')}).ok());
}

TEST(Successor, IsTheNextKey) {
  EXPECT_EQ(successor("a"), std::string("a\0", 2));
  const std::string longest(kMaxKeyBytes, 'a');
  EXPECT_EQ(successor(longest), std::string(kMaxKeyBytes - 1, 'a') + "b");
  EXPECT_EQ(successor(std::string(kMaxKeyBytes - 1, 'a') + "\xff"),
            std::string(kMaxKeyBytes - 2, 'a') + "b");
  EXPECT_EQ(successor(std::string(kMaxKeyBytes, '\xff')), "");
  EXPECT_EQ(successor(std::string(kMaxKeyBytes - 1, '\xff')),
            std::string(kMaxKeyBytes - 1, '\xff') + std::string(1, '\0'));
}

TEST(ScanRequest, GoesOnAfterTheLastKey) {
  const ScanOptions options{
      .bucket = "b", .level = Level::kOne, .prefix = "p", .start = "p1", .end = "p9", .limit = 10};
  const v1::ScanRequest first = scan_request(options, "", 0);
  EXPECT_EQ(first.start(), "p1");
  EXPECT_EQ(first.end(), "p9");
  EXPECT_EQ(first.prefix(), "p");
  EXPECT_EQ(first.limit(), 10U);
  EXPECT_EQ(first.level(), v1::LEVEL_ONE);
  const v1::ScanRequest rest = scan_request(options, "p5", 4);
  EXPECT_EQ(rest.start(), std::string("p5\0", 3));
  EXPECT_EQ(rest.limit(), 6U);
  EXPECT_EQ(scan_request({}, "p5", 4).limit(), 0U);
}

TEST(BatchResult, ThatDoesNotFitItsOperationIsAFailure) {
  v1::BatchResponse::Result read;
  read.mutable_get()->add_values("v");
  EXPECT_TRUE(to_result(v1::BatchResponse::Result(read), Operation::Kind::kGet).ok());
  const OperationResult as_put = to_result(std::move(read), Operation::Kind::kPut);
  ASSERT_FALSE(as_put.ok());
  EXPECT_EQ(as_put.failure().outcome, Outcome::kUnknown);
  EXPECT_FALSE(to_result(v1::BatchResponse::Result(), Operation::Kind::kGet).ok());
}

TEST(BatchRequest, CarriesEachOperationWithItsOptions) {
  const std::vector<Operation> operations = {
      {.kind = Operation::Kind::kGet, .key = "a"},
      {.kind = Operation::Kind::kPut, .key = "b", .value = "v", .token = "t"},
      {.kind = Operation::Kind::kDelete, .key = "c"}};
  const v1::BatchRequest request = batch_request(
      operations, {.bucket = "bk", .level = Level::kAll, .durability = Durability::kDisk});
  ASSERT_EQ(request.operations_size(), 3);
  EXPECT_EQ(request.operations(0).get().key(), "a");
  EXPECT_EQ(request.operations(0).get().level(), v1::LEVEL_ALL);
  EXPECT_EQ(request.operations(1).put().value(), "v");
  EXPECT_EQ(request.operations(1).put().token(), "t");
  EXPECT_EQ(request.operations(1).put().durability(), v1::DURABILITY_DISK);
  EXPECT_EQ(request.operations(2).delete_().key(), "c");
  EXPECT_EQ(request.operations(2).delete_().bucket(), "bk");
  EXPECT_EQ(request.operations(2).delete_().token(), "");
}

}  // namespace
}  // namespace kv::client
