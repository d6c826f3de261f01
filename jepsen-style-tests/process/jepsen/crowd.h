// The clients of a run, each a thread with a session of its own, which together send requests at a given rate.
//
// In a surge so many times as many clients send so many times as much. They begin paused. Thread-safe. The destructor waits for what is under way.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "jepsen-style-tests/process/jepsen/recorder.h"
#include "jepsen-style-tests/process/jepsen/session.h"
#include "jepsen-style-tests/workloads/workload.h"

namespace kv::jepsen {

struct CrowdOptions {
  std::uint32_t clients = 10;
  std::uint32_t rate = 500;  // calls a second, of all together, as far as answers come in time
  std::chrono::milliseconds timeout{2000};
  // Of all of them those that are here: the first, and each so many after it.
  std::uint32_t first = 0;
  std::uint32_t step = 1;
};

class Crowd {
 public:
  // `workload` and `recorder` must outlive it.
  // `most_times`: the greatest surge that will be.
  Crowd(const workload::Workload& workload, const Endpoints& endpoints, const CrowdOptions& options,
        std::uint32_t most_times, std::uint64_t seed, Recorder& recorder);
  ~Crowd();
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  void resume();
  void pause();                     // returns when nothing is under way
  void surge(std::uint32_t times);  // 1: as usual

 private:
  enum class Order { kPause, kWork, kEnd };

  void work(std::uint32_t number);
  // Waits until there is work for this client; false at the end.
  bool await_turn(std::uint32_t number, std::chrono::steady_clock::time_point due);

  const workload::Workload& workload_;
  const Endpoints endpoints_;
  const CrowdOptions options_;
  const std::uint64_t seed_;
  Recorder& recorder_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Order order_ = Order::kPause;
  std::uint32_t at_work_ = 0;
  std::uint32_t times_ = 1;
  std::vector<std::thread> threads_;
};

// Notes when this machine stood still: when a thread that wants to run every few milliseconds did not for long.
class StallWatch {
 public:
  explicit StallWatch(Recorder& recorder);
  ~StallWatch();
  StallWatch(const StallWatch&) = delete;
  StallWatch& operator=(const StallWatch&) = delete;

 private:
  void watch();

  Recorder& recorder_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace kv::jepsen
