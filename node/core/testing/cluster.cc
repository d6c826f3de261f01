#include "node/core/testing/cluster.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/base/hash.h"
#include "node/base/simulation.h"
#include "node/coordinator/request_id.h"
#include "node/messages/message_codec.h"
#include "node/storage/keys.h"

namespace kv::sim {
namespace {

constexpr std::int64_t kStartOfTimeMs = 1'700'000'000'000;

constexpr auto kLater = [](const auto& a, const auto& b) {
  return std::tie(a.at, a.sequence) > std::tie(b.at, b.sequence);
};

Ring make_ring(const ClusterOptions& options) {
  std::vector<RingNode> nodes;
  for (std::size_t i = 0; i < options.shards.size(); ++i)
    nodes.push_back({absl::StrCat("n", i + 1), ""});
  KV_CHECK(nodes.size() <= 9, "with more nodes, the order of ids is not that of indexes");
  auto ring = Ring::make(std::move(nodes), options.partitions, options.n, options.bucket_n);
  KV_CHECK(ring.ok(), "a test's ring is valid");
  return *std::move(ring);
}

}  // namespace

Rng stream(std::uint64_t seed, std::string_view name) {
  return Rng(stable_hash(absl::StrCat(seed, " ", std::string(name))));
}

Cluster::Cluster(ClusterOptions options, Observer* observer)
    : options_(std::move(options)),
      ring_(make_ring(options_)),
      observer_(observer),
      network_(stream(options_.seed, "network")),
      disks_(stream(options_.seed, "disks")),
      heartbeats_(stream(options_.seed, "heartbeats")),
      nodes_(options_.shards.size()),
      links_(nodes_.size() * nodes_.size()),
      directions_(nodes_.size() * nodes_.size()),
      peer_clocks_(directions_.size()) {
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    nodes_[node].engine = std::make_unique<storage::MemoryEngine>();
    nodes_[node].engine->keep_changes(options_.kept_changes);
    nodes_[node].max_sync_us = options_.max_sync_us;
    nodes_[node].rng = stream(options_.seed, absl::StrCat("node ", node));
  }
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    const bool started = start(node);
    KV_CHECK(started, "an empty disk can be claimed");
  }
}

// ---- Time -----------------------------------------------------------------------------------------------------------

Cluster::What& Cluster::schedule(Instant when) {
  KV_CHECK(when >= now_, "nothing happens in the past");
  if (free_.empty()) free_.push_back(&whats_.emplace_back());
  What* const place = free_.back();
  free_.pop_back();
  events_.push_back({when, sequence_++, place});
  std::push_heap(events_.begin(), events_.end(), kLater);
  return *place;
}

void Cluster::step() {
  std::pop_heap(events_.begin(), events_.end(), kLater);
  const Happening next = events_.back();
  events_.pop_back();
  now_ = next.at;
  std::visit([this](const auto& it) { this->happen(it); }, *next.what);
  free_.push_back(next.what);
}

void Cluster::run_for(std::int64_t ms) {
  const Instant end = after_ms(now_, ms);
  while (!events_.empty() && events_.front().at <= end) step();
  now_ = end;
}

bool Cluster::run_until(const std::function<bool()>& condition, std::int64_t within_ms) {
  const Instant end = after_ms(now_, within_ms);
  while (!condition()) {
    if (events_.empty() || events_.front().at > end) return false;
    step();
  }
  return true;
}

Now Cluster::now_at(std::size_t node) const {
  const Node& body = nodes_[node];
  const std::int64_t drifted_ms =
      body.drift_ppm == 0 ? 0
                          : elapsed_us(body.drift_since, now_) / 1000 * body.drift_ppm / 1'000'000;
  return {now_, WallMs{kStartOfTimeMs + now_.us / 1000 + body.wall_offset_ms + drifted_ms}};
}

void Cluster::set_wall_drift(std::size_t node, std::int64_t ppm) {
  nodes_[node].drift_ppm = ppm;
  nodes_[node].drift_since = now_;
}

void Cluster::set_wall(std::size_t node, WallMs wall) {
  set_wall_drift(node, 0);
  nodes_[node].wall_offset_ms = wall.ms - kStartOfTimeMs - now_.us / 1000;
}

