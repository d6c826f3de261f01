// The API as clients meet it: through gRPC, down to real shards.
#include "node/adapters/grpc/key_value_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/adapters/grpc/testing/service_in_process.h"
#include "node/base/limits.h"

namespace kv {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

v1::PutRequest put_of(const std::string& key, const std::string& value,
                      const std::string& token = "") {
  v1::PutRequest request;
  request.set_key(key);
  request.set_value(value);
  request.set_token(token);
  return request;
}

v1::DeleteRequest delete_of(const std::string& key) {
  v1::DeleteRequest request;
  request.set_key(key);
  return request;
}

v1::GetRequest get_of(const std::string& key) {
  v1::GetRequest request;
  request.set_key(key);
  return request;
}

// A refusal: its code, a part of its text, and the certainty that nothing was written.
void expect_refused(const grpc::Status& status, grpc::StatusCode code, const std::string& text) {
  EXPECT_EQ(status.error_code(), code) << text << ": " << status.error_message();
  EXPECT_THAT(status.error_message(), HasSubstr(text));
  const v1::Failure failure = failure_of(status);
  EXPECT_EQ(failure.code(), static_cast<int>(code)) << text;
  EXPECT_EQ(failure.message(), status.error_message());
  EXPECT_EQ(failure.outcome(), v1::Failure::NOT_APPLIED) << text;
  EXPECT_FALSE(failure.has_dot()) << text;
}

void expect_invalid(const grpc::Status& status, const std::string& text) {
  expect_refused(status, grpc::StatusCode::INVALID_ARGUMENT, text);
}

std::vector<std::string> keys_of(const std::vector<v1::ScanResponse>& pages) {
  std::vector<std::string> keys;
  for (const auto& page : pages)
    for (const auto& entry : page.entries()) keys.push_back(entry.key());
  return keys;
}

TEST(Conditions, DecideAtTheReplicaThatCoordinatesTheWrite) {
  ServiceInProcess service;
  v1::PutRequest put = put_of("k", "first");
  put.set_condition(v1::IF_ABSENT);
  EXPECT_TRUE(service.put(put).first.ok());
  put.set_value("second");
  expect_refused(service.put(put).first, grpc::StatusCode::ALREADY_EXISTS, "the key has a value");

  const std::string token = service.get(get_of("k")).second.token();
  put = put_of("k", "changed", token);
  put.set_condition(v1::IF_CURRENT);
  EXPECT_TRUE(service.put(put).first.ok());
  put.set_value("too late");
  expect_refused(service.put(put).first, grpc::StatusCode::ABORTED, "the key has changed");
  v1::DeleteRequest del = delete_of("k");
  del.set_token(token);
  del.set_condition(v1::IF_CURRENT);
  expect_refused(service.del(del).first, grpc::StatusCode::ABORTED, "read it again");
  EXPECT_EQ(service.get(get_of("k")).second.values(0), "changed");
  put.set_token("");
  expect_invalid(service.put(put).first, "needs a token");
}

// ---- One key ----------------------------------------------------------------------------------------------------------

TEST(KeyValueService, PutGetAndDelete) {
  ServiceInProcess service;
  const auto [put, written] = service.put(put_of("k", "v"));
  ASSERT_TRUE(put.ok()) << put.error_message();
  EXPECT_EQ(written.acks(), 1U);
  EXPECT_EQ(written.coordinator(), "n1");
  EXPECT_EQ(written.dot().counter(), 1U);
  const auto [get, found] = service.get(get_of("k"));
  ASSERT_TRUE(get.ok()) << get.error_message();
  EXPECT_THAT(found.values(), testing::ElementsAre("v"));
  EXPECT_THAT(found.replicas(), testing::ElementsAre("n1"));
  EXPECT_TRUE(found.agreed());
  ASSERT_EQ(found.dots_size(), 1);
  EXPECT_EQ(found.dots(0).SerializeAsString(), written.dot().SerializeAsString());

  const auto [del, deleted] = service.del(delete_of("k"));
  ASSERT_TRUE(del.ok()) << del.error_message();
  EXPECT_EQ(deleted.dot().counter(), 2U) << "a write like any other";
  const auto [again, gone] = service.get(get_of("k"));
  EXPECT_TRUE(again.ok()) << "absence is no error";
  EXPECT_THAT(gone.values(), IsEmpty());
  EXPECT_TRUE(service.del(delete_of("never written")).first.ok());
}

TEST(KeyValueService, TokensOfReadsAndWritesAreTakenForTheirKeyOnly) {
  ServiceInProcess service;
  const std::string of_write = service.put(put_of("k", "1")).second.token();
  EXPECT_TRUE(service.put(put_of("k", "2", of_write)).first.ok());
  const std::string of_read = service.get(get_of("k")).second.token();
  EXPECT_TRUE(service.put(put_of("k", "3", of_read)).first.ok());
  expect_invalid(service.put(put_of("other", "x", of_read)).first, "another bucket or key");
  v1::DeleteRequest del = delete_of("other");
  del.set_token(of_read);
  expect_invalid(service.del(del).first, "another bucket or key");
  expect_invalid(service.put(put_of("k", "x", "rubbish")).first, "token");
  EXPECT_THAT(service.get(get_of("k")).second.values(), testing::ElementsAre("3"));
}

TEST(KeyValueService, ARequestIdMakesAttemptsOneWrite) {
  ServiceInProcess service;
  v1::PutRequest put = put_of("k", "v");
  put.set_request_id("id");
  put.set_condition(v1::IF_ABSENT);
  const auto first = service.put(put);
  ASSERT_TRUE(first.first.ok()) << first.first.error_message();
  const auto again = service.put(put);
  ASSERT_TRUE(again.first.ok()) << again.first.error_message();
  EXPECT_EQ(again.second.dot().counter(), first.second.dot().counter());
  EXPECT_EQ(again.second.token(), first.second.token());
  put.set_value("w");
  expect_invalid(service.put(put).first, "a new write needs a new id");
  put.set_request_id(std::string(65, 'x'));
  expect_invalid(service.put(put).first, "request id of 65 bytes; the limit is 64");

  v1::DeleteRequest del;
  del.set_key("k");
  del.set_request_id("gone");
  const std::uint64_t deleted = service.del(del).second.dot().counter();
  EXPECT_EQ(service.del(del).second.dot().counter(), deleted);
}

TEST(KeyValueService, EveryLimitIsNamedAndWhatExceedsItChangesNothing) {
  ServiceInProcess service;
  const std::string longest(kMaxKeyBytes, 'k');
  const std::string largest(kMaxValueBytes, 'v');
  expect_invalid(service.put(put_of("", "v")).first, "empty key; it has 1 to 4096 bytes");
  expect_invalid(service.put(put_of(longest + "k", "v")).first,
                 "key of 4097 bytes; the limit is 4096");
  expect_invalid(service.get(get_of(longest + "k")).first, "key of 4097 bytes; the limit is 4096");
  expect_invalid(service.get(get_of("")).first, "empty key");
  expect_invalid(service.del(delete_of(longest + "k")).first, "the limit is 4096");
  expect_invalid(service.put(put_of("k", largest + "v")).first,
                 "value of 4194305 bytes; the limit is 4194304");
  expect_invalid(service.put(put_of("k", "v", std::string(kMaxTokenBytes + 1, 't'))).first,
                 "token of 65537 bytes; the limit is 65536");
  v1::PutRequest put = put_of("k", "v");
  put.set_bucket("nowhere");
  expect_refused(service.put(put).first, grpc::StatusCode::NOT_FOUND,
                 "there is no bucket \"nowhere\"; `kv bucket ls` lists them");
  put.set_bucket(std::string(kMaxBucketBytes + 1, 'b'));
  expect_invalid(service.put(put).first, "bucket name of 129 bytes; the limit is 128");
  EXPECT_THAT(keys_of(service.scan({}).second), IsEmpty());

  EXPECT_TRUE(service.put(put_of(longest, largest)).first.ok()) << "both at their limits";
  EXPECT_EQ(service.get(get_of(longest)).second.values(0), largest);
}

// ---- Deadlines --------------------------------------------------------------------------------------------------------

TEST(KeyValueService, AWriteThatIsNotConfirmedIsAnsweredBeforeTheClientGivesUp) {
  ServiceInProcess service(3);
  service.set_all_peers_up();
  const auto [status, response] = service.put(put_of("k", "v"), 1000);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_THAT(status.error_message(),
              AllOf(HasSubstr("only 1 of the 2 replicas"), HasSubstr("it may spread")));
  const v1::Failure failure = failure_of(status);
  EXPECT_EQ(failure.outcome(), v1::Failure::UNKNOWN);
  EXPECT_EQ(failure.dot().counter(), 1U);
  // The token is the write's: what it supersedes is that write.
  v1::PutRequest again = put_of("k", "w", failure.token());
  again.set_level(v1::LEVEL_ONE);
  EXPECT_TRUE(service.put(again).first.ok());

  const grpc::Status read = service.get(get_of("k"), 1000).first;
  expect_refused(read, grpc::StatusCode::DEADLINE_EXCEEDED,
                 "only 1 of the 2 replicas that QUORUM needs answered in time");
}

TEST(KeyValueService, WithoutADeadlineTwoSecondsAreMeant) {
  ServiceInProcess service(3);
  service.set_all_peers_up();
  const auto started = std::chrono::steady_clock::now();
  const grpc::Status status = service.put(put_of("k", "v"), -1).first;
  const auto taken = std::chrono::steady_clock::now() - started;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_GT(taken, std::chrono::milliseconds(1500));
  EXPECT_LT(taken, std::chrono::seconds(30));
}

TEST(KeyValueService, ADeadlineBeyondTheLimitIsRefused) {
  ServiceInProcess service;
  constexpr std::int64_t kTooLongMs = kMaxDeadlineMs + 60'000;
  expect_invalid(service.put(put_of("k", "v"), kTooLongMs).first, "the limit is 60000 ms");
  expect_invalid(service.get(get_of("k"), kTooLongMs).first, "deadline in");
  expect_invalid(service.scan({}, kTooLongMs).first, "deadline in");
  expect_invalid(service.batch({}, kTooLongMs).first, "deadline in");
  EXPECT_THAT(service.get(get_of("k")).second.values(), IsEmpty());
}

TEST(KeyValueService, TooFewReplicasAreNamedAndAnUnknownLevelIsQuorum) {
  ServiceInProcess service(3);
  v1::PutRequest put = put_of("k", "v");
  for (const int level : {0, 2, 77}) {
    put.set_level(static_cast<v1::Level>(level));
    expect_refused(service.put(put).first, grpc::StatusCode::UNAVAILABLE,
                   "QUORUM needs 2 of the key's 3 replicas");
  }
  put.set_level(v1::LEVEL_ALL);
  expect_refused(service.put(put).first, grpc::StatusCode::UNAVAILABLE,
                 "ALL needs 3 of the key's 3 replicas");
  expect_refused(service.get(get_of("k")).first, grpc::StatusCode::UNAVAILABLE, "QUORUM needs 2");
}

// ---- Overload ---------------------------------------------------------------------------------------------------------

TEST(KeyValueService, AFullQueueIsAnAnswerThatMayBeTriedAgain) {
  Shard::Options options;
  options.max_queued_requests = 0;
  ServiceInProcess service(1, options);
  constexpr auto kCode = grpc::StatusCode::RESOURCE_EXHAUSTED;
  const std::string text = "the node's request queue is full; not applied, try again later";
  expect_refused(service.put(put_of("k", "v")).first, kCode, text);
  expect_refused(service.del(delete_of("k")).first, kCode, text);
  expect_refused(service.get(get_of("k")).first, kCode, text);
  expect_refused(service.scan({}).first, kCode, text);
  v1::BatchRequest request;
  *request.add_operations()->mutable_put() = put_of("k", "v");
  *request.add_operations()->mutable_get() = get_of("k");
  const auto [status, response] = service.batch(request);
  EXPECT_TRUE(status.ok()) << "each operation has an answer of its own";
  ASSERT_EQ(response.results_size(), 2);
  for (const auto& result : response.results()) {
    EXPECT_EQ(result.failure().code(), static_cast<int>(kCode));
    EXPECT_EQ(result.failure().message(), text);
    EXPECT_EQ(result.failure().outcome(), v1::Failure::NOT_APPLIED);
  }
}

TEST(KeyValueService, TooManyRequestsUnderWayAreAnAnswer) {
  Shard::Options options;
  options.core.max_pending = 0;
  ServiceInProcess service(1, options);
  expect_refused(service.put(put_of("k", "v")).first, grpc::StatusCode::RESOURCE_EXHAUSTED,
                 "0 writes are under way at n1, the limit");
  expect_refused(service.get(get_of("k")).first, grpc::StatusCode::RESOURCE_EXHAUSTED,
                 "0 reads are under way at n1, the limit");
}

TEST(KeyValueService, AFullDiskIsAnAnswerThatMayBeTriedAgain) {
  ServiceInProcess service;
  storage::MemoryEngine::Faults full;
  full.capacity_bytes = 0;
  service.engine().memory().set_faults(full);
  expect_refused(service.put(put_of("k", "v")).first, grpc::StatusCode::RESOURCE_EXHAUSTED,
                 "disk full");
  service.engine().memory().set_faults({});
  EXPECT_TRUE(service.put(put_of("k", "v")).first.ok());
}

// ---- Batches ----------------------------------------------------------------------------------------------------------

TEST(KeyValueService, ABatchAnswersEachOperationInItsPlace) {
  ServiceInProcess service;
  ASSERT_TRUE(service.put(put_of("there", "before")).first.ok());
  v1::BatchRequest request;
  *request.add_operations()->mutable_get() = get_of("there");
  *request.add_operations()->mutable_put() = put_of("", "x");
  *request.add_operations()->mutable_put() = put_of("new", "y");
  request.add_operations();
  *request.add_operations()->mutable_delete_() = delete_of("absent");
  const auto [status, response] = service.batch(request);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.results_size(), 5);
  EXPECT_THAT(response.results(0).get().values(), testing::ElementsAre("before"));
  EXPECT_THAT(response.results(1).failure().message(), HasSubstr("empty key"));
  EXPECT_EQ(response.results(2).write().acks(), 1U);
  EXPECT_EQ(response.results(3).failure().message(), "operation 3 is of no known kind");
  EXPECT_EQ(response.results(3).failure().code(), 3);
  EXPECT_TRUE(response.results(4).has_write());
  EXPECT_THAT(service.get(get_of("new")).second.values(), testing::ElementsAre("y"));
  EXPECT_TRUE(service.batch({}).first.ok());
}

