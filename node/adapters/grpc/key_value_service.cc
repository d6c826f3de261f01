#include "node/adapters/grpc/key_value_service.h"

#include <algorithm>
#include <chrono>

#include "node/adapters/asio/clock.h"
#include "node/adapters/grpc/calls.h"
#include "node/adapters/grpc/convert.h"
#include "node/base/limits.h"
#include "node/coordinator/validate.h"

namespace kv {
namespace {

// A scan under way: one page is read while nothing else is, and the next only once it has been taken by the transport.
// Owned by gRPC from construction until OnDone.
class ScanCall final : public grpc::ServerWriteReactor<v1::ScanResponse> {
 public:
  ScanCall(const Operations& operations, const grpc::CallbackServerContext& context,
           const v1::ScanRequest& request)
      : operations_(operations),
        request_(request),
        left_(request.limit() == 0 ? UINT64_MAX : request.limit()) {
    const auto deadline = deadline_of(context);
    if (!deadline.ok()) {
      Finish(to_grpc(not_applied(deadline.status())));
      return;
    }
    deadline_ = *deadline;
    operations_.scan_range(
        request_, deadline_,
        [this](const storage::Bucket& bucket, const ScanRange& range, const v1::Failure& failure) {
          if (failure.code() != 0) return Finish(to_grpc(failure));
          bucket_ = bucket;
          range_ = range;
          read_page();
        });
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the client is gone"));
    if (range_.from.empty() || left_ == 0) return Finish(grpc::Status::OK);
    read_page();
  }

  void OnDone() override { delete this; }

 private:
  void read_page() {
    operations_.scan_page(
        bucket_, range_, request_.level(), left_, deadline_,
        [this](v1::ScanResponse page, std::string next, const v1::Failure& failure) {
          if (failure.code() != 0) return Finish(to_grpc(failure));
          page_ = std::move(page);
          range_.from = std::move(next);
          left_ -= static_cast<std::uint64_t>(page_.entries_size());
          StartWrite(&page_);
        });
  }

  const Operations& operations_;
  const v1::ScanRequest request_;
  std::uint64_t left_;
  Instant deadline_;
  storage::Bucket bucket_;
  ScanRange range_;
  v1::ScanResponse page_;
};

}  // namespace

grpc::ServerUnaryReactor* KeyValueService::Get(grpc::CallbackServerContext* context,
                                               const v1::GetRequest* request,
                                               v1::GetResponse* response) {
  return run(context, response,
             [&](Instant deadline, GetDone done) { operations_.get(*request, deadline, done); });
}

grpc::ServerUnaryReactor* KeyValueService::Put(grpc::CallbackServerContext* context,
                                               const v1::PutRequest* request,
                                               v1::WriteResponse* response) {
  return run(context, response,
             [&](Instant deadline, WriteDone done) { operations_.put(*request, deadline, done); });
}

grpc::ServerUnaryReactor* KeyValueService::Delete(grpc::CallbackServerContext* context,
                                                  const v1::DeleteRequest* request,
                                                  v1::WriteResponse* response) {
  return run(context, response,
             [&](Instant deadline, WriteDone done) { operations_.del(*request, deadline, done); });
}

grpc::ServerUnaryReactor* KeyValueService::Update(grpc::CallbackServerContext* context,
                                                  const v1::UpdateRequest* request,
                                                  v1::WriteResponse* response) {
  return run(context, response, [&](Instant deadline, WriteDone done) {
    operations_.update(*request, deadline, done);
  });
}

grpc::ServerUnaryReactor* KeyValueService::Leaves(grpc::CallbackServerContext* context,
                                                  const v1::LeavesRequest* request,
                                                  v1::LeavesResponse* response) {
  return run(context, response, [&](Instant deadline, LeavesDone done) {
    operations_.leaves(*request, deadline, done);
  });
}

grpc::ServerUnaryReactor* KeyValueService::Batch(grpc::CallbackServerContext* context,
                                                 const v1::BatchRequest* request,
                                                 v1::BatchResponse* response) {
  return run(context, response, [&](Instant deadline, BatchDone done) {
    operations_.batch(*request, deadline, done);
  });
}

grpc::ServerWriteReactor<v1::ScanResponse>* KeyValueService::Scan(
    grpc::CallbackServerContext* context, const v1::ScanRequest* request) {
  return new ScanCall(operations_, *context, *request);
}

grpc::ServerWriteReactor<v1::WatchResponse>* KeyValueService::Watch(
    grpc::CallbackServerContext* /*context*/, const v1::WatchRequest* request) {
  return start_watch(watching_, *request);
}

}  // namespace kv
