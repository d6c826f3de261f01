#include "node/adapters/grpc/listener/netns_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/ip/address_v4.hpp>
#include <cerrno>
#include <cstring>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace kv {
namespace {

absl::Status failed(const std::string& what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

absl::StatusOr<sockaddr_in> parse(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  boost::system::error_code error;
  const auto host = boost::asio::ip::make_address_v4(address.substr(0, colon), error);
  int port = 0;
  if (colon == std::string::npos || error || !absl::SimpleAtoi(address.substr(colon + 1), &port))
    return absl::InvalidArgumentError(
        absl::StrCat(address, ": expected an IPv4 address and a port"));
  sockaddr_in parsed{};
  parsed.sin_family = AF_INET;
  parsed.sin_addr.s_addr = htonl(host.to_uint());
  parsed.sin_port = htons(static_cast<std::uint16_t>(port));
  return parsed;
}

absl::StatusOr<int> listen_here(const sockaddr_in& address, const std::string& text) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failed("socket");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, SOMAXCONN) != 0) {
    const absl::Status status = failed(absl::StrCat("cannot listen on ", text));
    close(fd);
    return status;
  }
  return fd;
}

}  // namespace

absl::StatusOr<int> listen_in_netns(const std::string& netns, const std::string& address) {
  const auto parsed = parse(address);
  if (!parsed.ok()) return parsed.status();
  absl::StatusOr<int> result = absl::UnknownError("not run");
  // setns() moves the calling thread only, and a socket stays where it was made: so a thread goes there, and ends.
  std::thread([&] {
    const int target = open(netns.c_str(), O_RDONLY | O_CLOEXEC);
    if (target < 0) {
      result = failed(absl::StrCat("network namespace ", netns));
      return;
    }
    if (setns(target, CLONE_NEWNET) != 0)
      result = failed(absl::StrCat("cannot enter network namespace ", netns));
    else
      result = listen_here(*parsed, address);
    close(target);
  }).join();
  return result;
}

}  // namespace kv