TEST(KeyValueService, ABatchHasLimitsOfItsOwn) {
  ServiceInProcess service;
  v1::BatchRequest many;
  for (std::size_t i = 0; i < kMaxBatchOperations; ++i)
    *many.add_operations()->mutable_put() = put_of("k" + std::to_string(i), "v");
  EXPECT_EQ(service.batch(many).second.results_size(), 1000);
  *many.add_operations()->mutable_get() = get_of("one more");
  expect_invalid(service.batch(many).first, "batch of 1001 operations; the limit is 1000");

  v1::BatchRequest large;
  *large.add_operations()->mutable_put() = put_of("k", std::string(kMaxValueBytes, 'v'));
  const auto [status, alone] = service.batch(large);
  EXPECT_TRUE(status.ok()) << "one operation alone has its own limits";
  EXPECT_TRUE(alone.results(0).has_write());
  *large.add_operations()->mutable_get() = get_of("l");
  expect_invalid(service.batch(large).first,
                 "batch of 4194306 bytes of keys and values; the limit is 4194304");
}

// ---- Scans ------------------------------------------------------------------------------------------------------------

class Scans : public testing::Test {
 protected:
  static constexpr int kKeys = 40;

  // Keys over all partitions, three of whose pages are full.
  Scans() {
    for (int i = 0; i < kKeys; ++i)
      EXPECT_TRUE(service_.put(put_of(name(i), std::string(80'000, 'v'))).first.ok());
  }

  static std::string name(int i) { return "k" + std::to_string(100 + i); }
  static std::vector<std::string> names(int first, int end) {
    std::vector<std::string> all;
    for (int i = first; i < end; ++i) all.push_back(name(i));
    return all;
  }

  ServiceInProcess service_;
};

TEST_F(Scans, PagesAreInOrderAndBounded) {
  const auto [status, pages] = service_.scan({});
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(keys_of(pages), names(0, kKeys));
  EXPECT_GE(pages.size(), 3U);
  for (const auto& page : pages) EXPECT_LE(page.ByteSizeLong(), kMaxScanPageBytes + 100'000);
  const auto& entry = pages.front().entries(0);
  EXPECT_EQ(entry.values(0).size(), 80'000U);
  EXPECT_TRUE(service_.put(put_of(entry.key(), "w", entry.token())).first.ok());
}

TEST_F(Scans, LimitsAndBoundsHoldAcrossPages) {
  v1::ScanRequest request;
  request.set_limit(30);
  EXPECT_EQ(keys_of(service_.scan(request).second), names(0, 30));
  request.set_start(name(5));
  request.set_end(name(8));
  EXPECT_EQ(keys_of(service_.scan(request).second), names(5, 8));
  request.Clear();
  request.set_prefix("k11");
  EXPECT_EQ(keys_of(service_.scan(request).second), names(10, 20));
  request.set_prefix("nothing");
  EXPECT_THAT(keys_of(service_.scan(request).second), IsEmpty());
}

TEST_F(Scans, BadBoundsAreNamed) {
  const std::string long_key(kMaxKeyBytes + 1, 'k');
  v1::ScanRequest request;
  request.set_start(long_key);
  expect_invalid(service_.scan(request).first, "start of 4097 bytes; the limit is 4096");
  request.Clear();
  request.set_end(long_key);
  expect_invalid(service_.scan(request).first, "end of 4097 bytes");
  request.Clear();
  request.set_prefix(long_key);
  expect_invalid(service_.scan(request).first, "prefix of 4097 bytes");
  request.Clear();
  request.set_bucket("nowhere");
  expect_refused(service_.scan(request).first, grpc::StatusCode::NOT_FOUND, "no bucket");
}

}  // namespace
}  // namespace kv
