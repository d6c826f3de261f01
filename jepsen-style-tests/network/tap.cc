#include "jepsen-style-tests/network/tap.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>

namespace kv::network {
namespace {

constexpr const char* kDevice = "/dev/net/tun";

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int open_device() { return open(kDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC); }

}  // namespace

std::string why_no_tap() {
  const int fd = open_device();
  if (fd < 0) return absl::StrCat("cannot open ", kDevice, ": ", strerror(errno));
  close(fd);
  return "";
}

Tap::Tap(const std::string& name, Switch the_switch) : switch_(std::move(the_switch)) {
  tap_ = open_device();
  end_ = eventfd(0, EFD_CLOEXEC);
  ifreq request{};
  // Frames as a wire has them: the kernel cuts large ones and fills in checksums, for it is asked to leave nothing undone.
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (tap_ < 0 || end_ < 0 || ioctl(tap_, TUNSETIFF, &request) != 0) {
    const std::string problem = strerror(errno);
    for (const int fd : {tap_, end_})
      if (fd >= 0) close(fd);
    throw std::runtime_error(absl::StrCat("no interface by ", kDevice, ": ", problem));
  }
  thread_ = std::thread([this] { work(); });
}

Tap::~Tap() {
  eventfd_write(end_, 1);
  thread_.join();
  close(tap_);
  close(end_);
}

void Tap::hurt(std::size_t id, const Directions& directions, const fault::Link& link) {
  const std::lock_guard lock(mutex_);
  switch_.hurt(id, directions, link);
}

void Tap::heal(std::size_t id) {
  const std::lock_guard lock(mutex_);
  switch_.heal(id);
}

void Tap::work() {
  eventfd_t ends = 0;
  pollfd end{.fd = end_, .events = POLLIN, .revents = 0};
  while (poll(&end, 1, 0) == 0) {
    wait_for_more();
    read_frames();
    write_frames();
  }
  eventfd_read(end_, &ends);
}

void Tap::wait_for_more() {
  std::optional<std::int64_t> next_us;
  {
    const std::lock_guard lock(mutex_);
    next_us = switch_.next_us();
  }
  std::array<pollfd, 2> fds{pollfd{.fd = tap_, .events = POLLIN, .revents = 0},
                            pollfd{.fd = end_, .events = POLLIN, .revents = 0}};
  if (!next_us.has_value()) {
    poll(fds.data(), fds.size(), -1);
    return;
  }
  const std::int64_t wait_us = std::max<std::int64_t>(0, *next_us - now_us());
  const timespec wait{.tv_sec = wait_us / 1'000'000, .tv_nsec = wait_us % 1'000'000 * 1000};
  ppoll(fds.data(), fds.size(), &wait, nullptr);
}

void Tap::read_frames() {
  constexpr int kMost = 64;  // then those that are due have their turn
  std::array<char, 65'536> buffer{};
  for (int i = 0; i < kMost; ++i) {
    const ssize_t size = read(tap_, buffer.data(), buffer.size());
    if (size <= 0) return;
    const std::lock_guard lock(mutex_);
    switch_.take(std::string(buffer.data(), static_cast<std::size_t>(size)), now_us());
  }
}

void Tap::write_frames() {
  std::vector<std::string> frames;
  {
    const std::lock_guard lock(mutex_);
    frames = switch_.due(now_us());
  }
  // What the kernel does not take is lost, as on a wire.
  for (const std::string& frame : frames)
    if (write(tap_, frame.data(), frame.size()) < 0) continue;
}

}  // namespace kv::network
