// Endpoints that fail in one particular way, as real sockets on 127.0.0.1.
// Ownership: each closes what it opened when it is destroyed.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace kv::client::testing {

// A file descriptor, closed when it goes.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor();

  int get() const { return value_; }

 private:
  int value_ = -1;
};

// Nobody listens: connecting is refused at once. The port stays reserved.
class RefusingPort {
 public:
  RefusingPort();
  const std::string& address() const { return address_; }

 private:
  std::string address_;  // filled in while socket_ is made
  Descriptor socket_;
};

// Connections are made and never served, as by a process that is stopped.
class SilentPort {
 public:
  SilentPort();
  const std::string& address() const { return address_; }

 private:
  std::string address_;  // filled in while socket_ is made
  Descriptor socket_;
};

// Passes bytes to and from another address until cut() breaks every connection and refuses new
// ones.
class Tunnel {
 public:
  // Precondition: `target` is "127.0.0.1:port".
  explicit Tunnel(const std::string& target);
  ~Tunnel();

  const std::string& address() const { return address_; }

  // Thread-safe, and may be called again. When it returns, no byte passes any more.
  void cut();

 private:
  struct Pair {
    Descriptor client;
    Descriptor server;
  };

  void run();
  bool wait_and_pass();
  void accept_one();

  int target_port_;
  std::string address_;
  Descriptor listener_;
  Descriptor wake_read_;
  Descriptor wake_write_;
  std::vector<Pair> pairs_;  // of thread_
  const std::shared_ptr<std::atomic<bool>> closed_ = std::make_shared<std::atomic<bool>>(false);
  std::thread thread_;
};

}  // namespace kv::client::testing
