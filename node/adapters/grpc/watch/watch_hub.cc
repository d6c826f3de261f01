#include "node/adapters/grpc/watch/watch_hub.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node/adapters/asio/clock.h"
#include "node/adapters/grpc/convert.h"
#include "node/adapters/log/log.h"

namespace kv {
namespace {

constexpr std::int64_t kMaxLookEveryMs = 1000;  // for who is due a sign of life

void tell(const Watch& watch, const FeedEvent& event, v1::WatchResponse::Event* out) {
  if (storage::is_collection(PolicyKind{event.key.front()})) {
    out->set_key(storage::collection_of(event.key));
    to_proto(*storage::leaf_of(event.key), out->mutable_leaf());
  } else {
    out->set_key(std::string(storage::user_key_of(event.key)));
  }
  for_each_dot(event.dots, [&](Dot dot) { *out->add_dots() = to_proto(dot); });
  for (const Version& version : event.shown) {
    auto* shown = out->add_shown();
    shown->set_value(*version.value);
    *shown->mutable_dot() = to_proto(version.dot);
    shown->set_expires_ms(version.expires.ms);
  }
  out->set_token(watch.token_at(event.next));
}

v1::WatchResponse to_response(const Watch& watch, const FeedPage& page) {
  v1::WatchResponse response;
  for (const FeedEvent& event : page.events) tell(watch, event, response.add_events());
  response.set_token(watch.token_at(page.next));
  return response;
}

absl::Status stopping() {
  return absl::UnavailableError("the node is stopping; go on from the last token at this node");
}

}  // namespace

struct WatchHub::Impl {
  struct Watcher {
    Watch watch;
    std::shared_ptr<const std::atomic<bool>> gone;
    Deliver waiting;  // for the next message; empty while one is under way
    Instant told;     // when the last was given out
  };

  Impl(const storage::Engine& engine, Partition hidden, const Options& o)
      : options(o), feed(engine, hidden, o.limits), timer(io) {}

  void open(std::uint64_t id, storage::KeyRange range, const std::optional<std::string>& token,
            std::shared_ptr<const std::atomic<bool>> gone, const Deliver& done);
  void serve();
  void serve(Watcher& watcher, bool& more);
  void close(std::uint64_t id);
  void look_later();

  const Options options;
  std::atomic<bool> is_watched{false};
  std::atomic<bool> is_woken{false};

  // On the hub's thread only.
  Feed feed;
  std::map<std::uint64_t, Watcher> watchers;
  bool is_stopping = false;

  boost::asio::io_context io;
  boost::asio::steady_timer timer;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  std::thread thread;
};

void WatchHub::Impl::open(std::uint64_t id, storage::KeyRange range,
                          const std::optional<std::string>& token,
                          std::shared_ptr<const std::atomic<bool>> gone, const Deliver& done) {
  if (is_stopping) return done(stopping());
  if (watchers.size() >= options.max_watchers)
    return done(absl::ResourceExhaustedError(absl::StrCat(
        "this node has ", watchers.size(),
        " watchers, which is the limit (limits.max_watchers); watch at another node, or "
        "try again later")));
  is_watched = true;  // before the feed is looked at: what is committed from now on wakes
  auto watch = feed.open(std::move(range), token);
  if (!watch.ok()) {
    is_watched = !watchers.empty();
    return done(watch.status());
  }
  if (watchers.empty()) look_later();
  v1::WatchResponse first;
  first.set_token(watch->token_at(watch->next()));
  watchers.emplace(id, Watcher{*std::move(watch), std::move(gone), {}, monotonic_now()});
  done(std::move(first));
}

void WatchHub::Impl::serve() {
  if (watchers.empty()) return;
  const absl::Status advanced = feed.advance();
  if (!advanced.ok())
    log::warn(absl::StrCat("the log of changes cannot be followed: ", advanced.ToString()));
  bool more = false;
  for (auto& [id, watcher] : watchers) serve(watcher, more);
  if (more) boost::asio::post(io, [this] { serve(); });
}

void WatchHub::Impl::serve(Watcher& watcher, bool& more) {
  if (!watcher.waiting) return;
  const auto answer = [&](absl::StatusOr<v1::WatchResponse> response) {
    watcher.told = monotonic_now();
    std::exchange(watcher.waiting, {})(std::move(response));
  };
  if (*watcher.gone) return answer(absl::CancelledError("the client is gone"));
  if (is_stopping) return answer(stopping());
  const auto page = feed.read(watcher.watch, now().wall);
  if (!page.ok()) return answer(page.status());
  const bool is_due = elapsed_us(watcher.told, monotonic_now()) >= options.heartbeat_ms * 1000;
  if (!page->events.empty() || is_due) return answer(to_response(watcher.watch, *page));
  more |= page->more;
}

void WatchHub::Impl::close(std::uint64_t id) {
  watchers.erase(id);
  if (!watchers.empty()) return;
  is_watched = false;
  feed.forget_tail();
  timer.cancel();
}

void WatchHub::Impl::look_later() {
  timer.expires_after(std::chrono::milliseconds(
      std::clamp<std::int64_t>(options.heartbeat_ms, 1, kMaxLookEveryMs)));
  timer.async_wait([this](const boost::system::error_code& error) {
    if (error || watchers.empty()) return;
    serve();
    look_later();
  });
}

WatchHub::WatchHub(const storage::Engine& engine, Partition hidden, const Options& options)
    : impl_(std::make_unique<Impl>(engine, hidden, options)) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->io.run(); });
}

WatchHub::~WatchHub() {
  impl_->io.stop();
  impl_->thread.join();
}

void WatchHub::committed() {
  if (!impl_->is_watched || impl_->is_woken.exchange(true)) return;
  boost::asio::post(impl_->io, [impl = impl_.get()] {
    impl->is_woken = false;
    impl->serve();
  });
}

void WatchHub::open(std::uint64_t id, storage::KeyRange range, std::optional<std::string> token,
                    std::shared_ptr<const std::atomic<bool>> gone, Deliver done) {
  boost::asio::post(impl_->io,
                    [impl = impl_.get(), id, range = std::move(range), token = std::move(token),
                     gone = std::move(gone), done = std::move(done)]() mutable {
                      impl->open(id, std::move(range), token, std::move(gone), done);
                    });
}

void WatchHub::next(std::uint64_t id, Deliver done) {
  boost::asio::post(impl_->io, [impl = impl_.get(), id, done = std::move(done)]() mutable {
    impl->watchers.at(id).waiting = std::move(done);
    impl->serve();
  });
}

void WatchHub::look_for_gone() {
  boost::asio::post(impl_->io, [impl = impl_.get()] { impl->serve(); });
}

void WatchHub::close(std::uint64_t id) {
  boost::asio::post(impl_->io, [impl = impl_.get(), id] { impl->close(id); });
}

void WatchHub::stop() {
  boost::asio::post(impl_->io, [impl = impl_.get()] {
    impl->is_stopping = true;
    impl->serve();
  });
}

}  // namespace kv
