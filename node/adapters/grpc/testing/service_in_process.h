// The KeyValue and Admin services of one node behind a real gRPC server on a free port of 127.0.0.1, with real shards on an in-memory
// engine: for tests.
//
// Threads: as its parts; made and destroyed by one.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kv/v1/kv.grpc.pb.h"
#include "kv/v1/status.pb.h"
#include "node/adapters/grpc/admin_service.h"
#include "node/adapters/grpc/key_value_service.h"
#include "node/adapters/grpc/testing/shards_in_memory.h"
#include "node/base/check.h"

namespace kv {

class ServiceInProcess {
 public:
  explicit ServiceInProcess(std::size_t nodes = 1, const Shard::Options& options = {},
                            const WatchHub::Options& watch = {})
      : shards_(nodes, options, watch) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.SetMaxReceiveMessageSize(16 << 20);
    builder.RegisterService(&service_);
    builder.RegisterService(&admin_service_);
    server_ = builder.BuildAndStart();
    KV_CHECK(server_ != nullptr, "some port is free");
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(16 << 20);
    const auto channel = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                                   grpc::InsecureChannelCredentials(), arguments);
    stub_ = v1::KeyValue::NewStub(channel);
    admin_stub_ = v1::Admin::NewStub(channel);
  }

  ~ServiceInProcess() {
    engine().commits().open();
    engine().syncs().open();
    shards_.watch_hub().stop();
    server_->Shutdown();
    server_->Wait();
  }
  ServiceInProcess(const ServiceInProcess&) = delete;
  ServiceInProcess& operator=(const ServiceInProcess&) = delete;

  v1::KeyValue::Stub& stub() { return *stub_; }
  v1::Admin::Stub& admin() { return *admin_stub_; }
  storage::GatedEngine& engine() { return shards_.engine(); }
  WatchHub& watch_hub() { return shards_.watch_hub(); }

  void set_all_peers_up() { shards_.set_all_peers_up(); }

  std::pair<grpc::Status, v1::WriteResponse> put(const v1::PutRequest& request,
                                                 std::int64_t timeout_ms = 30'000) {
    return call<v1::WriteResponse>(&v1::KeyValue::Stub::Put, request, timeout_ms);
  }
  std::pair<grpc::Status, v1::WriteResponse> del(const v1::DeleteRequest& request,
                                                 std::int64_t timeout_ms = 30'000) {
    return call<v1::WriteResponse>(&v1::KeyValue::Stub::Delete, request, timeout_ms);
  }
  std::pair<grpc::Status, v1::GetResponse> get(const v1::GetRequest& request,
                                               std::int64_t timeout_ms = 30'000) {
    return call<v1::GetResponse>(&v1::KeyValue::Stub::Get, request, timeout_ms);
  }
  std::pair<grpc::Status, v1::BatchResponse> batch(const v1::BatchRequest& request,
                                                   std::int64_t timeout_ms = 30'000) {
    return call<v1::BatchResponse>(&v1::KeyValue::Stub::Batch, request, timeout_ms);
  }
  std::pair<grpc::Status, v1::WriteResponse> update(const v1::UpdateRequest& request,
                                                    std::int64_t timeout_ms = 30'000) {
    return call<v1::WriteResponse>(&v1::KeyValue::Stub::Update, request, timeout_ms);
  }
  std::pair<grpc::Status, v1::Bucket> create_bucket(const std::string& name,
                                                    const std::string& policy) {
    v1::Bucket request;
    request.set_name(name);
    request.set_policy(policy);
    return create_bucket(request);
  }
  std::pair<grpc::Status, v1::Bucket> create_bucket(const v1::Bucket& request) {
    grpc::ClientContext context;
    set_deadline(context, 30'000);
    std::pair<grpc::Status, v1::Bucket> answer;
    answer.first = admin_stub_->CreateBucket(&context, request, &answer.second);
    return answer;
  }
  std::pair<grpc::Status, v1::ListBucketsResponse> buckets() {
    grpc::ClientContext context;
    set_deadline(context, 30'000);
    std::pair<grpc::Status, v1::ListBucketsResponse> answer;
    answer.first = admin_stub_->ListBuckets(&context, {}, &answer.second);
    return answer;
  }
  // The pages of a scan.
  std::pair<grpc::Status, std::vector<v1::ScanResponse>> scan(const v1::ScanRequest& request,
                                                              std::int64_t timeout_ms = 30'000) {
    grpc::ClientContext context;
    set_deadline(context, timeout_ms);
    const auto reader = stub_->Scan(&context, request);
    std::vector<v1::ScanResponse> pages;
    for (v1::ScanResponse page; reader->Read(&page);) pages.push_back(page);
    return {reader->Finish(), std::move(pages)};
  }

 private:
  // A negative timeout: the client sets no deadline.
  static void set_deadline(grpc::ClientContext& context, std::int64_t timeout_ms) {
    if (timeout_ms >= 0)
      context.set_deadline(std::chrono::system_clock::now() +
                           std::chrono::milliseconds(timeout_ms));
  }

  template <typename Response, typename Method, typename Request>
  std::pair<grpc::Status, Response> call(Method method, const Request& request,
                                         std::int64_t timeout_ms) {
    grpc::ClientContext context;
    set_deadline(context, timeout_ms);
    std::pair<grpc::Status, Response> answer;
    answer.first = ((*stub_).*method)(&context, request, &answer.second);
    return answer;
  }

  ShardsInMemory shards_;
  KeyValueService service_{shards_.operations(), shards_.watching()};
  Inspection inspection_{shards_.shards(), shards_.ring(), shards_.operations().buckets(),
                         NodeIndex{0}};
  AdminService admin_service_{[](const auto& done) { done({}); }, shards_.operations().buckets(),
                              inspection_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::KeyValue::Stub> stub_;
  std::unique_ptr<v1::Admin::Stub> admin_stub_;
};

// What a status says besides its code; an empty one when it came from the transport.
inline v1::Failure failure_of(const grpc::Status& status) {
  v1::RpcStatus details;
  v1::Failure failure;
  if (details.ParseFromString(status.error_details()) && details.details_size() == 1)
    failure.ParseFromString(details.details(0).value());
  return failure;
}

}  // namespace kv