void Cluster::note(std::string_view what) {
  trace_ = (trace_ ^ stable_hash(what) ^ static_cast<std::uint64_t>(now_.us)) * 0x9e3779b97f4a7c15;
  trace_ ^= trace_ >> 29;
}

// ---- A core's turn --------------------------------------------------------------------------------------------------

void Cluster::turn_soon(std::size_t node, std::size_t shard) {
  if (std::exchange(nodes_[node].shards[shard].turn_is_due, true)) return;
  at(std::max(nodes_[node].paused_until,
              after_us(now_, nodes_[node].rng.between(0, options_.max_turn_delay_us))),
     Turn{node, shard, nodes_[node].incarnation});
}

void Cluster::happen(const Turn& turn) {
  if (nodes_[turn.node].incarnation == turn.incarnation) take_turn(turn.node, turn.shard);
}

void Cluster::take_turn(std::size_t node, std::size_t shard) {
  Shard& body = nodes_[node].shards[shard];
  body.turn_is_due = false;
  for (Event& event : body.inbox) {
    if (observer_ != nullptr) observer_->on_event(node, shard, event);
    body.core->step(std::move(event), now_at(node));
  }
  body.inbox.clear();
  Effects effects = body.core->flush(now_at(node));
  KV_CHECK(effects.wake_at > now_,
           "a core that wants to be woken at once, without an event, would spin");
  carry_out(node, shard, effects);
}

void Cluster::carry_out(std::size_t node, std::size_t shard, Effects& effects) {
  for (std::string& warning : effects.warnings)
    warnings_.push_back(absl::StrCat(ring_.node_id(index_of(node)), ": ", warning));
  const auto speak = [&] {
    for (const Envelope& envelope : effects.messages)
      transmit(node, envelope.to.value, envelope.message);
    for (ClientReply& reply : effects.replies) answer(std::move(reply));
  };
  if (KV_PLANTED(kAckBeforeCommit)) speak();
  if (!commit(node, effects.batch)) return crash(node, Disk::kKept);
  if (effects.sync) start_sync(node, shard);
  if (!nodes_[node].up) return;  // the disk failed: nobody hears of what may not have been done
  if (!KV_PLANTED(kAckBeforeCommit)) speak();
  wake_later(node, shard, effects.wake_at);
}

bool Cluster::commit(std::size_t node, const storage::WriteBatch& batch) {
  if (KV_PLANTED(kAckBeforeCommit) && nodes_[node].rng.below(500) == 0) return false;
  const bool is_large = batch.changes().size() > 8;
  if (!is_large || !KV_PLANTED(kCommitInHalves)) return commit_whole(node, batch);
  storage::WriteBatch clocks;
  storage::WriteBatch objects;
  for (const auto& range : batch.ranges())
    (range.family == storage::Family::kMeta ? clocks : objects)
        .erase_range(range.family, range.from, range.to);
  for (const auto& [key, value] : batch.changes()) {
    storage::WriteBatch& half = key.first == storage::Family::kMeta ? clocks : objects;
    value.has_value() ? half.put(key.first, key.second, *value) : half.erase(key.first, key.second);
  }
  return commit_whole(node, clocks) && commit_whole(node, objects);
}

bool Cluster::commit_whole(std::size_t node, const storage::WriteBatch& batch) {
  if (!nodes_[node].engine->commit(batch).ok()) return false;
  if (observer_ != nullptr && !batch.empty()) observer_->on_commit(node, batch);
  return true;
}

void Cluster::start_sync(std::size_t node, std::size_t shard) {
  // The contract promises that what was committed before the start is durable at the end. Half of the syncs do it at once
  // (what is committed later is not covered), half at the end (before it, nothing is).
  const bool at_once = disks_.below(2) == 0;
  const auto sync = [this, node] {
    if (nodes_[node].engine->sync().ok()) {
      if (observer_ != nullptr) observer_->on_synced(node);
      return true;
    }
    crash(node, Disk::kUnsyncedLost);  // what the kernel failed to write it may drop
    return false;
  };
  if (at_once && !sync()) return;
  at(after_us(now_, disks_.between(1, nodes_[node].max_sync_us)),
     [this, node, shard, at_once, sync, incarnation = nodes_[node].incarnation] {
       if (nodes_[node].incarnation != incarnation) return;
       if (at_once || sync()) deliver(node, shard, Synced{});
     });
}

