#include "client/testing/sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace kv::client::testing {
namespace {

void must(bool done, const char* what) {
  if (done) return;
  std::perror(what);
  std::abort();
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

const sockaddr* generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Descriptor bound_socket(std::string* name) {
  Descriptor result(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  must(result.get() >= 0, "socket");
  sockaddr_in address = loopback(0);
  must(::bind(result.get(), generic(address), sizeof address) == 0, "bind");
  socklen_t size = sizeof address;
  must(::getsockname(result.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0,
       "getsockname");
  *name = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  return result;
}

// Closing then sends a reset instead of an orderly end.
void close_by_reset(Descriptor socket) {
  const linger immediately{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &immediately, sizeof immediately);
}

// False when the connection has ended.
bool pass(const Descriptor& from, const Descriptor& to) {
  char buffer[65536];
  const ssize_t got = ::read(from.get(), buffer, sizeof buffer);
  if (got <= 0) return false;
  for (ssize_t sent = 0; sent < got;) {
    const ssize_t now =
        ::send(to.get(), buffer + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
    if (now <= 0) return false;
    sent += now;
  }
  return true;
}

}  // namespace

Descriptor::~Descriptor() {
  if (value_ >= 0) ::close(value_);
}

RefusingPort::RefusingPort() : socket_(bound_socket(&address_)) {}

SilentPort::SilentPort() : socket_(bound_socket(&address_)) {
  must(::listen(socket_.get(), 64) == 0, "listen");
}

Tunnel::Tunnel(const std::string& target)
    : target_port_(std::atoi(target.substr(target.rfind(':') + 1).c_str())) {
  listener_ = bound_socket(&address_);
  must(::listen(listener_.get(), 64) == 0, "listen");
  int ends[2];
  must(::pipe(ends) == 0, "pipe");
  wake_read_ = Descriptor(ends[0]);
  wake_write_ = Descriptor(ends[1]);
  thread_ = std::thread([this] { run(); });
}

Tunnel::~Tunnel() {
  cut();
  thread_.join();
}

// From the moment that it has written, the tunnel's owner may see the cut and destroy it.
void Tunnel::cut() {
  const auto closed = closed_;
  must(::write(wake_write_.get(), "x", 1) == 1, "write");
  closed->wait(false);
}

void Tunnel::run() {
  while (wait_and_pass()) continue;
  for (Pair& pair : pairs_) {
    close_by_reset(std::move(pair.client));
    close_by_reset(std::move(pair.server));
  }
  pairs_.clear();
  listener_ = Descriptor();
  *closed_ = true;
  closed_->notify_all();
}

bool Tunnel::wait_and_pass() {
  std::vector<pollfd> polled = {{listener_.get(), POLLIN, 0}, {wake_read_.get(), POLLIN, 0}};
  for (const Pair& pair : pairs_) {
    polled.push_back({pair.client.get(), POLLIN, 0});
    polled.push_back({pair.server.get(), POLLIN, 0});
  }
  if (::poll(polled.data(), polled.size(), -1) < 0) return errno == EINTR;
  if (polled[1].revents != 0) return false;
  for (std::size_t i = pairs_.size(); i-- > 0;) {
    Pair& pair = pairs_[i];
    const bool alive = (polled[2 + 2 * i].revents == 0 || pass(pair.client, pair.server)) &&
                       (polled[3 + 2 * i].revents == 0 || pass(pair.server, pair.client));
    if (!alive) pairs_.erase(pairs_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (polled[0].revents != 0) accept_one();
  return true;
}

void Tunnel::accept_one() {
  Descriptor client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (client.get() < 0) return;
  Descriptor server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in target = loopback(target_port_);
  if (::connect(server.get(), generic(target), sizeof target) != 0) return;
  pairs_.push_back({std::move(client), std::move(server)});
}

}  // namespace kv::client::testing
