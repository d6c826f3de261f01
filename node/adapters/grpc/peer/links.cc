#include "node/adapters/grpc/peer/links.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "node/adapters/asio/clock.h"
#include "node/adapters/grpc/peer/limits.h"
#include "node/adapters/log/log.h"
#include "node/base/rng.h"

namespace kv {

namespace asio = boost::asio;

struct PeerLinks::Impl {
  struct Link {
    Link(NodeIndex n, std::string i, std::string a, asio::io_context& io,
         const LivenessOptions& options)
        : node(n), id(std::move(i)), address(std::move(a)), liveness(options), timer(io) {}

    const NodeIndex node;
    const std::string id;
    const std::string address;
    Liveness liveness;         // on the links' thread, with the next four
    asio::steady_timer timer;  // the liveness machine's, or until the next attempt
    std::uint64_t session_number = 0;
    std::string last_reason;  // why the last attempt failed: logged once, not at every attempt
    bool is_closed = true;

    std::mutex mutex;
    std::shared_ptr<PeerSession> session;  // under mutex; set while messages may be sent
    std::shared_ptr<PeerSession> opening;  // under mutex; the current one, accepted or not
    LinkStatus status;                     // under mutex
  };

  Impl(const PeerIdentity& s, const Ring& r, const LivenessOptions& o, Handlers h)
      : self(s), ring(r), options(o), handlers(std::move(h)), rng(s.incarnation) {}

  void open(Link& link);
  void act(Link& link, const LivenessActions& actions);
  void closed(Link& link, std::uint64_t session, const std::string& reason);
  void retry(Link& link);
  void arm(Link& link, Instant at);

  const PeerIdentity self;
  const Ring& ring;
  const LivenessOptions options;
  const Handlers handlers;
  asio::io_context io;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
  std::thread thread;
  std::vector<std::unique_ptr<Link>> links;  // by NodeIndex; none at this node's own place
  Rng rng;
  bool is_stopping = false;  // on the links' thread

