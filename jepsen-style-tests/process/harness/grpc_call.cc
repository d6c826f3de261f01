#include "jepsen-style-tests/process/harness/grpc_call.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <stdexcept>

#include "jepsen-style-tests/process/harness/process.h"

namespace kv::e2e {

std::string grpc_call(const std::string& address, const std::string& method,
                      const std::string& request) {
  grpc::GenericStub stub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + kDeadline);
  grpc::CompletionQueue queue;
  const auto next = [&] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  // As a stream in both directions, which is how every method looks on the wire.
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  const grpc::Slice slice(request);
  grpc::ByteBuffer answer;
  bool ok = next();
  if (ok) call->Write(grpc::ByteBuffer(&slice, 1), nullptr), ok = next();
  if (ok) call->WritesDone(nullptr), ok = next();
  if (ok) call->Read(&answer, nullptr), ok = next();
  grpc::Status status;
  call->Finish(&status, nullptr);
  next();
  grpc::Slice bytes;
  if (!ok || !answer.DumpToSingleSlice(&bytes).ok())
    throw std::runtime_error(method + ": no answer: " + status.error_message());
  return std::string(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
}

}  // namespace kv::e2e
