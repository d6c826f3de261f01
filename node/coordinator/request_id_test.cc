#include "node/coordinator/request_id.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "node/base/limits.h"
#include "node/storage/keys.h"

namespace kv {
namespace {

ClientWrite any_write() {
  ClientWrite write;
  write.key = storage::storage_key(storage::default_bucket(), "k");
  write.value = "v";
  return write;
}

RequestId id_of(const ClientWrite& write, const std::string& id = "id") {
  return checked_request_id(id, write).value().value();
}

TEST(RequestId, IsOptional) {
  EXPECT_EQ(checked_request_id("", any_write()).value(), std::nullopt);
}

TEST(RequestId, HasALimit) {
  EXPECT_TRUE(checked_request_id(std::string(kMaxRequestIdBytes, 'x'), any_write()).ok());
  const auto longer = checked_request_id(std::string(kMaxRequestIdBytes + 1, 'x'), any_write());
  EXPECT_EQ(longer.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(longer.status().message(), "request id of 65 bytes; the limit is 64");
}

TEST(RequestId, NamesOneWriteOfOneKey) {
  ClientWrite other_key = any_write();
  other_key.key += "i";
  EXPECT_NE(id_of(any_write()).name, id_of(any_write(), "other").name);
  EXPECT_NE(id_of(any_write(), "id").name, id_of(other_key, "d").name) << "where one ends counts";
  EXPECT_NE(id_of(any_write()).name, id_of(other_key).name);
}

TEST(RequestId, StaysTheSameWhereAnAttemptMayDiffer) {
  ClientWrite again = any_write();
  again.id = 9;
  again.level = Level::kAll;
  again.durability = Durability::kDisk;
  again.deadline = Instant{77};
  again.token = Token{};
  again.after = Hlc{5};
  EXPECT_EQ(id_of(again), id_of(any_write()));
}

TEST(RequestId, TellsWhatElseWasAsked) {
  ClientWrite value = any_write(), empty = any_write(), erased = any_write(), ttl = any_write(),
              condition = any_write();
  value.value = "w";
  empty.value = "";
  erased.value.reset();
  ttl.ttl_ms = 5;
  condition.condition = Condition::kAbsent;
  for (const ClientWrite& other : {value, empty, erased, ttl, condition}) {
    EXPECT_EQ(id_of(other).name, id_of(any_write()).name);
    EXPECT_NE(id_of(other).digest, id_of(any_write()).digest);
  }
  EXPECT_NE(id_of(empty).digest, id_of(erased).digest);
}

TEST(RequestId, RefusesTheAmountThatCannotBeTakenBack) {
  ClientWrite write = any_write();
  write.value = absl::StrCat(INT64_MIN);
  EXPECT_TRUE(checked_request_id("id", write).ok()) << "a value like any other";
  write.key = storage::storage_key({PolicyKind::kCounter, "c"}, "k");
  EXPECT_EQ(checked_request_id("id", write).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(checked_request_id("", write).ok());
  write.value = absl::StrCat(INT64_MIN + 1);
  EXPECT_TRUE(checked_request_id("id", write).ok());
}

}  // namespace
}  // namespace kv
