#include "jepsen-style-tests/process/jepsen/crowd.h"

namespace kv::jepsen {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook{20};
constexpr std::chrono::milliseconds kStandstill{400};

// One client: what it sends, and to which nodes.
//
// A write with a request id is sent again until it is known what became of it, a few times; and later again, when others have
// been sent meanwhile. Some are sent again though they were answered, as by a client that died before it had noted the answer.
class Asker {
 public:
  Asker(Session& session, workload::Generator& generator, const Endpoints& endpoints,
        std::uint64_t seed)
      : session_(session), generator_(generator), rng_(seed) {
    for (const auto& [node, address] : endpoints) nodes_.push_back(node);
  }

  // Draws how long to wait before the next turn; on average half of this.
  std::chrono::microseconds draw_pause(std::int64_t longest_us) {
    return std::chrono::microseconds(rng_.between(0, longest_us));
  }

  void take_turn() {
    if (!open_.empty() && rng_.below(100) < kLaterPercent) return send_open();
    const std::string& node = any_node();
    const std::vector<workload::Request> requests = generator_.next();
    const history::Outcome outcome = session_.perform(node, requests);
    if (!requests.front().id.empty()) insist({requests.front(), Clock::now()}, outcome);
  }

 private:
  struct Sent {
    workload::Request request;
    Clock::time_point first;
  };
  static constexpr int kMostAttempts = 4;  // one after another
  static constexpr std::size_t kMostOpen = 20;
  static constexpr std::uint64_t kLaterPercent = 10;
  static constexpr std::uint64_t kAgainPercent = 10;  // of those that are answered
  // Before the end of the time in which a request is known, as a client has to.
  static constexpr std::chrono::minutes kLongest{5};

  const std::string& any_node() { return nodes_[rng_.below(nodes_.size())]; }

  void insist(Sent sent, history::Outcome outcome) {
    bool is_unknown = outcome == history::Outcome::kUnknown;
    for (int i = 1; i < kMostAttempts && is_unknown; ++i) {
      outcome = session_.perform(any_node(), {sent.request});
      is_unknown = outcome != history::Outcome::kOk;  // "not applied" speaks of that attempt only
    }
    const bool again = outcome == history::Outcome::kOk && rng_.below(100) < kAgainPercent;
    if (again) session_.perform(any_node(), {sent.request});
    if ((is_unknown || again) && open_.size() < kMostOpen) open_.push_back(std::move(sent));
  }

  void send_open() {
    std::swap(open_[rng_.below(open_.size())], open_.back());
    Sent sent = std::move(open_.back());
    open_.pop_back();
    if (Clock::now() - sent.first > kLongest) return;
    const history::Outcome outcome = session_.perform(any_node(), {sent.request});
    if (outcome != history::Outcome::kOk) open_.push_back(std::move(sent));
  }

  Session& session_;
  workload::Generator& generator_;
  Rng rng_;
  std::vector<std::string> nodes_;
  std::vector<Sent> open_;  // to be sent again
};

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
  Asker asker(session, generator, endpoints_, seed_ * 31 + number);
  // Each client waits about twice its share on average, without regularity, less what the call took.
  const std::int64_t share_us = 1'000'000LL * options_.clients / options_.rate;
  Clock::time_point due = Clock::now();
  while (true) {
    due = std::max(due + asker.draw_pause(2 * share_us),
                   Clock::now() - std::chrono::milliseconds(100));
    if (!await_turn(number, due)) return;
    asker.take_turn();
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
