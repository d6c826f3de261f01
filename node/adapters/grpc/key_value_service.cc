#include "node/adapters/grpc/key_value_service.h"

#include <algorithm>
#include <chrono>

#include "node/adapters/asio/clock.h"
#include "node/adapters/grpc/convert.h"
#include "node/base/limits.h"
#include "node/coordinator/validate.h"

namespace kv {
namespace {

// The client stops waiting at its deadline, so the answer that a write's outcome is unknown must leave before it.
constexpr std::int64_t kMaxMarginUs = 100'000;

absl::StatusOr<Instant> deadline_of(const grpc::CallbackServerContext& context) {
  std::int64_t left_us = -1;
  if (context.deadline() != std::chrono::system_clock::time_point::max()) {
    const auto left = context.deadline() - std::chrono::system_clock::now();
    left_us = std::max<std::int64_t>(
        0, std::chrono::duration_cast<std::chrono::microseconds>(left).count());
  }
  const auto checked_ms = checked_timeout_ms(left_us < 0 ? -1 : left_us / 1000);
  if (!checked_ms.ok()) return checked_ms.status();
  if (left_us < 0) left_us = *checked_ms * 1000;
  return after_us(monotonic_now(), left_us - std::min(left_us / 10, kMaxMarginUs));
}

// Starts an operation and finishes its call with whatever comes of it.
template <typename Response, typename Start>
grpc::ServerUnaryReactor* run(grpc::CallbackServerContext* context, Response* response,
                              Start start) {
  auto* reactor = context->DefaultReactor();
  const auto deadline = deadline_of(*context);
  if (!deadline.ok()) {
    reactor->Finish(to_grpc(not_applied(deadline.status())));
    return reactor;
  }
  start(*deadline, [reactor, response](Response result, const v1::Failure& failure) {
    if (failure.code() != 0) return reactor->Finish(to_grpc(failure));
    *response = std::move(result);
    reactor->Finish(grpc::Status::OK);
  });
  return reactor;
}

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
    const auto start = operations_.scan_start(request_);
    if (!deadline.ok() || !start.ok()) {
      Finish(to_grpc(not_applied(deadline.ok() ? start.status() : deadline.status())));
      return;
    }
    deadline_ = *deadline;
    next_ = *start;
    read_page();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the client is gone"));
    if (next_.empty() || left_ == 0) return Finish(grpc::Status::OK);
    read_page();
  }

  void OnDone() override { delete this; }

 private:
  void read_page() {
    operations_.scan_page(
        request_, next_, left_, deadline_,
        [this](v1::ScanResponse page, std::string next, const v1::Failure& failure) {
          if (failure.code() != 0) return Finish(to_grpc(failure));
          page_ = std::move(page);
          next_ = std::move(next);
          left_ -= static_cast<std::uint64_t>(page_.entries_size());
          StartWrite(&page_);
        });
  }

  const Operations& operations_;
  const v1::ScanRequest request_;
  std::uint64_t left_;
  Instant deadline_;
  std::string next_;
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

}  // namespace kv
