// Messages, links, and the lives of nodes: everything that a fault can touch.
#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/base/simulation.h"
#include "node/core/testing/cluster.h"
#include "node/messages/message_codec.h"

namespace kv::sim {
namespace {

constexpr std::int64_t kMaxNewsDelayUs =
    20'000;  // until the loss of a connection, or a new one, is noticed
constexpr std::size_t kOldMessages = 64;
constexpr std::int64_t kMaxUnclogUs = 50'000;

}  // namespace

// ---- Messages -------------------------------------------------------------------------------------------------------

void Cluster::transmit(std::size_t from, std::size_t to, const Message& message) {
  KV_CHECK(from != to, "a node says nothing to itself");
  ++messages_sent_;
  std::string bytes = encode_message(message);
  note(bytes);
  Direction& way = direction(from, to);
  if (!link(from, to).connected || way.is_blocked) return;
  if (way.is_clogged) return way.held.push_back(std::move(bytes));
  const LinkFaults& faults = way.faults;
  if (faults.lost_permille > 0 && network_.below(1000) < faults.lost_permille) return;
  const bool is_plain = faults.repeated_permille == 0 && faults.replayed_permille == 0;
  if (is_plain) return arrive_later(from, to, std::move(bytes));
  arrive_later(from, to, bytes);
  if (faults.repeated_permille > 0 && network_.below(1000) < faults.repeated_permille)
    arrive_later(from, to, bytes);
  // A forwarded write is tied to its connection: its receiver remembers those it has seen, but not across a restart.
  if (faults.replayed_permille > 0 && !std::holds_alternative<ForwardRequest>(message.body))
    maybe_replay(from, to, bytes);
}

void Cluster::maybe_replay(std::size_t from, std::size_t to, const std::string& bytes) {
  std::deque<std::string>& old = direction(from, to).old;
  if (!old.empty() && network_.below(1000) < direction(from, to).faults.replayed_permille)
    arrive_later(from, to, old[network_.below(old.size())]);
  if (network_.below(4) == 0) old.push_back(bytes);
  if (old.size() > kOldMessages)
    old.erase(old.begin() + static_cast<long>(network_.below(kOldMessages)));
}

void Cluster::arrive_later(std::size_t from, std::size_t to, std::string bytes) {
  Direction& way = direction(from, to);
  Instant when = after_us(now_, network_.between(way.faults.min_delay_us, way.faults.max_delay_us));
  if (!way.faults.reordered) when = std::max(when, way.arrived);
  way.arrived = std::max(way.arrived, when);
  arrive_at(when, from, to, std::move(bytes));
}

// It is lost if its connection breaks before.
void Cluster::arrive_at(Instant when, std::size_t from, std::size_t to, std::string bytes) {
  at(when, Arrival{from, to, link(from, to).connection, std::move(bytes)});
}

void Cluster::happen(const Arrival& arrival) {
  const auto& [from, to, connection, bytes] = arrival;
  if (!link(from, to).connected || link(from, to).connection != connection) return;
  auto message = decode_message(bytes);
  KV_CHECK(message.ok() && partition_of_message(bytes).value() == message->partition,
           "what a core says can be read");
  const std::size_t shard = message->partition.value % nodes_[to].shards.size();
  deliver(to, shard, FromPeer{index_of(from), *std::move(message)});
}

// ---- Links ----------------------------------------------------------------------------------------------------------

void Cluster::set_faults(const LinkFaults& faults) {
  for (Direction& way : directions_) way.faults = faults;
}

void Cluster::set_link_faults(std::size_t from, std::size_t to, const LinkFaults& faults) {
  direction(from, to).faults = faults;
}

void Cluster::block(std::size_t from, std::size_t to, bool blocked) {
  direction(from, to).is_blocked = blocked;
}

void Cluster::clog(std::size_t from, std::size_t to) { direction(from, to).is_clogged = true; }

void Cluster::unclog(std::size_t from, std::size_t to) {
  Direction& way = direction(from, to);
  way.is_clogged = false;
  for (std::string& bytes : std::exchange(way.held, {}))
    arrive_at(after_us(now_, network_.between(0, kMaxUnclogUs)), from, to, std::move(bytes));
}

void Cluster::set_cut(std::size_t a, std::size_t b, bool is_cut) {
  link(a, b).is_cut = is_cut;
  update_link(a, b);
}

void Cluster::isolate(std::size_t node) {
  for (std::size_t other = 0; other < nodes_.size(); ++other)
    if (other != node) cut(node, other);
}

void Cluster::heal_all() {
  for (std::size_t a = 0; a < nodes_.size(); ++a) {
    for (std::size_t b = 0; b < nodes_.size(); ++b) {
      if (a == b) continue;
      block(a, b, false);
      unclog(a, b);
      if (a < b) heal(a, b);
    }
  }
}

void Cluster::update_link(std::size_t a, std::size_t b) {
  Link& on = link(a, b);
  const bool connected = nodes_[a].up && nodes_[b].up && !on.is_cut;
  if (on.connected == connected) return;
  on.connected = connected;
  if (connected) ++on.connection;
  for (Direction* way : {&direction(a, b), &direction(b, a)}) {
    way->held.clear();
    way->arrived = now_;
  }
  tell(a, b, connected);
  tell(b, a, connected);
}

void Cluster::tell(std::size_t node, std::size_t peer, bool up) {
  Link& on = link(node, peer);
  Instant& last = on.told[node < peer ? 0 : 1];
  last = std::max(last, after_us(now_, network_.between(0, kMaxNewsDelayUs)));
  at(last,
     [this, node, peer, up, connection = on.connection, incarnation = nodes_[node].incarnation] {
       const Link& then = link(node, peer);
       if (nodes_[node].incarnation != incarnation) return;
       if (up && (!then.connected || then.connection != connection))
         return;  // it has broken before anybody noticed it
       for (std::size_t shard = 0; shard < nodes_[node].shards.size(); ++shard)
         deliver(node, shard, up ? Event{PeerUp{index_of(peer)}} : Event{PeerDown{index_of(peer)}});
     });
}

// ---- Nodes ----------------------------------------------------------------------------------------------------------

void Cluster::crash(std::size_t node, Disk disk) {
  note(absl::StrCat("crash ", node, " ", static_cast<int>(disk)));
  Node& body = nodes_[node];
  body.up = false;
  body.shards.clear();
  body.paused_until = Instant{};
  ++body.incarnation;
  // Streams are fenced by the sender's incarnation: nothing of an earlier one arrives beside what a later one says.
  for (std::size_t to = 0; to < nodes_.size(); ++to) direction(node, to).old.clear();
  if (disk == Disk::kKept && KV_PLANTED(kDeathLosesTail)) body.engine->crash(0);
  if (disk == Disk::kUnsyncedLost) {
    // Drawn one after the other: compilers differ in which argument they evaluate first.
    const std::uint64_t torn = disks_.below(200);
    const std::uint64_t kept = disks_.below(body.engine->unsynced() + 1);
    body.engine->crash(kept, torn);
    ++body.boot;
  }
  if (disk == Disk::kWiped) {
    body.engine = std::make_unique<storage::MemoryEngine>();
    body.engine->keep_changes(options_.kept_changes);
    ++body.directory;
  }
  if (disk != Disk::kKept && observer_ != nullptr) observer_->on_disk_changed(node);
  for (std::size_t other = 0; other < nodes_.size(); ++other)
    if (other != node) update_link(node, other);
}

Identity Cluster::identity(std::size_t node) const {
  const Node& body = nodes_[node];
  return {"sim",
          std::string(ring_.node_id(index_of(node))),
          ring_.partitions(),
          absl::StrCat(node, "/", body.boot),
          absl::StrCat(body.directory),
          absl::StrCat(body.directory)};
}

bool Cluster::start(std::size_t node, Until until) {
  storage::MemoryEngine& engine = *nodes_[node].engine;
  const auto claimed = claim(engine, identity(node));
  note(absl::StrCat(claimed.ok() ? "claimed " : "refused ", node));
  if (!claimed.ok() || until == Until::kClaimed) return false;
  restart(node, claimed->keep_actors);
  if (!nodes_[node].up) return false;
  if (until == Until::kRecovered || !record_recovered(engine, identity(node)).ok())
    crash(node, Disk::kKept);
  return nodes_[node].up;
}

void Cluster::stop(std::size_t node) {
  const absl::Status recorded = record_clean_stop(*nodes_[node].engine, identity(node));
  if (recorded.ok() && observer_ != nullptr) observer_->on_synced(node);
  crash(node, Disk::kKept);
}

void Cluster::restart(std::size_t node, bool keep_actors) {
  note(absl::StrCat("restart ", node));
  KV_CHECK(!nodes_[node].up, "only a node that is down starts");
  nodes_[node].up = true;
  make_cores(node, keep_actors);
  if (!nodes_[node].up) return;
  for (std::size_t other = 0; other < nodes_.size(); ++other)
    if (other != node) update_link(node, other);
  beat(node);
}

void Cluster::make_cores(std::size_t node, bool keep_actors) {
  Node& body = nodes_[node];
  for (std::uint32_t shard = 0; shard < options_.shards[node]; ++shard) {
    CoreOptions options = options_.core;
    options.shard = shard;
    options.shards = options_.shards[node];
    Shard& made = body.shards.emplace_back();
    made.core =
        std::make_unique<Core>(options, ring_, index_of(node), *body.engine, Rng(body.rng.next()));
    if (!made.core->recover(keep_actors).ok()) return crash(node, Disk::kKept);
    deliver(node, shard, Tick{});
  }
  const bool synced = body.engine->unsynced() == 0;  // recover() sees to it
  if (synced && observer_ != nullptr) observer_->on_synced(node);
}

void Cluster::pause(std::size_t node, std::int64_t ms) {
  note(absl::StrCat("pause ", node));
  nodes_[node].paused_until = after_ms(now_, ms);
}

void Cluster::backup(std::size_t node) { nodes_[node].backup = nodes_[node].engine->copy(); }

void Cluster::restore(std::size_t node, bool unseen) {
  Node& body = nodes_[node];
  KV_CHECK(!body.up && body.backup != nullptr,
           "an operator restores a node that is down, from a backup");
  note(absl::StrCat("restore ", node));
  body.engine = body.backup->copy();
  if (!unseen) ++body.directory;
  if (observer_ != nullptr) observer_->on_disk_changed(node);
}

void Cluster::lend_copy(std::size_t node, std::size_t of) {
  KV_CHECK(!nodes_[node].up, "only a node that is down gets another disk");
  note(absl::StrCat("copy ", of, " to ", node));
  nodes_[node].put_aside = std::exchange(nodes_[node].engine, nodes_[of].engine->copy());
}

void Cluster::take_copy_back(std::size_t node) {
  KV_CHECK(!nodes_[node].up, "it refused to start");
  nodes_[node].engine = std::move(nodes_[node].put_aside);
}

void Cluster::swap_disks(std::size_t a, std::size_t b) {
  KV_CHECK(!nodes_[a].up && !nodes_[b].up, "only disks of nodes that are down can be swapped");
  note(absl::StrCat("swap ", a, " ", b));
  std::swap(nodes_[a].engine, nodes_[b].engine);
}

}  // namespace kv::sim
