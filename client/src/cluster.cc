#include "client/src/cluster.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <thread>
#include <utility>

#include "client/src/backoff.h"

namespace kv::client {

// One call of run(): its position among the endpoints, and what it has seen so far.
class Cluster::Request {
 public:
  Request(Cluster& cluster, RequestKind kind, std::chrono::milliseconds timeout)
      : cluster_(cluster),
        kind_(kind),
        deadline_(Clock::now() + timeout),
        index_(cluster.preferred()),
        backoff_(cluster.next_seed()) {}

  std::optional<Failure> run(Attempt attempt) {
    while (true) {
      const absl::StatusOr<std::shared_ptr<Node::Stubs>> stubs = node().connect(connect_deadline());
      if (!stubs.ok()) {
        if (!give_up_node(stubs.status().message())) return overall(passed_over());
        continue;
      }
      grpc::ClientContext context;
      context.set_deadline(wall_deadline(deadline_));
      const grpc::Status status = attempt(**stubs, context);
      if (status.ok()) {
        prefer(index_);
        return std::nullopt;
      }
      Verdict verdict = judge(status, kind_, node().address());
      const bool is_unknown = verdict.failure.outcome == Outcome::kUnknown;
      if (is_unknown && (!unknown_.has_value() || verdict.failure.dot.has_value()))
        unknown_ = verdict.failure;
      if (!go_on(verdict)) return overall(std::move(verdict.failure));
    }
  }

 private:
  Node& node() { return *cluster_.nodes_[index_]; }
  std::size_t next_index() const { return (index_ + 1) % cluster_.nodes_.size(); }
  void prefer(std::size_t index) { cluster_.preferred_.store(index, std::memory_order_relaxed); }

  // What is left is shared by the endpoints not yet tried and the request itself.
  Clock::time_point connect_deadline() const {
    const Clock::time_point now = Clock::now();
    const auto untried = static_cast<int>(cluster_.nodes_.size() - given_up_.size());
    return now + (deadline_ - now) / (untried + 1);
  }

  // Moves on to the next endpoint; false when each has had its turn or time is up.
  bool give_up_node(absl::string_view why) {
    given_up_.emplace_back(why);
    index_ = next_index();
    prefer(index_);
    return given_up_.size() < cluster_.nodes_.size() && Clock::now() < deadline_;
  }

  // Whether there is another attempt after this verdict; otherwise the verdict's failure is the
  // answer.
  bool go_on(Verdict& verdict) {
    if (verdict.answered) prefer(index_);
    switch (verdict.next) {
      case Next::kReturn:
        // The node may be gone or stuck: others start with the next one.
        if (!verdict.answered) prefer(next_index());
        return false;
      case Next::kNextEndpoint:
        if (verdict.answered) refusal_ = verdict.failure;
        if (give_up_node(verdict.failure.message)) return true;
        if (given_up_.size() == cluster_.nodes_.size()) verdict.failure = passed_over();
        return false;
      case Next::kBackoff:
        return pause();
    }
    return false;
  }

  bool pause() {
    const Backoff::Milliseconds wait = backoff_.next();
    if (Clock::now() + wait >= deadline_) return false;
    std::this_thread::sleep_for(wait);
    refusal_.reset();
    given_up_.clear();  // what could not be reached before the pause may be back
    index_ = next_index();
    return true;
  }

  Failure overall(Failure latest) const {
    return unknown_.has_value() ? after_unknown(std::move(latest), *unknown_) : latest;
  }

  // The answer when no endpoint is left to try: what a node said goes before what none did.
  Failure passed_over() const {
    if (refusal_.has_value()) return *refusal_;
    return Failure{
        .code = absl::StatusCode::kUnavailable,
        .message = absl::StrCat("no node could be reached: ", absl::StrJoin(given_up_, "; ")),
        .reached = false};
  }

  Cluster& cluster_;
  const RequestKind kind_;
  const Clock::time_point deadline_;
  std::size_t index_;
  Backoff backoff_;
  std::optional<Failure> refusal_;  // by one of those passed over
  std::optional<Failure> unknown_;  // an attempt that may have been applied, with its dot if known
  std::vector<std::string> given_up_;  // why, for each endpoint passed over since the last pause
};

Cluster::Cluster(const std::vector<std::string>& addresses, std::uint64_t seed) : seed_(seed) {
  for (const std::string& address : addresses) nodes_.push_back(std::make_unique<Node>(address));
}

std::optional<Failure> Cluster::run(RequestKind kind, std::chrono::milliseconds timeout,
                                    Attempt attempt) {
  return Request(*this, kind, timeout).run(attempt);
}

void Cluster::leave(std::size_t index) {
  preferred_.compare_exchange_strong(index, (index + 1) % nodes_.size(), std::memory_order_relaxed);
}

std::uint64_t Cluster::next_seed() {
  // Weyl sequence: distinct for 2^64 calls, and far apart for neighbours.
  return seed_.fetch_add(0x9e3779b97f4a7c15, std::memory_order_relaxed);
}

}  // namespace kv::client
