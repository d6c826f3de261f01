#include "jepsen-style-tests/process/jepsen/crowd.h"

namespace kv::jepsen {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook{20};
constexpr std::chrono::milliseconds kStandstill{400};

}  // namespace

Crowd::Crowd(const workload::Workload& workload, const Endpoints& endpoints,
             const CrowdOptions& options, std::uint32_t most_times, std::uint64_t seed,
             Recorder& recorder)
    : workload_(workload),
      endpoints_(endpoints),
      options_(options),
      seed_(seed),
      recorder_(recorder) {
  for (std::uint32_t i = options_.first; i < options_.clients * most_times; i += options_.step)
    threads_.emplace_back([this, i] { work(i); });
}

Crowd::~Crowd() {
  {
    const std::lock_guard lock(mutex_);
    order_ = Order::kEnd;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Crowd::resume() {
  const std::lock_guard lock(mutex_);
  order_ = Order::kWork;
  changed_.notify_all();
}

void Crowd::pause() {
  std::unique_lock lock(mutex_);
  order_ = Order::kPause;
  changed_.notify_all();
  changed_.wait(lock, [this] { return at_work_ == 0; });
}

void Crowd::surge(std::uint32_t times) {
  const std::lock_guard lock(mutex_);
  times_ = times;
  changed_.notify_all();
}

bool Crowd::await_turn(std::uint32_t number, Clock::time_point due) {
  std::unique_lock lock(mutex_);
  while (true) {
    if (order_ == Order::kEnd) return false;
    const bool rests = number >= options_.clients * times_;
    if (order_ == Order::kPause || rests)
      changed_.wait(lock);
    else if (changed_.wait_until(lock, due) == std::cv_status::timeout && order_ == Order::kWork)
      break;
  }
  ++at_work_;
  return true;
}

void Crowd::work(std::uint32_t number) {
  Session session(endpoints_, number, options_.timeout, recorder_);
  workload::Generator generator(workload_, number, seed_);
  Rng rng(seed_ * 31 + number);
  std::vector<std::string> nodes;
  for (const auto& [node, address] : endpoints_) nodes.push_back(node);
  // Each client waits about twice its share on average, without regularity, less what the call took.
  const std::int64_t share_us = 1'000'000LL * options_.clients / options_.rate;
  Clock::time_point due = Clock::now();
  while (true) {
    due = std::max(due + std::chrono::microseconds(rng.between(0, 2 * share_us)),
                   Clock::now() - std::chrono::milliseconds(100));
    if (!await_turn(number, due)) return;
    session.perform(nodes[rng.below(nodes.size())], generator.next());
    const std::lock_guard lock(mutex_);
    --at_work_;
    if (order_ != Order::kWork) changed_.notify_all();
  }
}

StallWatch::StallWatch(Recorder& recorder) : recorder_(recorder), thread_([this] { watch(); }) {}

StallWatch::~StallWatch() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void StallWatch::watch() {
  std::unique_lock lock(mutex_);
  while (!ends_) {
    const std::int64_t from_us = recorder_.now_us();
    changed_.wait_for(lock, kLook);
    const std::int64_t to_us = recorder_.now_us();
    if (to_us - from_us > std::chrono::microseconds(kStandstill).count())
      recorder_.add(history::Stall{from_us, to_us});
  }
}

}  // namespace kv::jepsen
