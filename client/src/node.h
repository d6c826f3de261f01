// One endpoint: its address and the channel to it, connected on demand.
// Thread-safety: connect() from any thread. Channels outlive the Node while somebody uses one.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "kv/v1/admin.grpc.pb.h"
#include "kv/v1/kv.grpc.pb.h"

namespace kv::client {

using Clock = std::chrono::steady_clock;

// gRPC takes deadlines on the wall clock; this one is as far away as `at` is.
std::chrono::system_clock::time_point wall_deadline(Clock::time_point at);

class Node {
 public:
  struct Stubs {
    explicit Stubs(std::shared_ptr<grpc::Channel> channel_to_node);

    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<v1::KeyValue::Stub> key_value;
    std::unique_ptr<v1::Admin::Stub> admin;
  };

  explicit Node(std::string address) : address_(std::move(address)) {}

  const std::string& address() const { return address_; }

  // Waits until the channel is connected: at once when it is, else for one fresh attempt that may
  // last until `deadline`. kUnavailable: it cannot be, and nothing was sent. A request sent on the
  // stubs right after may still meet a broken connection.
  absl::StatusOr<std::shared_ptr<Stubs>> connect(Clock::time_point deadline);

 private:
  std::shared_ptr<Stubs> stubs();

  const std::string address_;
  std::mutex mutex_;
  std::shared_ptr<Stubs> stubs_;  // null before the first use
};

// kInvalidArgument unless `text` is "host:port" with a port from 1 to 65535; an IPv6 host stands in
// brackets.
absl::Status check_address(const std::string& text);

}  // namespace kv::client
