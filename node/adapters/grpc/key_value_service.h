// The KeyValue service: gRPC's calls around Operations. Thread-safe.
#pragma once

#include "kv/v1/kv.grpc.pb.h"
#include "node/adapters/grpc/operations.h"
#include "node/adapters/grpc/watch/watch_call.h"

namespace kv {

class KeyValueService final : public v1::KeyValue::CallbackService {
 public:
  // Both outlive it, and so does what `watching` names.
  KeyValueService(const Operations& operations, const Watching& watching)
      : operations_(operations), watching_(watching) {}

  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context, const v1::GetRequest* request,
                                v1::GetResponse* response) override;
  grpc::ServerUnaryReactor* Put(grpc::CallbackServerContext* context, const v1::PutRequest* request,
                                v1::WriteResponse* response) override;
  grpc::ServerUnaryReactor* Delete(grpc::CallbackServerContext* context,
                                   const v1::DeleteRequest* request,
                                   v1::WriteResponse* response) override;
  grpc::ServerUnaryReactor* Update(grpc::CallbackServerContext* context,
                                   const v1::UpdateRequest* request,
                                   v1::WriteResponse* response) override;
  grpc::ServerUnaryReactor* Batch(grpc::CallbackServerContext* context,
                                  const v1::BatchRequest* request,
                                  v1::BatchResponse* response) override;
  grpc::ServerUnaryReactor* Leaves(grpc::CallbackServerContext* context,
                                   const v1::LeavesRequest* request,
                                   v1::LeavesResponse* response) override;
  grpc::ServerWriteReactor<v1::ScanResponse>* Scan(grpc::CallbackServerContext* context,
                                                   const v1::ScanRequest* request) override;
  grpc::ServerWriteReactor<v1::WatchResponse>* Watch(grpc::CallbackServerContext* context,
                                                     const v1::WatchRequest* request) override;

 private:
  const Operations& operations_;
  const Watching& watching_;
};

}  // namespace kv