  std::mutex open_mutex;
  std::condition_variable all_closed;
  std::size_t open_sessions = 0;  // under open_mutex
};

void PeerLinks::Impl::open(Link& link) {
  if (is_stopping) return;
  const std::uint64_t number = ++link.session_number;
  link.is_closed = false;
  {
    const std::lock_guard lock(open_mutex);
    ++open_sessions;
  }
  PeerSession::Handlers callbacks;
  callbacks.on_accepted = [this, &link, number] {
    asio::post(io, [this, &link, number] {
      if (number == link.session_number && !link.is_closed)
        act(link, link.liveness.on_connected(monotonic_now(), number));
    });
  };
  callbacks.on_heartbeat = [this, &link, number](std::uint64_t sent_us, WallMs peer_wall) {
    asio::post(io, [this, &link, number, sent_us, peer_wall, at = monotonic_now()] {
      act(link, link.liveness.on_heartbeat_reply(at, number, sent_us, peer_wall));
      const std::optional<WallBounds> wall = link.liveness.wall();
      if (wall.has_value() && handlers.on_wall) handlers.on_wall(link.node, *wall);
    });
  };
  callbacks.on_closed = [this, &link, number](const std::string& reason) {
    asio::post(io, [this, &link, number, reason] { closed(link, number, reason); });
    const std::lock_guard lock(open_mutex);
    --open_sessions;
    all_closed.notify_all();
  };
  auto session = PeerSession::open(link.address, link.id, self, options.failure_timeout_ms,
                                   std::move(callbacks));
  link.timer.expires_after(std::chrono::milliseconds(options.failure_timeout_ms));
  link.timer.async_wait([session](const boost::system::error_code& error) {
    if (!error) session->close();  // nobody said hello
  });
  const std::lock_guard lock(link.mutex);
  link.opening = std::move(session);
}

void PeerLinks::Impl::act(Link& link, const LivenessActions& actions) {
  std::shared_ptr<PeerSession> current;
  {
    const std::lock_guard lock(link.mutex);
    if (actions.became_not_alive) link.session.reset();
    if (actions.became_alive) link.session = link.opening;
    link.status = {link.liveness.alive(), link.liveness.wall()};
    current = link.opening;
  }
  if (actions.became_not_alive) {
    log::warn(absl::StrCat("lost ", link.id));
    handlers.on_down(link.node);
  }
  if (actions.reset_connection && current != nullptr) current->close();
  if (actions.became_alive) {
    log::info(absl::StrCat("connected to ", link.id, " at ", link.address));
    link.last_reason.clear();
    handlers.on_up(link.node);
  }
  if (actions.send_heartbeat_sent_us.has_value() && current != nullptr)
    current->send_heartbeat(*actions.send_heartbeat_sent_us);
  if (!link.is_closed) arm(link, actions.wake_at);
}

void PeerLinks::Impl::closed(Link& link, std::uint64_t session, const std::string& reason) {
  if (session != link.session_number) return;
  link.is_closed = true;
  act(link, link.liveness.on_disconnected(monotonic_now(), session));
  {
    const std::lock_guard lock(link.mutex);
    link.opening.reset();
  }
  if (reason != link.last_reason && !is_stopping) {
    log::warn(absl::StrCat("no connection to ", link.id, " at ", link.address, ": ", reason));
    link.last_reason = reason;
  }
  retry(link);
}

void PeerLinks::Impl::retry(Link& link) {
  if (is_stopping) return;
  const std::int64_t pause_ms = kReconnectMs + rng.between(0, kReconnectMs);
  link.timer.expires_after(std::chrono::milliseconds(pause_ms));
  link.timer.async_wait([this, &link](const boost::system::error_code& error) {
    if (!error) open(link);
  });
}

void PeerLinks::Impl::arm(Link& link, Instant at) {
  if (at == kNever) return;
  const std::int64_t wait_us = std::max<std::int64_t>(elapsed_us(monotonic_now(), at), 0);
  link.timer.expires_after(std::chrono::microseconds(wait_us));
  link.timer.async_wait([this, &link](const boost::system::error_code& error) {
    if (!error) act(link, link.liveness.tick(monotonic_now()));
  });
}

PeerLinks::PeerLinks(const PeerIdentity& self, const Ring& ring, std::vector<std::string> addresses,
                     const LivenessOptions& liveness, Handlers handlers)
    : impl_(std::make_unique<Impl>(self, ring, liveness, std::move(handlers))) {
  for (std::size_t i = 0; i < ring.nodes().size(); ++i) {
    const NodeIndex node{static_cast<std::uint16_t>(i)};
    const std::string& id = ring.node_id(node);
    impl_->links.push_back(id == self.node ? nullptr
                                           : std::make_unique<Impl::Link>(node, id, addresses[i],
                                                                          impl_->io, liveness));
  }
}

PeerLinks::~PeerLinks() { stop(); }

void PeerLinks::start() {
  impl_->work.emplace(asio::make_work_guard(impl_->io));
  for (const auto& link : impl_->links)
    if (link != nullptr)
      asio::post(impl_->io, [impl = impl_.get(), l = link.get()] { impl->open(*l); });
  impl_->thread = std::thread([impl = impl_.get()] { impl->io.run(); });
}

void PeerLinks::stop() {
  if (!impl_->thread.joinable()) return;
  std::promise<void> stopping;  // from then on no session is opened
  asio::post(impl_->io, [impl = impl_.get(), &stopping] {
    impl->is_stopping = true;
    for (const auto& link : impl->links) {
      if (link == nullptr) continue;
      link->timer.cancel();
      const std::lock_guard lock(link->mutex);
      if (link->opening != nullptr) link->opening->close();
    }
    impl->work.reset();
    stopping.set_value();
  });
  stopping.get_future().wait();
  {
    std::unique_lock lock(impl_->open_mutex);
    impl_->all_closed.wait(lock, [&] { return impl_->open_sessions == 0; });
  }
  impl_->thread.join();
}

void PeerLinks::send(NodeIndex to, std::string message) {
  Impl::Link& link = *impl_->links.at(to.value);
  std::shared_ptr<PeerSession> session;
  {
    const std::lock_guard lock(link.mutex);
    session = link.session;
  }
  if (session != nullptr) session->send(std::move(message));
}

std::vector<LinkStatus> PeerLinks::status() const {
  std::vector<LinkStatus> all;
  for (const auto& link : impl_->links) {
    if (link == nullptr) {
      all.push_back({true, own_wall(now())});
      continue;
    }
    const std::lock_guard lock(link->mutex);
    all.push_back(link->status);
  }
  return all;
}

}  // namespace kv
