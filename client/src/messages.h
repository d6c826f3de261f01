// Between the public types and the messages of kv.v1. Pure functions.
#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kv/types.h"
#include "kv/v1/admin.pb.h"
#include "kv/v1/kv.pb.h"

namespace kv::client {

// A refusal that a check made here, in the form of a node's.
Failure to_failure(const absl::Status& refusal);

v1::GetRequest get_request(absl::string_view key, const ReadOptions& options);
v1::PutRequest put_request(absl::string_view key, absl::string_view value,
                           const WriteOptions& options);
v1::UpdateRequest add_request(absl::string_view key, std::int64_t amount,
                              const WriteOptions& options);
v1::UpdateRequest update_request(absl::string_view key, const Leaf& leaf, const LeafChange& change,
                                 const WriteOptions& options);
v1::LeavesRequest leaves_request(absl::string_view key, const std::vector<std::string>& path,
                                 const ReadOptions& options);
v1::DeleteRequest delete_request(absl::string_view key, const WriteOptions& options);
v1::BatchRequest batch_request(const std::vector<Operation>& operations,
                               const BatchOptions& options);

// The rest of a scan after `last` was visited; empty `last`: the whole of it. `visited`: how many
// so far.
v1::ScanRequest scan_request(const ScanOptions& options, const std::string& last,
                             std::uint64_t visited);

// The least key that is greater than `key`, among keys of at most kMaxKeyBytes. Empty: there is
// none.
std::string successor(std::string key);

GetResult to_result(v1::GetResponse&& response);
WriteResult to_result(v1::WriteResponse&& response);
OperationResult to_result(v1::BatchResponse::Result&& result, Operation::Kind kind);
ScanEntry to_entry(v1::ScanResponse::Entry&& entry);
LeafEntry to_entry(v1::LeavesResponse::Entry&& entry);
v1::WatchRequest watch_request(const WatchOptions& options);
WatchEvent to_event(v1::WatchResponse::Event&& event);
NodeReport to_report(const v1::StatusResponse& response);

}  // namespace kv::client
