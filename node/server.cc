#include "node/server.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <mutex>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "node/adapters/asio/clock.h"
#include "node/adapters/asio/shards.h"
#include "node/adapters/grpc/admin_service.h"
#include "node/adapters/grpc/key_value_service.h"
#include "node/adapters/grpc/listener/listener.h"
#include "node/adapters/grpc/peer/limits.h"
#include "node/adapters/grpc/peer/links.h"
#include "node/adapters/grpc/peer/service.h"
#include "node/adapters/log/log.h"
#include "node/adapters/rocksdb/damaged_directory.h"
#include "node/adapters/rocksdb/rocksdb_engine.h"
#include "node/base/limits.h"
#include "node/core/identity.h"
#include "node/messages/message_codec.h"

namespace kv {
namespace {

constexpr std::int64_t kStopGraceMs = 10'000;
constexpr int kMaxClientMessageBytes =
    16 << 20;  // above every limit of ours, so that ours give the error

std::uint64_t random_bits() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

Shard::Options shard_options(const Config& config, std::uint32_t shard, WatchHub& watch_hub) {
  Shard::Options options;
  options.core.shard = shard;
  options.core.shards = config.server.shards;
  options.core.max_clock_skew_ms = config.clock.max_skew_ms;
  options.core.sync_interval_ms = config.storage.sync_interval_ms;
  options.core.max_pending = config.limits.max_pending_requests;
  options.core.max_log_entries = config.limits.max_dot_log_entries;
  options.core.replication.probe_interval_ms = config.replication.probe_interval_ms;
  options.core.replication.max_in_flight_bytes = config.limits.max_replication_in_flight_bytes;
  options.core.scrub.bytes_per_s =
      static_cast<std::int64_t>(config.replication.scrub_bytes_per_s / config.server.shards);
  options.core.replication.page.bytes = config.replication.page_bytes;
  options.max_queued_requests = config.limits.max_pending_requests;
  options.max_queued_bytes = config.limits.max_pending_bytes;
  options.seed = random_bits();
  options.on_commit = [&watch_hub] { watch_hub.committed(); };
  return options;
}

absl::StatusOr<Ring> make_ring(const Config& config) {
  std::vector<RingNode> nodes;
  for (const auto& node : config.nodes) nodes.push_back({node.id, node.zone});
  return Ring::make(std::move(nodes), config.partitions, config.replicas, config.bucket_replicas);
}

}  // namespace

struct Server::Impl {
  Impl(const ServerOptions& o, Ring r) : options(o), ring(std::move(r)), started(monotonic_now()) {}

  absl::Status start_on_disk();
  absl::Status open_storage();
  absl::Status start_shards();
  absl::Status leave_damaged(const absl::Status& damage);
  absl::Status start_peers();
  absl::Status start_clients();
  void receive(NodeIndex from, const std::string& bytes);
  void collect_status(std::function<void(v1::StatusResponse)> done);
  v1::StatusResponse combine(const std::vector<CoreStatus>& shards) const;

  const ConfigNode& node_config(const std::string& id) const {
    return *std::find_if(options.config.nodes.begin(), options.config.nodes.end(),
                         [&](const ConfigNode& node) { return node.id == id; });
  }

  const ServerOptions options;
  const Ring ring;
  const Instant started;
  NodeIndex self;
  PeerIdentity peer_identity;
  Identity identity;
  bool keep_actors = false;

