// What a node's own replicas hold, for operators: without asking any other node. Thread-safe.
#pragma once

#include <functional>
#include <string>

#include "kv/v1/admin.pb.h"
#include "node/adapters/grpc/buckets.h"

namespace kv {

// A failure with code 0 means that the response is there. Called exactly once, on any thread.
template <typename Response>
using InspectionDone = std::function<void(Response, const v1::Failure&)>;

class Inspection {
 public:
  // All outlive it.
  Inspection(const Shards& shards, const Ring& ring, const Buckets& buckets, NodeIndex self)
      : shards_(shards), ring_(ring), buckets_(buckets), self_(self) {}

  void clocks(InspectionDone<v1::ClocksResponse> done) const;
  void holds(const v1::HoldsRequest& request, InspectionDone<v1::HoldsResponse> done) const;
  // The request stays where it is until `done` has been called.
  void explain(const v1::ExplainRequest& request, Instant deadline,
               InspectionDone<v1::ExplainResponse> done) const;

  // Of every partition that this node holds a replica of; the latest first.
  void conflicts(const v1::ConflictsRequest& request,
                 InspectionDone<v1::ConflictsResponse> done) const;

 private:
  void add_replicas(Partition partition,
                    google::protobuf::RepeatedPtrField<std::string>* out) const;

  const Shards& shards_;
  const Ring& ring_;
  const Buckets& buckets_;
  const NodeIndex self_;
};

}  // namespace kv
