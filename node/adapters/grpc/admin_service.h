// The Admin service: what a node knows of itself. Thread-safe.
#pragma once

#include <functional>

#include "kv/v1/admin.grpc.pb.h"

namespace kv {

class AdminService final : public v1::Admin::CallbackService {
 public:
  // Fills a status and calls back, on any thread.
  using Collect = std::function<void(std::function<void(v1::StatusResponse)> done)>;

  explicit AdminService(Collect collect) : collect_(std::move(collect)) {}

  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext* context, const v1::StatusRequest*,
                                   v1::StatusResponse* response) override {
    auto* reactor = context->DefaultReactor();
    collect_([reactor, response](v1::StatusResponse status) {
      *response = std::move(status);
      reactor->Finish(grpc::Status::OK);
    });
    return reactor;
  }

 private:
  const Collect collect_;
};

}  // namespace kv
