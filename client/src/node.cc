#include "client/src/node.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <grpcpp/grpcpp.h>

#include <utility>

namespace kv::client {
namespace {

constexpr int kMaxMessageBytes = 8 * 1024 * 1024;
// A sender may have this much under way. With the default of 64 KiB a value of 4 MiB takes many
// round trips.
constexpr int kLookaheadBytes = 4 * 1024 * 1024;
// After so long without a sign that bytes arrive a connection is given up, and the next request makes another. TCP has then sent
// them five times.
constexpr int kSilenceMs = 4000;

std::shared_ptr<grpc::Channel> open_channel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kLookaheadBytes);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // How long one connection attempt may take, whatever its name says.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  // A new channel then makes a new attempt, instead of inheriting the pause after somebody else's.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // By itself this sends no ping. It is what gRPC gives to TCP as the longest time that bytes may stay unacknowledged. A connection
  // that something on the way has forgotten would otherwise be kept, and fail every request, for a quarter of an hour.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 3'600'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kSilenceMs);
  // Nodes are named by their addresses; a proxy from the environment is for the web.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

bool is_failed(grpc_connectivity_state state) {
  return state == GRPC_CHANNEL_TRANSIENT_FAILURE || state == GRPC_CHANNEL_SHUTDOWN;
}

}  // namespace

std::chrono::system_clock::time_point wall_deadline(Clock::time_point at) {
  const auto left =
      std::chrono::duration_cast<std::chrono::system_clock::duration>(at - Clock::now());
  return std::chrono::system_clock::now() + left;
}

Node::Stubs::Stubs(std::shared_ptr<grpc::Channel> channel_to_node)
    : channel(std::move(channel_to_node)),
      key_value(v1::KeyValue::NewStub(channel)),
      admin(v1::Admin::NewStub(channel)) {}

std::shared_ptr<Node::Stubs> Node::stubs() {
  const std::lock_guard lock(mutex_);
  // A channel that failed waits before it tries again, and does not say whether it has; a new one
  // tries at once.
  if (stubs_ == nullptr || is_failed(stubs_->channel->GetState(false))) {
    stubs_ = std::make_shared<Stubs>(open_channel(address_));
  }
  return stubs_;
}

absl::StatusOr<std::shared_ptr<Node::Stubs>> Node::connect(Clock::time_point deadline) {
  std::shared_ptr<Stubs> stubs = this->stubs();
  const Clock::time_point started = Clock::now();
  while (true) {
    const grpc_connectivity_state state = stubs->channel->GetState(true);
    if (state == GRPC_CHANNEL_READY) return stubs;
    if (is_failed(state)) return absl::UnavailableError(absl::StrCat(address_, ": cannot connect"));
    if (!stubs->channel->WaitForStateChange(state, wall_deadline(deadline))) {
      const auto waited =
          std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started);
      return absl::UnavailableError(
          absl::StrCat(address_, ": no connection within ", waited.count(), " ms"));
    }
  }
}

absl::Status check_address(const std::string& text) {
  const auto malformed = [&text](absl::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("endpoint \"", text, "\" ", why, "; expected host:port"));
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return malformed("has no port");
  const absl::string_view host = absl::string_view(text).substr(0, colon);
  if (host.empty()) return malformed("has no host");
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (!bracketed && host.find_first_of(":[]") != absl::string_view::npos) {
    return malformed("has an IPv6 address without brackets");
  }
  if (host.find_first_of(" \t\r\n,/") != absl::string_view::npos)
    return malformed("has a host that is no name or address");
  const absl::string_view digits = absl::string_view(text).substr(colon + 1);
  int port = 0;
  const bool is_number = digits.find_first_not_of("0123456789") == absl::string_view::npos;
  if (!is_number || !absl::SimpleAtoi(digits, &port) || port < 1 || port > 65535) {
    return malformed("has a port that is not a number from 1 to 65535");
  }
  return absl::OkStatus();
}

}  // namespace kv::client
