#include "node/adapters/grpc/listener/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/adapters/grpc/listener/netns_socket.h"

namespace kv {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A port of 127.0.0.1 on which somebody else listens.
class TakenPort {
 public:
  TakenPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_, generic, size), 0);
    EXPECT_EQ(::listen(socket_, 1), 0);
    EXPECT_EQ(::getsockname(socket_, generic, &size), 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~TakenPort() { ::close(socket_); }
  TakenPort(const TakenPort&) = delete;
  TakenPort& operator=(const TakenPort&) = delete;

  const std::string& address() const { return address_; }

 private:
  int socket_;
  std::string address_;
};

TEST(Listener, APortThatIsTakenIsNamed) {
  const TakenPort taken;
  Listener listener;
  const absl::Status status = listener.start({taken.address(), "", 1 << 20, false}, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.ToString(), AllOf(HasSubstr("cannot listen on " + taken.address()),
                                       HasSubstr("another process")));
  listener.stop(0);  // nothing to stop, no harm
}

TEST(Listener, StartsAndStopsOnAFreePort) {
  Listener listener;
  EXPECT_TRUE(listener.start({"127.0.0.1:0", "", 1 << 20, true}, {}).ok());
  listener.stop(0);
  listener.stop(0);
}

TEST(Listener, ANetworkNamespaceThatIsNotThereIsNamed) {
  const std::string absent = "/nowhere/netns";
  Listener listener;
  const absl::Status status = listener.start({"127.0.0.1:0", absent, 1 << 20, false}, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.ToString(), AllOf(HasSubstr("network namespace " + absent),
                                       HasSubstr("No such file or directory")));
}

TEST(Listener, AnAddressInAnotherNamespaceIsFourNumbersAndAPort) {
  for (const std::string address : {"localhost:7101", "127.0.0.1", "[::1]:7101", "127.0.0.1:x"}) {
    const auto socket = listen_in_netns("/proc/self/ns/net", address);
    EXPECT_EQ(socket.status().code(), absl::StatusCode::kInvalidArgument) << address;
    EXPECT_THAT(socket.status().ToString(),
                HasSubstr(address + ": expected an IPv4 address and a port"));
  }
}

}  // namespace
}  // namespace kv
