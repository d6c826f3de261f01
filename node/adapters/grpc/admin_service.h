// The Admin service: what a node knows of itself, and the buckets of the cluster. Thread-safe.
#pragma once

#include <functional>
#include <utility>

#include "kv/v1/admin.grpc.pb.h"
#include "node/adapters/grpc/buckets.h"

namespace kv {

class AdminService final : public v1::Admin::CallbackService {
 public:
  // Fills a status and calls back, on any thread.
  using Collect = std::function<void(std::function<void(v1::StatusResponse)> done)>;

  // `buckets` outlives it.
  AdminService(Collect collect, const Buckets& buckets)
      : collect_(std::move(collect)), buckets_(buckets) {}

  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext* context, const v1::StatusRequest*,
                                   v1::StatusResponse* response) override;
  grpc::ServerUnaryReactor* CreateBucket(grpc::CallbackServerContext* context,
                                         const v1::Bucket* request, v1::Bucket* response) override;
  grpc::ServerUnaryReactor* ListBuckets(grpc::CallbackServerContext* context,
                                        const v1::ListBucketsRequest*,
                                        v1::ListBucketsResponse* response) override;

 private:
  const Collect collect_;
  const Buckets& buckets_;
};

}  // namespace kv
