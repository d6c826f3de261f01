#include "node/core/testing/cluster.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/base/hash.h"
#include "node/messages/message_codec.h"
#include "node/storage/keys.h"

namespace kv::sim {
namespace {

constexpr std::int64_t kStartOfTimeMs = 1'700'000'000'000;
constexpr std::int64_t kMaxTurnDelayUs = 100;
constexpr std::int64_t kMaxSyncUs = 5'000;
constexpr std::int64_t kMaxNewsDelayUs =
    20'000;  // until the loss of a connection, or a new one, is noticed

Ring make_ring(const ClusterOptions& options) {
  std::vector<RingNode> nodes;
  for (std::size_t i = 0; i < options.shards.size(); ++i)
    nodes.push_back({absl::StrCat("n", i + 1), ""});
  KV_CHECK(nodes.size() <= 9, "with more nodes, the order of ids is not that of indexes");
  auto ring = Ring::make(std::move(nodes), options.partitions, options.n);
  KV_CHECK(ring.ok(), "a test's ring is valid");
  return *std::move(ring);
}

std::string key_in_storage(const std::string& key) { return storage::storage_key("default", key); }

using Objects = std::map<std::string, std::vector<Version>>;

std::string describe(const Objects& objects, const std::string& key) {
  const auto it = objects.find(key);
  std::string out;
  if (it != objects.end())
    for (const Version& version : it->second)
      absl::StrAppend(&out, " ", to_string(version.dot), " at ", to_string(version.hlc));
  return out.empty() ? " nothing" : out;
}

std::string differing(const Objects& a, const Objects& b) {
  Objects all = a;
  all.insert(b.begin(), b.end());
  std::string out;
  for (const auto& [key, unused] : all)
    if (const auto here = describe(a, key), there = describe(b, key); here != there)
      absl::StrAppend(&out, std::string(storage::user_key_of(key)), " is", here, " and", there,
                      "; ");
  return out;
}

NodeIndex index(std::size_t node) { return NodeIndex{static_cast<std::uint16_t>(node)}; }

}  // namespace

Cluster::Cluster(ClusterOptions options)
    : options_(std::move(options)),
      ring_(make_ring(options_)),
      rng_(options_.seed),
      nodes_(options_.shards.size()) {
  for (std::size_t a = 0; a < nodes_.size(); ++a) {
    nodes_[a].engine = std::make_unique<storage::MemoryEngine>();
    for (std::size_t b = a + 1; b < nodes_.size(); ++b) links_[{a, b}] = Link{};
  }
  for (std::size_t node = 0; node < nodes_.size(); ++node) restart(node, true);
}

// ---- Time -----------------------------------------------------------------------------------------------------------

void Cluster::at(Instant when, std::function<void()> what) {
  KV_CHECK(when >= now_, "nothing happens in the past");
  events_.emplace(std::pair{when, sequence_++}, std::move(what));
}

void Cluster::step() {
  auto next = events_.extract(events_.begin());
  now_ = next.key().first;
  next.mapped()();
}

void Cluster::run_for(std::int64_t ms) {
  const Instant end = after_ms(now_, ms);
  while (!events_.empty() && events_.begin()->first.first <= end) step();
  now_ = end;
}

bool Cluster::run_until(const std::function<bool()>& condition, std::int64_t within_ms) {
  const Instant end = after_ms(now_, within_ms);
  while (!condition()) {
    if (events_.empty() || events_.begin()->first.first > end) return false;
    step();
  }
  return true;
}

Now Cluster::now_at(std::size_t node) const {
  return {now_, WallMs{kStartOfTimeMs + now_.us / 1000 + nodes_[node].wall_offset_ms}};
}

void Cluster::note(std::string_view what) {
  trace_ = stable_hash(absl::StrCat(absl::Hex(trace_), " ", now_.us, " ", std::string(what)));
}

// ---- A core's turn --------------------------------------------------------------------------------------------------

void Cluster::deliver(std::size_t node, std::size_t shard, Event event) {
  if (!nodes_[node].up) return;
  Shard& body = nodes_[node].shards[shard];
  body.inbox.push_back(std::move(event));
  if (std::exchange(body.turn_is_due, true)) return;
  at(after_us(now_, rng_.between(0, kMaxTurnDelayUs)),
     [this, node, shard, incarnation = nodes_[node].incarnation] {
       if (nodes_[node].incarnation == incarnation) take_turn(node, shard);
     });
}

void Cluster::take_turn(std::size_t node, std::size_t shard) {
  Shard& body = nodes_[node].shards[shard];
  body.turn_is_due = false;
  for (Event& event : std::exchange(body.inbox, {}))
    body.core->step(std::move(event), now_at(node));
  Effects effects = body.core->flush(now_at(node));
  KV_CHECK(effects.wake_at > now_,
           "a core that wants to be woken at once, without an event, would spin");
  carry_out(node, shard, std::move(effects));
}

void Cluster::carry_out(std::size_t node, std::size_t shard, Effects effects) {
  for (std::string& warning : effects.warnings)
    warnings_.push_back(absl::StrCat(ring_.node_id(index(node)), ": ", warning));
  if (!nodes_[node].engine->commit(effects.batch).ok()) return crash(node, Disk::kKept);
  if (effects.sync) start_sync(node, shard);
  if (!nodes_[node].up) return;  // the disk failed: nobody hears of what may not have been done
  for (const Envelope& envelope : effects.messages)
    transmit(node, envelope.to.value, envelope.message);
  for (const ClientReply& reply : effects.replies) answer(reply);
  wake_later(node, shard, effects.wake_at);
}

void Cluster::start_sync(std::size_t node, std::size_t shard) {
  // The contract promises that what was committed before the start is durable at the end. Half of the syncs do it at once
  // (what is committed later is not covered), half at the end (before it, nothing is).
  const bool at_once = rng_.below(2) == 0;
  const auto sync = [this, node] {
    if (nodes_[node].engine->sync().ok()) return true;
    crash(node, Disk::kKept);
    return false;
  };
  if (at_once && !sync()) return;
  at(after_us(now_, rng_.between(1, kMaxSyncUs)),
     [this, node, shard, at_once, sync, incarnation = nodes_[node].incarnation] {
       if (nodes_[node].incarnation != incarnation) return;
       if (at_once || sync()) deliver(node, shard, Synced{});
     });
}

void Cluster::wake_later(std::size_t node, std::size_t shard, Instant when) {
  if (!nodes_[node].up) return;
  nodes_[node].shards[shard].wake_at = when;
  if (when == kNever) return;
  at(when, [this, node, shard, when, incarnation = nodes_[node].incarnation] {
    if (nodes_[node].incarnation == incarnation && nodes_[node].shards[shard].wake_at == when)
      deliver(node, shard, Tick{});
  });
}

// ---- Messages -------------------------------------------------------------------------------------------------------

void Cluster::transmit(std::size_t from, std::size_t to, const Message& message) {
  KV_CHECK(from != to, "a node says nothing to itself");
  ++messages_sent_;
  const std::string bytes = encode_message(message);
  note(absl::StrCat("message ", from, " ", to, " ", bytes));
  if (!link(from, to).connected || rng_.below(1000) < faults_.lost_permille) return;
  arrive_later(from, to, bytes);
  if (rng_.below(1000) < faults_.repeated_permille) arrive_later(from, to, bytes);
}

void Cluster::arrive_later(std::size_t from, std::size_t to, const std::string& bytes) {
  Link& on = link(from, to);
  Instant when = after_us(now_, rng_.between(faults_.min_delay_us, faults_.max_delay_us));
  Instant& last = on.arrived[from < to ? 1 : 0];
  if (!faults_.reordered) when = std::max(when, last);
  last = std::max(last, when);
  at(when, [this, from, to, bytes, connection = on.connection] {
    if (!link(from, to).connected || link(from, to).connection != connection) return;
    auto message = decode_message(bytes);
    KV_CHECK(message.ok() && partition_of_message(bytes).value() == message->partition,
             "what a core says can be read");
    const std::size_t shard = message->partition.value % nodes_[to].shards.size();
    deliver(to, shard, FromPeer{index(from), *std::move(message)});
  });
}

// ---- Links and nodes ------------------------------------------------------------------------------------------------

void Cluster::set_cut(std::size_t a, std::size_t b, bool is_cut) {
  link(a, b).is_cut = is_cut;
  update_link(a, b);
}

void Cluster::isolate(std::size_t node) {
  for (std::size_t other = 0; other < nodes_.size(); ++other)
    if (other != node) cut(node, other);
}

void Cluster::heal_all() {
  for (const auto& [ends, unused] : links_) heal(ends.first, ends.second);
}

void Cluster::update_link(std::size_t a, std::size_t b) {
  Link& on = link(a, b);
  const bool connected = nodes_[a].up && nodes_[b].up && !on.is_cut;
  if (on.connected == connected) return;
  on.connected = connected;
  if (connected) ++on.connection;
  tell(a, b, connected);
  tell(b, a, connected);
}

void Cluster::tell(std::size_t node, std::size_t peer, bool up) {
  Link& on = link(node, peer);
  Instant& last = on.told[node < peer ? 0 : 1];
  last = std::max(last, after_us(now_, rng_.between(0, kMaxNewsDelayUs)));
  at(last,
     [this, node, peer, up, connection = on.connection, incarnation = nodes_[node].incarnation] {
       const Link& then = link(node, peer);
       if (nodes_[node].incarnation != incarnation) return;
       if (up && (!then.connected || then.connection != connection))
         return;  // it has broken before anybody noticed it
       for (std::size_t shard = 0; shard < nodes_[node].shards.size(); ++shard)
         deliver(node, shard, up ? Event{PeerUp{index(peer)}} : Event{PeerDown{index(peer)}});
     });
}

void Cluster::crash(std::size_t node, Disk disk) {
  note(absl::StrCat("crash ", node, " ", static_cast<int>(disk)));
  Node& body = nodes_[node];
  body.up = false;
  body.shards.clear();
  ++body.incarnation;
  if (disk == Disk::kUnsyncedLost)
    body.engine->crash(rng_.below(body.engine->unsynced() + 1), rng_.below(200));
  if (disk == Disk::kWiped) body.engine = std::make_unique<storage::MemoryEngine>();
  for (std::size_t other = 0; other < nodes_.size(); ++other)
    if (other != node) update_link(node, other);
}

void Cluster::restart(std::size_t node, bool keep_actors) {
  note(absl::StrCat("restart ", node));
  Node& body = nodes_[node];
  KV_CHECK(!body.up, "only a node that is down starts");
  body.up = true;
  for (std::uint32_t shard = 0; shard < options_.shards[node]; ++shard) {
    CoreOptions options = options_.core;
    options.shard = shard;
    options.shards = options_.shards[node];
    Shard& made = body.shards.emplace_back();
    made.core = std::make_unique<Core>(options, ring_, index(node), *body.engine, Rng(rng_.next()));
    const absl::Status recovered = made.core->recover(keep_actors);
    KV_CHECK(recovered.ok(), "a disk without damage is recovered");
    deliver(node, shard, Tick{});
  }
  for (std::size_t other = 0; other < nodes_.size(); ++other)
    if (other != node) update_link(node, other);
}

// ---- Clients --------------------------------------------------------------------------------------------------------

std::uint64_t Cluster::write(std::size_t node, const std::string& key,
                             std::optional<std::string> value, WriteOptions options) {
  const std::uint64_t id = next_request_++;
  const Partition partition = partition_of(key);
  if (nodes_[node].up)
    deliver(
        node, partition.value % nodes_[node].shards.size(),
        ClientWrite{id, partition, key_in_storage(key), std::move(value), std::move(options.token),
                    options.level, options.durability, after_ms(now_, options.timeout_ms)});
  return id;
}

std::uint64_t Cluster::read(std::size_t node, const std::string& key, Level level,
                            std::int64_t timeout_ms) {
  const std::uint64_t id = next_request_++;
  const Partition partition = partition_of(key);
  if (nodes_[node].up)
    deliver(node, partition.value % nodes_[node].shards.size(),
            ClientGet{id, partition, key_in_storage(key), level, after_ms(now_, timeout_ms)});
  return id;
}

void Cluster::answer(const ClientReply& reply) {
  const std::uint64_t id = std::visit([](const auto& r) { return r.id; }, reply);
  note(absl::StrCat("reply ", id));
  const bool is_first = replies_.emplace(id, reply).second;
  KV_CHECK(is_first, "a request is answered once");
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

ClientReadReply Cluster::read_now(std::size_t node, const std::string& key, Level level) {
  const std::uint64_t id = read(node, key, level, 1000);
  const bool answered = run_until([&] { return read_reply(id) != nullptr; }, 1100);
  KV_CHECK(answered, "a request is answered by its deadline");
  return *read_reply(id);
}

// ---- What is there --------------------------------------------------------------------------------------------------

Partition Cluster::partition_of(const std::string& key) const {
  return ring_.partition_of(key_in_storage(key));
}

bool Cluster::is_replica(std::size_t node, const std::string& key) const {
  return ring_.is_replica(partition_of(key), index(node));
}

CoreStatus Cluster::status(std::size_t node) const {
  CoreStatus sum;
  sum.peers.resize(nodes_.size());
  for (const Shard& shard : nodes_[node].shards) {
    const CoreStatus one = shard.core->status(now_at(node));
    sum.partitions += one.partitions;
    sum.live_keys += one.live_keys;
    sum.log_entries += one.log_entries;
    sum.pending += one.pending;
    sum.anti_entropy.pages_received += one.anti_entropy.pages_received;
    sum.anti_entropy.objects_received += one.anti_entropy.objects_received;
    sum.anti_entropy.full_transfers += one.anti_entropy.full_transfers;
    for (std::size_t peer = 0; peer < nodes_.size(); ++peer) {
      sum.peers[peer].up = one.peers[peer].up;
      sum.peers[peer].debt_dots += one.peers[peer].debt_dots;
    }
  }
  return sum;
}

storage::ReplicaState Cluster::replica(std::size_t node, Partition partition) const {
  const auto bytes =
      nodes_[node].engine->get(storage::Family::kMeta, storage::replica_key(partition));
  KV_CHECK(bytes.ok(), "inspected while the disk works");
  if (!bytes->has_value()) return {};
  const auto state = storage::decode_replica(**bytes);
  KV_CHECK(state.ok(), "what a core writes can be read");
  return *state;
}

std::map<std::string, std::vector<Version>> Cluster::objects(std::size_t node,
                                                             Partition partition) const {
  std::map<std::string, std::vector<Version>> found;
  const std::size_t prefix = storage::partition_prefix(partition).size();
  const absl::Status status = nodes_[node].engine->scan(
      storage::Family::kObjects, storage::partition_prefix(partition),
      storage::partition_end(partition), [&](std::string_view key, std::string_view bytes) {
        auto object = storage::decode_object(bytes);
        KV_CHECK(object.ok(), "what a core writes can be read");
        if (!object->versions.empty())
          found[std::string(key.substr(prefix))] = std::move(object->versions);
        return true;
      });
  KV_CHECK(status.ok(), "inspected while the disk works");
  return found;
}

std::optional<std::string> Cluster::value(std::size_t node, const std::string& key) const {
  const auto all = objects(node, partition_of(key));
  const auto it = all.find(key_in_storage(key));
  return it == all.end() ? std::nullopt : it->second.front().value;
}

std::string Cluster::difference() const {
  for (std::uint32_t p = 0; p < ring_.partitions(); ++p) {
    const Partition partition{static_cast<std::uint16_t>(p)};
    const auto& replicas = ring_.replicas(partition);
    const std::size_t first = replicas.front().value;
    for (const NodeIndex other : replicas) {
      const std::string where =
          absl::StrCat("partition ", p, ", nodes ", first, " and ", other.value, ": ");
      const Clock here = replica(first, partition).clock;
      const Clock there = replica(other.value, partition).clock;
      if (here != there)
        return absl::StrCat(where, "clocks ", to_string(here), " and ", to_string(there));
      const std::string keys =
          differing(objects(first, partition), objects(other.value, partition));
      if (!keys.empty()) return absl::StrCat(where, keys);
    }
  }
  return "";
}

std::string Cluster::unnamed_version() const {
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    for (std::uint32_t p = 0; p < ring_.partitions(); ++p) {
      const Partition partition{static_cast<std::uint16_t>(p)};
      const Clock clock = replica(node, partition).clock;
      for (const auto& [key, versions] : objects(node, partition))
        for (const Version& version : versions)
          if (!clock.contains(version.dot))
            return absl::StrCat(ring_.node_id(index(node)), " holds ", to_string(version.dot),
                                " of ", std::string(storage::user_key_of(key)),
                                " and its clock is ", to_string(clock));
    }
  }
  return "";
}

bool Cluster::is_quiet() const {
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    if (!nodes_[node].up) return false;
    for (const Shard& shard : nodes_[node].shards)
      if (!shard.inbox.empty()) return false;
    const CoreStatus now = status(node);
    if (now.pending > 0 || now.log_entries > 0) return false;
    for (const PeerStatus& peer : now.peers)
      if (peer.debt_dots > 0) return false;
  }
  return difference().empty();
}

}  // namespace kv::sim
