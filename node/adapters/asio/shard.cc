#include "node/adapters/asio/shard.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "node/adapters/asio/clock.h"
#include "node/adapters/log/log.h"
#include "node/base/check.h"
#include "node/messages/message_codec.h"

namespace kv {
namespace {

// How many events share a commit at most: bounds the time until the first of them is answered.
constexpr std::size_t kMaxGroup = 512;

struct Inspect {
  std::function<void(const CoreStatus&)> callback;
};
struct Look {
  std::function<void(const Core&)> callback;
};
struct Received {
  FromPeer message;
  std::size_t bytes = 0;  // as it came
};
struct Asked {
  std::variant<ClientWrite, ClientGet, ClientScan> request;
  std::variant<Shard::OnWrite, Shard::OnRead> answer;
  std::size_t bytes = 0;
};
struct SyncEnded {
  std::uint64_t core = 0;  // the one that asked for it
};
using Queued = std::variant<Asked, Received, PeerUp, PeerDown, WallHeard, SyncEnded, Inspect, Look>;

[[noreturn]] void die(const absl::Status& status) {
  log::error(absl::StrCat("cannot go on: ", status.ToString()));
  std::abort();
}

}  // namespace

struct Shard::Impl {
  Impl(const Options& o, const Ring& r, NodeIndex s, storage::Engine& e, Send send_message)
      : options(o),
        ring(r),
        self(s),
        engine(e),
        send(std::move(send_message)),
        rng(o.seed),
        timer(io) {
    make_core();
  }

  void make_core() {
    core.emplace(options.core, ring, self, engine, Rng(rng.next()));
    ++core_number;
  }

  bool ask(Asked asked);
  void post(Queued item);
  void schedule_drain(bool was_empty);
  void drain();
  void take(Queued& item, Now at);
  void take_request(Asked& asked, Now at);
  void carry_out(Effects effects);
  void start_over(const absl::Status& why);
  void answer(ClientReply& reply);
  void set_timer(Instant at);

  const Options options;
  const Ring& ring;
  const NodeIndex self;
  storage::Engine& engine;
  const Send send;
  Rng rng;

  boost::asio::io_context io;
  boost::asio::steady_timer timer;
  boost::asio::thread_pool sync_pool{1};
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work;
  std::thread thread;

  std::mutex mutex;
  std::vector<Queued> queue;  // under mutex, with the next three
  std::size_t queued_requests = 0;
  std::size_t queued_bytes = 0;
  bool accepting = false;

  // On the shard's thread only.
  std::optional<Core> core;
  std::uint64_t core_number = 0;  // of the current one
  std::vector<bool> up;           // peers, to tell a new core
  std::uint64_t next_id = 1;
  std::uint64_t group_first_id = 1;  // requests from here on are of the group being carried out
  std::map<std::uint64_t, std::variant<OnWrite, OnRead>> under_way;
  std::uint64_t anti_entropy_bytes_sent = 0;
  std::uint64_t anti_entropy_bytes_received = 0;
};

// ---- Queueing, on any thread ------------------------------------------------------------------------------------------

bool Shard::Impl::ask(Asked asked) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex);
    if (!accepting || queued_requests >= options.max_queued_requests ||
        queued_bytes + asked.bytes > options.max_queued_bytes)
      return false;
    was_empty = queue.empty();
    ++queued_requests;
    queued_bytes += asked.bytes;
    queue.emplace_back(std::move(asked));
  }
  schedule_drain(was_empty);
  return true;
}

void Shard::Impl::post(Queued item) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex);
    was_empty = queue.empty();
    queue.push_back(std::move(item));
  }
  schedule_drain(was_empty);
}

void Shard::Impl::schedule_drain(bool was_empty) {
  if (was_empty) boost::asio::post(io, [this] { drain(); });
}

// ---- On the shard's thread --------------------------------------------------------------------------------------------

