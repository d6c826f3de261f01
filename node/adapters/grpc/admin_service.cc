#include "node/adapters/grpc/admin_service.h"

#include "node/adapters/grpc/calls.h"

namespace kv {

grpc::ServerUnaryReactor* AdminService::Status(grpc::CallbackServerContext* context,
                                               const v1::StatusRequest*,
                                               v1::StatusResponse* response) {
  auto* reactor = context->DefaultReactor();
  collect_([reactor, response](v1::StatusResponse status) {
    *response = std::move(status);
    reactor->Finish(grpc::Status::OK);
  });
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::CreateBucket(grpc::CallbackServerContext* context,
                                                     const v1::Bucket* request,
                                                     v1::Bucket* response) {
  return run(context, response, [&](Instant deadline, const auto& done) {
    buckets_.create(*request, deadline,
                    [done](const storage::Bucket& bucket, const v1::Failure& failure) {
                      done(failure.code() == 0 ? to_proto(bucket) : v1::Bucket(), failure);
                    });
  });
}

grpc::ServerUnaryReactor* AdminService::ListBuckets(grpc::CallbackServerContext* context,
                                                    const v1::ListBucketsRequest*,
                                                    v1::ListBucketsResponse* response) {
  return run(context, response, [&](Instant deadline, const auto& done) {
    buckets_.list(deadline,
                  [done](const std::vector<storage::Bucket>& buckets, const v1::Failure& failure) {
                    v1::ListBucketsResponse all;
                    for (const storage::Bucket& bucket : buckets)
                      *all.add_buckets() = to_proto(bucket);
                    done(std::move(all), failure);
                  });
  });
}

grpc::ServerUnaryReactor* AdminService::Clocks(grpc::CallbackServerContext* context,
                                               const v1::ClocksRequest*,
                                               v1::ClocksResponse* response) {
  return run(context, response, [&](Instant, const auto& done) { inspection_.clocks(done); });
}

grpc::ServerUnaryReactor* AdminService::Holds(grpc::CallbackServerContext* context,
                                              const v1::HoldsRequest* request,
                                              v1::HoldsResponse* response) {
  return run(context, response,
             [&](Instant, const auto& done) { inspection_.holds(*request, done); });
}

grpc::ServerUnaryReactor* AdminService::Explain(grpc::CallbackServerContext* context,
                                                const v1::ExplainRequest* request,
                                                v1::ExplainResponse* response) {
  return run(context, response, [&](Instant deadline, const auto& done) {
    inspection_.explain(*request, deadline, done);
  });
}

grpc::ServerUnaryReactor* AdminService::Conflicts(grpc::CallbackServerContext* context,
                                                  const v1::ConflictsRequest* request,
                                                  v1::ConflictsResponse* response) {
  return run(context, response,
             [&](Instant, const auto& done) { inspection_.conflicts(*request, done); });
}

}  // namespace kv
