// The switch as an interface of the kernel's, in a network namespace that the test makes for itself. Where that is not allowed
// (neither root nor user namespaces), it holds that the refusal says so.
#include "jepsen-style-tests/network/tap.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "jepsen-style-tests/network/testing/frames.h"

namespace kv::network {
namespace {

// Reads and writes frames at the kernel's side of an interface.
class Wire {
 public:
  explicit Wire(const std::string& name) : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    ioctl(fd_, SIOCGIFFLAGS, &request);
    request.ifr_flags |= IFF_UP;
    ioctl(fd_, SIOCSIFFLAGS, &request);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(if_nametoindex(name.c_str()));
    bound_ = bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Wire() { close(fd_); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  bool send(const std::string& bytes) const {
    return bound_ && write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  }
  // The next frame that enters the kernel; empty: none for as long as a test waits.
  std::string receive() const {
    std::array<char, 2000> buffer{};
    pollfd readable{.fd = fd_, .events = POLLIN, .revents = 0};
    while (poll(&readable, 1, 30'000) == 1) {
      sockaddr_ll from{};
      socklen_t size = sizeof from;
      const ssize_t got =
          recvfrom(fd_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (got > 0 && from.sll_pkttype != PACKET_OUTGOING)
        return {buffer.data(), static_cast<std::size_t>(got)};
    }
    return "";
  }

 private:
  int fd_ = -1;
  bool bound_ = false;
};

bool enter_namespace() {
  return unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

TEST(Tap, PassesOnWhatItIsGivenAndHurtsItMeanwhile) {
  if (!enter_namespace() || !why_no_tap().empty()) {
    EXPECT_THAT(why_no_tap(), testing::AnyOf("", testing::HasSubstr("/dev/net/tun")));
    EXPECT_THROW(Tap("t0", Switch(kEnds, kPorts, 1)), std::runtime_error);
    return;
  }
  Tap tap("t0", Switch(kEnds, kPorts, 1));
  const Wire wire("t0");
  const auto send = [&wire](const std::string& payload) {
    return wire.send(frame(kEnds[0], kEnds[1], {.payload = payload}));
  };
  ASSERT_TRUE(send("as it is"));
  const std::string first = wire.receive();
  ASSERT_TRUE(parse(first).has_value());
  EXPECT_EQ(parse(first)->to, kEnds[1].mac);
  EXPECT_THAT(first, testing::EndsWith("as it is"));

  // Frames are passed on in order, so what arrives next was not lost.
  tap.hurt(1, {{"n1", "n2"}}, {.loss_percent = 100});
  ASSERT_TRUE(send("lost"));
  ASSERT_TRUE(wire.send(frame(kEnds[2], kEnds[1], {.payload = "another's"})));
  EXPECT_THAT(wire.receive(), testing::EndsWith("another's"));
  tap.heal(1);
  tap.hurt(2, {{"n1", "n2"}}, {.delay_ms = 20, .duplicate_percent = 100});
  ASSERT_TRUE(send("late and twice"));
  EXPECT_THAT(wire.receive(), testing::EndsWith("late and twice"));
  EXPECT_THAT(wire.receive(), testing::EndsWith("late and twice"));
}

}  // namespace
}  // namespace kv::network
