// What the services' calls have in common. Thread-safe.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <utility>

#include "absl/status/statusor.h"
#include "node/adapters/grpc/convert.h"
#include "node/base/time.h"

namespace kv {

// When the answer to a call must be on its way, or why its deadline is refused.
absl::StatusOr<Instant> deadline_of(const grpc::CallbackServerContext& context);

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

}  // namespace kv