  // In the order in which they are made; later ones use earlier ones.
  std::unique_ptr<storage::RocksdbEngine> engine;
  std::unique_ptr<WatchHub> watch_hub;
  std::unique_ptr<Shards> shards;
  std::unique_ptr<PeerLinks> links;
  std::unique_ptr<PeerService> peer_service;
  std::unique_ptr<Operations> operations;
  std::unique_ptr<Watching> watching;
  std::unique_ptr<Inspection> inspection;
  std::unique_ptr<KeyValueService> key_value_service;
  std::unique_ptr<AdminService> admin_service;
  Listener peer_listener;
  Listener client_listener;
  bool is_stopped = false;
};

absl::Status Server::Impl::open_storage() {
  const auto found = ring.find(options.node);
  if (!found.has_value())
    return absl::InvalidArgumentError(
        absl::StrCat("the configuration names no node \"", options.node, "\""));
  self = *found;
  peer_identity = {options.config.cluster, options.node, random_bits(), ring.digest()};
  identity = {options.config.cluster, options.node, ring.partitions(), boot_id()};

  storage::RocksdbOptions rocksdb;
  rocksdb.data_dir = options.data_dir;
  rocksdb.block_cache_bytes = options.config.storage.block_cache_bytes;
  rocksdb.write_buffer_bytes = options.config.storage.write_buffer_bytes;
  rocksdb.change_log_bytes = options.config.storage.change_log_bytes;
  rocksdb.boot_id = identity.boot_id;
  auto opened = storage::RocksdbEngine::open(rocksdb);
  if (!opened.ok()) return opened.status();
  engine = *std::move(opened);
  if (!engine->recovery_note().empty()) log::warn(engine->recovery_note());

  identity.directory_found = engine->directory_found();
  identity.directory = engine->directory();
  const auto claimed = claim(*engine, identity);
  if (!claimed.ok())
    return absl::Status(
        claimed.status().code(),
        absl::StrCat(options.data_dir, ": ", std::string(claimed.status().message())));
  keep_actors = claimed->keep_actors;
  if (!claimed->is_new && !keep_actors)
    log::warn(
        "what this node last wrote may not be here (an unclean stop and a restart of the machine, "
        "a failed sync, or a directory that was restored or copied): taking new actors");
  return absl::OkStatus();
}

absl::Status Server::Impl::start_shards() {
  WatchHub::Options watch;
  watch.max_watchers = options.config.limits.max_watchers;
  watch_hub = std::make_unique<WatchHub>(*engine, ring.catalog(), watch);
  std::vector<std::unique_ptr<Shard>> all;
  for (std::uint32_t i = 0; i < options.config.server.shards; ++i)
    all.push_back(std::make_unique<Shard>(
        shard_options(options.config, i, *watch_hub), ring, self, *engine,
        [this](NodeIndex to, std::string message) { links->send(to, std::move(message)); }));
  shards = std::make_unique<Shards>(std::move(all));
  for (const auto& shard : shards->all()) {
    const absl::Status recovered = shard->recover(keep_actors);
    if (!recovered.ok()) return recovered;
  }
  return record_recovered(*engine, identity);
}

// A directory that is damaged as a whole is put aside, and the node starts empty, if there are others to rebuild it from.
absl::Status Server::Impl::start_on_disk() {
  const auto start = [this] {
    const absl::Status opened = open_storage();
    return opened.ok() ? start_shards() : opened;
  };
  const absl::Status first = start();
  if (!absl::IsDataLoss(first)) return first;
  const absl::Status left = leave_damaged(first);
  return left.ok() ? start() : left;
}

absl::Status Server::Impl::leave_damaged(const absl::Status& damage) {
  const std::string what(damage.message());
  if (*ring.offered().begin() < 2)  // n() is among them
    return absl::DataLossError(
        absl::StrCat(what,
                     ". This cluster keeps one replica of its keys, or of those of some buckets, "
                     "so there is nothing to "
                     "rebuild them from, and the directory is left as it is: restore a backup"));
  shards.reset();
  watch_hub.reset();
  engine.reset();
  const auto kept = storage::move_aside(options.data_dir);
  if (!kept.ok())
    return absl::DataLossError(absl::StrCat(
        what, ". It could not be put aside: ", std::string(kept.status().message()),
        ". Move it away and start again: the node comes back empty and takes everything from the "
        "other replicas"));
  log::error(absl::StrCat("DAMAGE: ", what, ". It has been moved to ", *kept,
                          " as it is. The node starts empty and takes everything from the other "
                          "replicas; once all is well, remove what was moved"));
  return absl::OkStatus();
}

absl::Status Server::Impl::start_peers() {
  std::vector<std::string> addresses;
  for (const RingNode& node : ring.nodes()) addresses.push_back(node_config(node.id).peer);
  PeerLinks::Handlers handlers;
  handlers.on_up = [this](NodeIndex peer) {
    for (const auto& shard : shards->all()) shard->post(PeerUp{peer});
  };
  handlers.on_down = [this](NodeIndex peer) {
    for (const auto& shard : shards->all()) shard->post(PeerDown{peer});
  };
  handlers.on_wall = [this](NodeIndex peer, const WallBounds& wall) {
    for (const auto& shard : shards->all()) shard->post(WallHeard{peer, wall});
  };
  links =
      std::make_unique<PeerLinks>(peer_identity, ring, std::move(addresses),
                                  LivenessOptions{options.config.replication.heartbeat_interval_ms,
                                                  options.config.replication.failure_timeout_ms},
                                  std::move(handlers));
  for (const auto& shard : shards->all()) shard->start();
  peer_service = std::make_unique<PeerService>(
      peer_identity, ring,
      [this](NodeIndex from, const std::string& bytes) { receive(from, bytes); });
  const absl::Status listening = peer_listener.start(
      {node_config(options.node).peer, "", kMaxFrameBytes, false}, {peer_service.get()});
  if (!listening.ok()) return listening;
  links->start();
  return absl::OkStatus();
}

absl::Status Server::Impl::start_clients() {
  operations = std::make_unique<Operations>(*shards, ring);
  inspection = std::make_unique<Inspection>(*shards, ring, operations->buckets(), self);
  watching.reset(new Watching{operations->buckets(), ring, self, *watch_hub});
  key_value_service = std::make_unique<KeyValueService>(*operations, *watching);
  admin_service = std::make_unique<AdminService>(
      [this](std::function<void(v1::StatusResponse)> done) { collect_status(std::move(done)); },
      operations->buckets(), *inspection);
  return client_listener.start(
      {node_config(options.node).client, options.client_netns, kMaxClientMessageBytes, true},
      {key_value_service.get(), admin_service.get()});
}

void Server::Impl::receive(NodeIndex from, const std::string& bytes) {
  auto message = decode_message(bytes);
  if (!message.ok()) {
    log::warn(absl::StrCat("message of ", ring.node_id(from),
                           " refused: ", std::string(message.status().message())));
    return;
  }
  if (message->partition.value >= ring.all_partitions()) return;
  Shard& shard = shards->of(message->partition);
  shard.post(FromPeer{from, *std::move(message)}, bytes.size());
}

void Server::Impl::collect_status(std::function<void(v1::StatusResponse)> done) {
  struct Gather {
    std::mutex mutex;
    std::vector<CoreStatus> statuses;
  };
  const auto gather = std::make_shared<Gather>();
  for (const auto& shard : shards->all()) {
    shard->inspect([this, gather, done](const CoreStatus& status) {
      const std::lock_guard lock(gather->mutex);
      gather->statuses.push_back(status);
      if (gather->statuses.size() == shards->all().size()) done(combine(gather->statuses));
    });
  }
}

v1::StatusResponse Server::Impl::combine(const std::vector<CoreStatus>& statuses) const {
  v1::StatusResponse out;
  out.set_cluster(options.config.cluster);
  out.set_id(options.node);
  out.set_incarnation(peer_identity.incarnation);
  out.set_uptime_ms(static_cast<std::uint64_t>(elapsed_us(started, monotonic_now()) / 1000));
  out.set_partitions_total(ring.held_partitions());
  out.set_n(ring.n());
  out.set_disk_bytes(engine->disk_bytes());
  out.set_memory_bytes(resident_bytes());
  const MergeCounters merges = operations->merge_counters();
  out.mutable_merges()->set_merged(merges.merged);
  out.mutable_merges()->set_refused(merges.refused);
  out.mutable_merges()->set_broken(merges.broken);
  auto* totals = out.mutable_anti_entropy();
  auto* reads = out.mutable_reads();
  auto* scrub = out.mutable_scrub();
  for (const CoreStatus& status : statuses) {
    out.set_keys(out.keys() + status.live_keys);
    out.set_partitions(out.partitions() + status.partitions);
    out.set_dot_log_entries(out.dot_log_entries() + status.log_entries);
    out.set_max_dot_log_entries(out.max_dot_log_entries() + status.max_log_entries);
    out.set_markers(out.markers() + status.markers);
    out.set_replicas_unfit(out.replicas_unfit() + status.unfit);
    out.set_replicas_discarded(out.replicas_discarded() + status.discarded);
    out.set_skewed(out.skewed() || status.skewed);
    out.set_clock_skew_ms(status.clock_skew_ms);  // all hear the same
    reads->set_asked(reads->asked() + status.reads.asked);
    reads->set_hedges(reads->hedges() + status.reads.hedges);
    reads->set_spares(reads->spares() + status.reads.spares);
    reads->set_repairs(reads->repairs() + status.reads.repairs);
    reads->set_repairs_skipped(reads->repairs_skipped() + status.reads.repairs_skipped);
    scrub->set_bytes(scrub->bytes() + status.scrub.bytes);
    scrub->set_skipped(scrub->skipped() + status.scrub.skipped);
    scrub->set_different(scrub->different() + status.scrub.different);
    scrub->set_mended(scrub->mended() + status.scrub.mended);
    scrub->set_passes(scrub->passes() + status.scrub.passes);
    totals->set_pages_sent(totals->pages_sent() + status.anti_entropy.pages_sent);
    totals->set_pages_received(totals->pages_received() + status.anti_entropy.pages_received);
    totals->set_bytes_sent(totals->bytes_sent() + status.anti_entropy.bytes_sent);
    totals->set_bytes_received(totals->bytes_received() + status.anti_entropy.bytes_received);
    totals->set_objects_sent(totals->objects_sent() + status.anti_entropy.objects_sent);
    totals->set_full_transfers(totals->full_transfers() + status.anti_entropy.full_transfers);
  }
  const std::vector<LinkStatus> all_links = links->status();
  for (std::size_t i = 0; i < all_links.size(); ++i) {
    auto* member = out.add_members();
    const ConfigNode& node = node_config(ring.nodes()[i].id);
    member->set_id(node.id);
    member->set_client_address(node.client);
    member->set_zone(node.zone);
    if (i == self.value) continue;
    auto* peer = out.add_peers();
    peer->set_id(node.id);
    peer->set_alive(all_links[i].alive);
    if (all_links[i].wall.has_value())
      peer->set_clock_skew_ms(offset_ms(*all_links[i].wall, now()));
    for (const CoreStatus& status : statuses) {
      peer->set_debt_dots(peer->debt_dots() + status.peers[i].debt_dots);
      peer->set_transfers_owed(peer->transfers_owed() + status.peers[i].transfers_owed);
      peer->set_debt_age_ms(std::max<std::uint64_t>(
          peer->debt_age_ms(), static_cast<std::uint64_t>(status.peers[i].debt_age_ms)));
    }
  }
  return out;
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { stop(); }

absl::StatusOr<std::unique_ptr<Server>> Server::start(const ServerOptions& options) {
  auto ring = make_ring(options.config);
  if (!ring.ok()) return ring.status();
  std::unique_ptr<Server> server(new Server(std::make_unique<Impl>(options, *std::move(ring))));
  for (const auto step : {&Impl::start_on_disk, &Impl::start_peers, &Impl::start_clients}) {
    const absl::Status status = ((*server->impl_).*step)();
    if (!status.ok()) return status;
  }
  log::info(absl::StrCat("node ", options.node, " of cluster ", options.config.cluster,
                         " serves clients at ", server->impl_->node_config(options.node).client));
  return server;
}

void Server::stop() {
  Impl& impl = *impl_;
  if (impl.is_stopped) return;
  impl.is_stopped = true;
  if (impl.watch_hub != nullptr) impl.watch_hub->stop();  // or watches would go on for ever
  impl.client_listener.stop(
      kStopGraceMs);  // first: what is under way may still need peers and disk
  if (impl.links != nullptr) impl.links->stop();
  impl.peer_listener.stop(0);
  if (impl.shards != nullptr)
    for (const auto& shard : impl.shards->all()) shard->stop();
  if (impl.engine == nullptr || impl.operations == nullptr) return;
  const absl::Status recorded = record_clean_stop(*impl.engine, impl.identity);
  if (recorded.ok())
    log::info("stopped cleanly");
  else
    log::error(
        absl::StrCat("the clean stop could not be recorded: ", std::string(recorded.message())));
}

}  // namespace kv