void Shard::Impl::drain() {
  std::vector<Queued> items;
  {
    const std::lock_guard lock(mutex);
    items.swap(queue);
    queued_requests = 0;
    queued_bytes = 0;
  }
  for (std::size_t first = 0; first < items.size() || first == 0; first += kMaxGroup) {
    const Now at = now();
    group_first_id = next_id;
    const std::size_t last = std::min(first + kMaxGroup, items.size());
    // Before the first step of the group: what the core says now has been committed.
    for (std::size_t i = first; i < last; ++i)
      if (const auto* look = std::get_if<Look>(&items[i])) look->callback(*core);
    for (std::size_t i = first; i < last; ++i) take(items[i], at);
    carry_out(core->flush(now()));
  }
}

void Shard::Impl::take(Queued& item, Now at) {
  if (auto* asked = std::get_if<Asked>(&item)) {
    take_request(*asked, at);
  } else if (auto* received = std::get_if<Received>(&item)) {
    if (is_anti_entropy(received->message.message)) anti_entropy_bytes_received += received->bytes;
    core->step(std::move(received->message), at);
  } else if (auto* peer_up = std::get_if<PeerUp>(&item)) {
    up[peer_up->peer.value] = true;
    core->step(*peer_up, at);
  } else if (auto* peer_down = std::get_if<PeerDown>(&item)) {
    up[peer_down->peer.value] = false;
    core->step(*peer_down, at);
  } else if (auto* wall = std::get_if<WallHeard>(&item)) {
    core->step(*wall, at);
  } else if (auto* sync = std::get_if<SyncEnded>(&item)) {
    // A core that started over meanwhile has synced by itself, and has asked for none of these.
    if (sync->core == core_number) core->step(Synced{}, at);
  } else if (auto* inspect = std::get_if<Inspect>(&item)) {
    CoreStatus status = core->status(at);
    status.anti_entropy.bytes_sent = anti_entropy_bytes_sent;
    status.anti_entropy.bytes_received = anti_entropy_bytes_received;
    inspect->callback(status);
  }
}

void Shard::Impl::take_request(Asked& asked, Now at) {
  const std::uint64_t id = next_id++;
  under_way.emplace(id, std::move(asked.answer));
  std::visit(
      [&](auto& request) {
        request.id = id;
        core->step(std::move(request), at);
      },
      asked.request);
}

void Shard::Impl::carry_out(Effects effects) {
  if (!effects.batch.empty()) {
    const absl::Status committed = engine.commit(effects.batch);
    if (absl::IsResourceExhausted(committed)) return start_over(committed);
    if (!committed.ok()) die(committed);
    options.on_commit();
  }
  if (effects.sync) {
    boost::asio::post(sync_pool, [this, asked_by = core_number] {
      const absl::Status synced = engine.sync();
      if (!synced.ok()) die(synced);
      post(SyncEnded{asked_by});
    });
  }
  for (const Envelope& envelope : effects.messages) {
    std::string bytes = encode_message(envelope.message);
    if (is_anti_entropy(envelope.message)) anti_entropy_bytes_sent += bytes.size();
    send(envelope.to, std::move(bytes));
  }
  for (ClientReply& reply : effects.replies) answer(reply);
  for (const std::string& warning : effects.warnings) log::warn(warning);
  set_timer(effects.wake_at);
}

void Shard::Impl::answer(ClientReply& reply) {
  const std::uint64_t id = std::visit([](const auto& r) { return r.id; }, reply);
  const auto it = under_way.find(id);
  KV_CHECK(it != under_way.end(), "every request is answered once");
  if (auto* written = std::get_if<ClientWriteReply>(&reply))
    std::get<OnWrite>(it->second)(*written);
  else
    std::get<OnRead>(it->second)(std::move(std::get<ClientReadReply>(reply)));
  under_way.erase(it);
}

