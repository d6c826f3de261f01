// A watch: one stream after another from the same node, each from the token of the last.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "client/src/backoff.h"
#include "client/src/cluster.h"
#include "client/src/messages.h"
#include "kv/client.h"
#include "kv/limits.h"

namespace kv::client {
namespace {

// A node that has fallen silent is noticed when a stream's time is over: its signs of life come far more often. A stream from
// a node that is well goes on with the next one, on the same connection.
constexpr std::chrono::seconds kStreamTime{30};

class Watching {
 public:
  Watching(Cluster& cluster, const WatchOptions& options,
           const std::function<bool(WatchUpdate&&)>& visit)
      : cluster_(cluster),
        options_(options),
        visit_(visit),
        request_(watch_request(options)),
        backoff_(cluster.next_seed()) {}

  Result<std::uint64_t> run() {
    std::optional<End> end = begin();
    if (!end.has_value()) return failure_;
    while (!stopped_) {
      if (*end != End::kTimeOver) {
        // What stops or is overloaded may be back; any other answer is the node's last word.
        const bool may_pass = *end == End::kBroken ||
                              failure_.code == absl::StatusCode::kUnavailable ||
                              failure_.code == absl::StatusCode::kResourceExhausted;
        if (!may_pass || Clock::now() - heard_ > options_.patience) return failure_;
        std::this_thread::sleep_for(backoff_.next());
      }
      end = follow(*node_, Clock::now() + options_.timeout);
    }
    return events_;
  }

 private:
  enum class End { kStopped, kTimeOver, kRefused, kBroken };

  // At the first endpoint that takes it, which is `node_` then: how its first stream ended. None: no endpoint took it. A token
  // that one calls too old may be of another, which may be away.
  std::optional<End> begin() {
    const Clock::time_point end =
        Clock::now() +
        (options_.token.empty() ? options_.timeout : std::max(options_.timeout, options_.patience));
    std::optional<Failure> refusal;
    while (true) {
      bool some_away = false;
      const auto& nodes = cluster_.nodes();
      for (std::size_t i = 0; i < nodes.size() && node_ == nullptr; ++i) {
        Node& node = *nodes[(cluster_.preferred() + i) % nodes.size()];
        const auto share = options_.timeout / static_cast<int>(nodes.size());
        const End ended = follow(node, Clock::now() + share);
        if (node_ != nullptr) return ended;
        some_away |= ended != End::kRefused;
        if (ended != End::kRefused) continue;
        refusal = failure_;
        if (!is_of_this_node_only(failure_)) return std::nullopt;
      }
      const bool try_again = some_away && !options_.token.empty() && Clock::now() < end;
      if (!try_again) break;
      std::this_thread::sleep_for(backoff_.next());
    }
    if (refusal.has_value()) failure_ = *std::move(refusal);
    return std::nullopt;
  }

  static bool is_of_this_node_only(const Failure& failure) {
    return failure.code == absl::StatusCode::kOutOfRange ||
           failure.code == absl::StatusCode::kUnavailable ||
           failure.code == absl::StatusCode::kResourceExhausted;
  }

  // One stream, to its end.
  End follow(Node& node, Clock::time_point connect_by) {
    const absl::StatusOr<std::shared_ptr<Node::Stubs>> stubs = node.connect(connect_by);
    if (!stubs.ok()) {
      failure_ = {.code = absl::StatusCode::kUnavailable,
                  .message = absl::StrCat("no node could be reached: ", stubs.status().message()),
                  .reached = false};
      return End::kBroken;
    }
    grpc::ClientContext context;
    context.set_deadline(wall_deadline(Clock::now() + kStreamTime));
    const auto reader = (*stubs)->key_value->Watch(&context, request_);
    v1::WatchResponse message;
    bool any = false;
    while (reader->Read(&message)) {
      const bool is_first = !std::exchange(any, true);
      node_ = &node;
      heard_ = Clock::now();
      if (take(message, is_first)) continue;
      stopped_ = true;
      context.TryCancel();
      reader->Finish();
      return End::kStopped;
    }
    const grpc::Status status = reader->Finish();
    if (any) backoff_ = Backoff(cluster_.next_seed());
    if (any && status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) return End::kTimeOver;
    if (status.ok()) {
      failure_ = {.code = absl::StatusCode::kUnavailable,
                  .message = absl::StrCat(node.address(), " ended the watch")};
      return End::kBroken;
    }
    Verdict verdict = judge(status, RequestKind::kRead, node.address());
    failure_ = std::move(verdict.failure);
    if (verdict.answered) return End::kRefused;
    failure_.reached = false;
    return End::kBroken;
  }

  // False: nothing more is wanted. That a stream has taken up where the last one ended is nobody's business.
  bool take(v1::WatchResponse& message, bool is_first) {
    if (message.partitions_total() > 0) {
      partitions_ = message.partitions();
      partitions_total_ = message.partitions_total();
    }
    for (v1::WatchResponse::Event& event : *message.mutable_events()) {
      std::string token = event.token();
      ++events_;
      if (!tell(to_event(std::move(event)), std::move(token))) return false;
    }
    const bool says_nothing = is_first && message.token() == request_.token();
    if (!message.events().empty() || says_nothing) return true;
    return tell(std::nullopt, std::move(*message.mutable_token()));
  }

  bool tell(std::optional<WatchEvent> event, std::string token) {
    request_.set_token(token);
    return visit_({.event = std::move(event),
                   .token = std::move(token),
                   .partitions = partitions_,
                   .partitions_total = partitions_total_});
  }

  Cluster& cluster_;
  const WatchOptions& options_;
  const std::function<bool(WatchUpdate&&)>& visit_;
  v1::WatchRequest request_;  // its token is where to go on
  Backoff backoff_;
  Node* node_ = nullptr;  // once it has begun
  Clock::time_point heard_ = Clock::now();
  std::uint32_t partitions_ = 0;
  std::uint32_t partitions_total_ = 0;
  Failure failure_{};
  std::uint64_t events_ = 0;
  bool stopped_ = false;
};

}  // namespace

Result<std::uint64_t> Client::watch(const WatchOptions& options,
                                    const std::function<bool(WatchUpdate&&)>& visit) {
  if (absl::Status status = check_timeout(options.timeout); !status.ok()) return to_failure(status);
  if (absl::Status status = check_watch(options); !status.ok()) return to_failure(status);
  return Watching(*cluster_, options, visit).run();
}

}  // namespace kv::client
