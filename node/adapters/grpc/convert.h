// Between the API's messages and the core's types, and statuses with their details.
#pragma once

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/statusor.h"
#include "kv/v1/kv.pb.h"
#include "node/messages/request.h"
#include "node/ring/ring.h"
#include "node/storage/collections.h"

namespace kv {

// A status that carries a Failure where gRPC tools and our client look for it.
grpc::Status to_grpc(const v1::Failure& failure);

v1::Failure not_applied(const absl::Status& status);
absl::Status queue_full();  // what a shard that takes no more answers
v1::Failure to_failure(const WriteResult& result, const std::string& token,
                       const std::string& session = "");
v1::Failure to_failure(const ClientReadReply& reply);

Level to_level(v1::Level level);
Durability to_durability(v1::Durability durability);
Condition to_condition(v1::Condition condition);
v1::Dot to_proto(Dot dot);

// INVALID_ARGUMENT for a policy that does not exist. Sizes are checked with the key (checked_leaf).
absl::StatusOr<storage::Leaf> to_leaf(const v1::Leaf& leaf);
void to_proto(const storage::Leaf& leaf, v1::Leaf* out);
void to_proto(const ReadItem& item, v1::LeavesResponse::Entry* out);  // of a leaf that has a value

void to_proto(const ClientReadReply& reply, const Ring& ring, v1::GetResponse* out);
void to_proto(const ReadItem& item, v1::ScanResponse::Entry* out);

}  // namespace kv
