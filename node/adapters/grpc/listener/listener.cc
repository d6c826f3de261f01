#include "node/adapters/grpc/listener/listener.h"

#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_posix.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "absl/strings/str_cat.h"
#include "node/adapters/grpc/listener/netns_socket.h"

namespace kv {

namespace asio = boost::asio;

namespace {

// While it lives gRPC logs nothing, unless GRPC_VERBOSITY asks for its log: why an address cannot be
// taken is said by whoever calls start(), once.
class QuietGrpc {
 public:
  QuietGrpc() {
    if (quiet_) gpr_set_log_function([](gpr_log_func_args*) {});
  }
  ~QuietGrpc() {
    if (quiet_) gpr_set_log_function(nullptr);  // its own again
  }
  QuietGrpc(const QuietGrpc&) = delete;
  QuietGrpc& operator=(const QuietGrpc&) = delete;

 private:
  const bool quiet_ = std::getenv("GRPC_VERBOSITY") == nullptr;
};

}  // namespace

// Takes connections from a socket in another network namespace and hands them to gRPC, which listens in its own only.
class Listener::Acceptor {
 public:
  Acceptor(int socket, grpc::Server& server)
      : server_(server), acceptor_(io_, asio::ip::tcp::v4(), socket), thread_([this] {
          accept();
          io_.run();
        }) {}

  ~Acceptor() {
    asio::post(io_, [this] { acceptor_.close(); });
    thread_.join();
  }

 private:
  void accept() {
    acceptor_.async_accept(
        [this](const boost::system::error_code& error, asio::ip::tcp::socket socket) {
          if (!acceptor_.is_open()) return;
          if (!error) {
            boost::system::error_code ignored;
            socket.set_option(asio::ip::tcp::no_delay(true), ignored);
            socket.native_non_blocking(true, ignored);
            grpc::AddInsecureChannelFromFd(&server_, socket.release());
          }
          accept();
        });
  }

  grpc::Server& server_;
  asio::io_context io_;
  asio::ip::tcp::acceptor acceptor_;
  std::thread thread_;
};

Listener::Listener() = default;

Listener::~Listener() { stop(0); }

absl::Status Listener::start(const Options& options, const std::vector<grpc::Service*>& services) {
  grpc::EnableDefaultHealthCheckService(true);
  if (options.with_reflection) grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(options.max_message_bytes);
  builder.SetMaxSendMessageSize(options.max_message_bytes);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT,
                             0);  // a second process on the port must fail, not share it
  for (grpc::Service* service : services) builder.RegisterService(service);
  int port = 0;
  absl::StatusOr<int> socket = -1;
  if (options.netns.empty()) {
    builder.AddListeningPort(options.address, grpc::InsecureServerCredentials(), &port);
  } else {
    socket = listen_in_netns(options.netns, options.address);
    if (!socket.ok()) return socket.status();
  }
  {
    const QuietGrpc quiet;
    server_ = builder.BuildAndStart();
  }
  if (server_ == nullptr || (options.netns.empty() && port == 0))
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options.address, ": is another process using the port?"));
  if (!options.netns.empty()) acceptor_ = std::make_unique<Acceptor>(*socket, *server_);
  return absl::OkStatus();
}

void Listener::stop(std::int64_t grace_ms) {
  if (server_ == nullptr) return;
  acceptor_.reset();
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(grace_ms));
  server_->Wait();
  server_.reset();
}

}  // namespace kv