void Shard::Impl::start_over(const absl::Status& why) {
  log::error(absl::StrCat("nothing of the last group was written: ", std::string(why.message())));
  const std::string text = absl::StrCat("the node could not write: ", std::string(why.message()));
  WriteResult refused{Outcome::kNotApplied,
                      absl::StatusCode::kResourceExhausted,
                      text + "; not applied",
                      {},
                      {},
                      0};
  WriteResult unknown{Outcome::kUnknown,
                      absl::StatusCode::kDeadlineExceeded,
                      text + "; it may have been stored",
                      {},
                      {},
                      0};
  for (auto& [id, callback] : std::exchange(under_way, {})) {
    if (auto* on_write = std::get_if<OnWrite>(&callback))
      (*on_write)({id, self, id >= group_first_id ? refused : unknown});
    else
      std::get<OnRead>(callback)(
          {id, absl::StatusCode::kUnavailable, text, {}, false, "", {}, true});
  }
  make_core();
  const absl::Status recovered = core->recover(true);
  if (!recovered.ok()) die(recovered);
  for (std::size_t i = 0; i < up.size(); ++i)
    if (up[i]) core->step(PeerUp{NodeIndex{static_cast<std::uint16_t>(i)}}, now());
  set_timer(monotonic_now());
}

void Shard::Impl::set_timer(Instant at) {
  if (at == kNever) {
    timer.cancel();
    return;
  }
  timer.expires_after(
      std::chrono::microseconds(std::max<std::int64_t>(elapsed_us(monotonic_now(), at), 0)));
  timer.async_wait([this](const boost::system::error_code& error) {
    if (!error) drain();
  });
}

// ---- The public face --------------------------------------------------------------------------------------------------

Shard::Shard(const Options& options, const Ring& ring, NodeIndex self, storage::Engine& engine,
             Send send)
    : impl_(std::make_unique<Impl>(options, ring, self, engine, std::move(send))) {
  impl_->up.resize(ring.nodes().size());
}

Shard::~Shard() { stop(); }

absl::Status Shard::recover(bool keep_actors) { return impl_->core->recover(keep_actors); }

void Shard::start() {
  KV_CHECK(!impl_->thread.joinable(), "started once");
  impl_->work.emplace(boost::asio::make_work_guard(impl_->io));
  impl_->accepting = true;
  impl_->thread = std::thread([impl = impl_.get()] {
    boost::asio::post(impl->io, [impl] { impl->drain(); });
    impl->io.run();
  });
}

void Shard::stop() {
  if (!impl_->thread.joinable()) return;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->accepting = false;
  }
  impl_->sync_pool.join();
  boost::asio::post(impl_->io, [impl = impl_.get()] {
    impl->drain();
    impl->io.stop();
  });
  impl_->thread.join();
}

bool Shard::submit(ClientWrite write, OnWrite answer) {
  const std::size_t bytes = write.key.size() + (write.value ? write.value->size() : 0);
  return impl_->ask({std::move(write), std::move(answer), bytes});
}

bool Shard::submit(ClientGet get, OnRead answer) {
  const std::size_t bytes = get.key.size();
  return impl_->ask({std::move(get), std::move(answer), bytes});
}

bool Shard::submit(ClientScan scan, OnRead answer) {
  const std::size_t bytes = scan.from.size() + scan.end.size();
  return impl_->ask({std::move(scan), std::move(answer), bytes});
}

void Shard::post(FromPeer message, std::size_t encoded_bytes) {
  impl_->post(Received{std::move(message), encoded_bytes});
}
void Shard::post(PeerUp event) { impl_->post(event); }
void Shard::post(PeerDown event) { impl_->post(event); }
void Shard::post(WallHeard event) { impl_->post(event); }

void Shard::look(std::function<void(const Core&)> callback) {
  impl_->post(Look{std::move(callback)});
}

void Shard::inspect(std::function<void(const CoreStatus&)> callback) {
  impl_->post(Inspect{std::move(callback)});
}

}  // namespace kv