void Cluster::wake_later(std::size_t node, std::size_t shard, Instant when) {
  if (!nodes_[node].up) return;
  // The same time as before is in the queue already.
  if (std::exchange(nodes_[node].shards[shard].wake_at, when) == when || when == kNever) return;
  at(when, WakeUp{{node, shard, nodes_[node].incarnation}});
}

void Cluster::happen(const WakeUp& wake_up) {
  const Node& body = nodes_[wake_up.node];
  if (body.incarnation == wake_up.incarnation && body.shards[wake_up.shard].wake_at == now_)
    deliver(wake_up.node, wake_up.shard, Tick{});
}

// ---- Clients --------------------------------------------------------------------------------------------------------

std::uint64_t Cluster::write(std::size_t node, const Place& place, std::optional<std::string> value,
                             WriteOptions options) {
  const std::uint64_t id = next_request_++;
  ClientWrite write{id,
                    place.partition,
                    place.key,
                    std::move(value),
                    std::move(options.token),
                    options.level,
                    options.durability,
                    after_ms(now_, options.timeout_ms),
                    options.condition,
                    options.ttl_ms,
                    options.after};
  write.request = checked_request_id(options.request_id, write).value();
  if (nodes_[node].up)
    deliver(node, place.partition.value % nodes_[node].shards.size(), std::move(write));
  return id;
}

std::uint64_t Cluster::read(std::size_t node, const Place& place, Level level,
                            std::int64_t timeout_ms, std::optional<Clock> session) {
  const std::uint64_t id = next_request_++;
  if (nodes_[node].up)
    deliver(node, place.partition.value % nodes_[node].shards.size(),
            ClientGet{id, place.partition, place.key, level, after_ms(now_, timeout_ms),
                      std::move(session)});
  return id;
}

std::uint64_t Cluster::scan(std::size_t node, Partition partition, Level level,
                            std::uint32_t max_items, std::int64_t timeout_ms) {
  const std::uint64_t id = next_request_++;
  if (nodes_[node].up)
    deliver(
        node, partition.value % nodes_[node].shards.size(),
        ClientScan{id, partition, "", "", max_items, 1 << 20, level, after_ms(now_, timeout_ms)});
  return id;
}

void Cluster::answer(ClientReply reply) {
  const std::uint64_t id = std::visit([](const auto& r) { return r.id; }, reply);
  note(absl::StrCat("reply ", id));
  answered_.resize(std::max<std::size_t>(answered_.size(), id + 1));
  KV_CHECK(!answered_[id], "a request is answered once");
  answered_[id] = true;
  if (observer_ == nullptr || !observer_->on_reply(reply)) replies_.emplace(id, std::move(reply));
}

const WriteResult* Cluster::write_result(std::uint64_t id) const {
  const auto it = replies_.find(id);
  return it == replies_.end() ? nullptr : &std::get<ClientWriteReply>(it->second).result;
}

const ClientReadReply* Cluster::read_reply(std::uint64_t id) const {
  const auto it = replies_.find(id);
  return it == replies_.end() ? nullptr : &std::get<ClientReadReply>(it->second);
}

WriteResult Cluster::write_now(std::size_t node, const std::string& key,
                               std::optional<std::string> value, WriteOptions options) {
  const std::int64_t patience_ms = options.timeout_ms + 100;
  const std::uint64_t id = write(node, key, std::move(value), std::move(options));
  const bool answered = run_until([&] { return write_result(id) != nullptr; }, patience_ms);
  KV_CHECK(answered, "a request is answered by its deadline");
  return *write_result(id);
}

ClientReadReply Cluster::read_now(std::size_t node, const std::string& key, Level level,
                                  std::optional<Clock> session) {
  const std::uint64_t id = read(node, key, level, 1000, std::move(session));
  const bool answered = run_until([&] { return read_reply(id) != nullptr; }, 1100);
  KV_CHECK(answered, "a request is answered by its deadline");
  return *read_reply(id);
}

}  // namespace kv::sim
