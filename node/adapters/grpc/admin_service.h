// The Admin service: what a node knows of itself and holds, and the buckets of the cluster. Thread-safe.
#pragma once

#include <functional>
#include <utility>

#include "kv/v1/admin.grpc.pb.h"
#include "node/adapters/grpc/buckets.h"
#include "node/adapters/grpc/inspection.h"

namespace kv {

class AdminService final : public v1::Admin::CallbackService {
 public:
  // Fills a status and calls back, on any thread.
  using Collect = std::function<void(std::function<void(v1::StatusResponse)> done)>;

  // `buckets` and `inspection` outlive it.
  AdminService(Collect collect, const Buckets& buckets, const Inspection& inspection)
      : collect_(std::move(collect)), buckets_(buckets), inspection_(inspection) {}

  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext* context, const v1::StatusRequest*,
                                   v1::StatusResponse* response) override;
  grpc::ServerUnaryReactor* CreateBucket(grpc::CallbackServerContext* context,
                                         const v1::Bucket* request, v1::Bucket* response) override;
  grpc::ServerUnaryReactor* ListBuckets(grpc::CallbackServerContext* context,
                                        const v1::ListBucketsRequest*,
                                        v1::ListBucketsResponse* response) override;
  grpc::ServerUnaryReactor* Clocks(grpc::CallbackServerContext* context, const v1::ClocksRequest*,
                                   v1::ClocksResponse* response) override;
  grpc::ServerUnaryReactor* Holds(grpc::CallbackServerContext* context,
                                  const v1::HoldsRequest* request,
                                  v1::HoldsResponse* response) override;
  grpc::ServerUnaryReactor* Explain(grpc::CallbackServerContext* context,
                                    const v1::ExplainRequest* request,
                                    v1::ExplainResponse* response) override;

  grpc::ServerUnaryReactor* Conflicts(grpc::CallbackServerContext* context,
                                      const v1::ConflictsRequest* request,
                                      v1::ConflictsResponse* response) override;

 private:
  const Collect collect_;
  const Buckets& buckets_;
  const Inspection& inspection_;
};

}  // namespace kv
