#include "node/adapters/grpc/convert.h"

#include <gtest/gtest.h>

#include "kv/v1/status.pb.h"
#include "node/coordinator/validate.h"
#include "node/storage/keys.h"

namespace kv {
namespace {

const Dot kDot{Actor{0xabc}, 7};

TEST(Convert, AStatusCarriesItsFailureWhereGrpcToolsLook) {
  v1::Failure failure = not_applied(absl::ResourceExhaustedError("too much"));
  const grpc::Status status = to_grpc(failure);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "too much");
  v1::RpcStatus details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), 8);
  EXPECT_EQ(details.message(), "too much");
  ASSERT_EQ(details.details_size(), 1);
  EXPECT_EQ(details.details(0).type_url(), "type.googleapis.com/kv.v1.Failure");
  v1::Failure found;
  ASSERT_TRUE(found.ParseFromString(details.details(0).value()));
  EXPECT_EQ(found.SerializeAsString(), failure.SerializeAsString());
  EXPECT_EQ(found.outcome(), v1::Failure::NOT_APPLIED);
}

TEST(Convert, AFailedWriteSaysWhatBecameOfIt) {
  const v1::Failure unknown = to_failure(
      {Outcome::kUnknown, absl::StatusCode::kDeadlineExceeded, "late", kDot, {}, 1}, "token of it");
  EXPECT_EQ(unknown.code(), 4);
  EXPECT_EQ(unknown.message(), "late");
  EXPECT_EQ(unknown.outcome(), v1::Failure::UNKNOWN);
  EXPECT_EQ(unknown.dot().actor(), 0xabcU);
  EXPECT_EQ(unknown.dot().counter(), 7U);
  EXPECT_EQ(unknown.token(), "token of it");

  const v1::Failure refused =
      to_failure({Outcome::kNotApplied, absl::StatusCode::kUnavailable, "alone", {}, {}, 0}, "x");
  EXPECT_EQ(refused.outcome(), v1::Failure::NOT_APPLIED);
  EXPECT_FALSE(refused.has_dot()) << "none was issued";
  EXPECT_EQ(refused.token(), "");
}

TEST(Convert, AFailedReadHasChangedNothing) {
  ClientReadReply reply;
  reply.code = absl::StatusCode::kUnavailable;
  reply.message = "too few";
  const v1::Failure failure = to_failure(reply);
  EXPECT_EQ(failure.code(), 14);
  EXPECT_EQ(failure.message(), "too few");
  EXPECT_EQ(failure.outcome(), v1::Failure::NOT_APPLIED);
}

TEST(Convert, WhatANewerClientMayAskForIsTheDefault) {
  EXPECT_EQ(to_level(v1::LEVEL_ONE), Level::kOne);
  EXPECT_EQ(to_level(v1::LEVEL_QUORUM), Level::kQuorum);
  EXPECT_EQ(to_level(v1::LEVEL_ALL), Level::kAll);
  EXPECT_EQ(to_level(v1::LEVEL_UNSPECIFIED), Level::kQuorum);
  EXPECT_EQ(to_level(static_cast<v1::Level>(77)), Level::kQuorum);
  EXPECT_EQ(to_durability(v1::DURABILITY_DISK), Durability::kDisk);
  EXPECT_EQ(to_durability(v1::DURABILITY_OS), Durability::kOs);
  EXPECT_EQ(to_durability(v1::DURABILITY_UNSPECIFIED), Durability::kOs);
  EXPECT_EQ(to_durability(static_cast<v1::Durability>(77)), Durability::kOs);
}

TEST(Convert, AReadNamesTheDotOfADeleteWithoutAValue) {
  const Ring ring = Ring::make({{"n1", ""}, {"n2", ""}, {"n3", ""}}, 1, 3).value();
  const std::string key = storage::storage_key(storage::default_bucket(), "k");
  ClientReadReply reply;
  reply.agreed = false;
  reply.replicas = {NodeIndex{0}, NodeIndex{2}};
  reply.items.push_back({key, {{kDot, Hlc{9}, std::nullopt}}, Token{Clock{kDot}, Hlc{9}}});
  v1::GetResponse deleted;
  to_proto(reply, ring, &deleted);
  EXPECT_EQ(deleted.values_size(), 0);
  ASSERT_EQ(deleted.dots_size(), 1);
  EXPECT_EQ(deleted.dots(0).counter(), 7U);
  EXPECT_FALSE(deleted.agreed());
  ASSERT_EQ(deleted.replicas_size(), 2);
  EXPECT_EQ(deleted.replicas(0), "n1");
  EXPECT_EQ(deleted.replicas(1), "n3");
  EXPECT_EQ(checked_token(deleted.token(), key).value(), (Token{Clock{kDot}, Hlc{9}}));

  reply.items[0].versions[0].value = "v";
  v1::GetResponse found;
  to_proto(reply, ring, &found);
  ASSERT_EQ(found.values_size(), 1);
  EXPECT_EQ(found.values(0), "v");
}

TEST(Convert, AScanShowsKeysAsTheirOwnersKnowThem) {
  const std::string key = storage::storage_key(storage::default_bucket(), std::string("a\0b", 3));
  v1::ScanResponse::Entry entry;
  to_proto(ReadItem{key, {{kDot, Hlc{9}, "v"}}, Token{Clock{kDot}, Hlc{9}}}, &entry);
  EXPECT_EQ(entry.key(), std::string("a\0b", 3));
  ASSERT_EQ(entry.values_size(), 1);
  EXPECT_EQ(entry.values(0), "v");
  EXPECT_TRUE(checked_token(entry.token(), key).ok()) << "good for a later write of this key";
}

}  // namespace
}  // namespace kv
