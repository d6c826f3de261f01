// The switch at work: a network interface of the kernel's whose frames come here, and a thread that passes them on.
//
// The interface is made in the network namespace of whoever calls the constructor, is plugged into nothing, and goes with the
// object. Frames that the switch lets out enter the kernel by it. Thread-safe. Errors are thrown.
#pragma once

#include <mutex>
#include <string>
#include <thread>

#include "jepsen-style-tests/network/switch.h"

namespace kv::network {

// Why no interface can be made here; empty if it can.
std::string why_no_tap();

class Tap {
 public:
  // `name`: of the interface, at most 15 characters.
  Tap(const std::string& name, Switch the_switch);
  ~Tap();
  Tap(const Tap&) = delete;
  Tap& operator=(const Tap&) = delete;

  void hurt(std::size_t id, const Directions& directions, const fault::Link& link);
  void heal(std::size_t id);

 private:
  void work();
  void read_frames();
  void write_frames();
  void wait_for_more();

  int tap_ = -1;
  int end_ = -1;  // is readable once the thread has to end
  std::mutex mutex_;
  Switch switch_;  // under mutex_
  std::thread thread_;
};

}  // namespace kv::network
