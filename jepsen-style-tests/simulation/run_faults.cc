// The faults of a plan, applied to the cluster as it is at that moment.
#include "absl/strings/str_cat.h"
#include "jepsen-style-tests/simulation/run.h"

namespace kv::sim {

bool Run::apply(const Action& action) {
  if (action.kind < Kind::kCrash) return apply_to_network(action);
  if (action.kind < Kind::kPowerLoss) return apply_to_process(action);
  if (action.kind < Kind::kClockJump) return apply_to_disk(action);
  return apply_to_clock(action);
}

bool Run::apply_to_network(const Action& action) {
  const std::size_t a = action.node;
  const std::size_t b = action.other;
  switch (action.kind) {
    case Kind::kIsolate:
      cluster_.isolate(a);
      return true;
    case Kind::kHalves:
      for (std::size_t x = 0; x < cluster_.size(); ++x)
        for (std::size_t y = x + 1; y < cluster_.size(); ++y)
          if ((action.other >> x & 1U) != (action.other >> y & 1U)) cluster_.cut(x, y);
      return true;
    case Kind::kSwizzle:
      swizzle(action.other, action.amount);
      return true;
    case Kind::kHeal:
      cluster_.heal_all();
      cluster_.set_faults({});
      return true;
    default:
      break;
  }
  if (a == b) return false;
  LinkFaults faults;
  switch (action.kind) {
    case Kind::kCut:
      cluster_.cut(a, b);
      return true;
    case Kind::kFlap:
      for (int i = 0; i < 6; ++i) {
        i % 2 == 0 ? cluster_.cut(a, b) : cluster_.heal(a, b);
        cluster_.run_for(action.amount);
      }
      return true;
    case Kind::kOneWay:
      cluster_.block(a, b, true);
      return true;
    case Kind::kClog:
      cluster_.clog(a, b);
      return true;
    case Kind::kUnclog:
      cluster_.unclog(a, b);
      return true;
    case Kind::kSlowLink:
      faults.max_delay_us = action.amount * 1000;
      faults.reordered = action.amount % 2 == 0;
      break;
    case Kind::kLossy:
      faults.lost_permille = static_cast<std::uint32_t>(action.amount);
      faults.repeated_permille = static_cast<std::uint32_t>(400 - action.amount);
      faults.reordered = action.amount % 2 == 0;
      break;
    default:  // kReplay
      faults.replayed_permille = static_cast<std::uint32_t>(action.amount);
      faults.reordered = true;
      faults.max_delay_us = 100 * action.amount;
  }
  cluster_.set_link_faults(a, b, faults);
  return true;
}

// Nodes are cut off one after the other, and come back in another order.
void Run::swizzle(std::uint32_t members, std::int64_t ms) {
  for (std::size_t node = 0; node < cluster_.size(); ++node) {
    if ((members >> node & 1U) == 0) continue;
    cluster_.isolate(node);
    cluster_.run_for(ms);
  }
  for (std::size_t i = 0; i < cluster_.size(); ++i) {
    const std::size_t node = (i + members) % cluster_.size();
    if ((members >> node & 1U) == 0) continue;
    for (std::size_t other = 0; other < cluster_.size(); ++other)
      if (other != node) cluster_.heal(node, other);
    cluster_.run_for(ms);
  }
}

bool Run::apply_to_process(const Action& action) {
  switch (action.kind) {
    case Kind::kCrash:
      if (!cluster_.is_up(action.node)) return false;
      crash(action.node, Disk::kKept);
      return true;
    case Kind::kCrashAll:
      crash_all(Disk::kKept);
      return true;
    case Kind::kStop:
      if (!cluster_.is_up(action.node)) return false;
      cluster_.engine(action.node).set_faults({});
      cluster_.stop(action.node);
      return true;
    case Kind::kPause:
      if (!cluster_.is_up(action.node)) return false;
      cluster_.pause(action.node, action.amount);
      paused_until_ = std::max(paused_until_, after_ms(cluster_.now(), action.amount));
      return true;
    case Kind::kStart:
      if (cluster_.is_up(action.node)) return false;
      start_node(action.node);
      return true;
    case Kind::kStartDies:
      if (cluster_.is_up(action.node)) return false;
      cluster_.engine(action.node).set_faults({});
      cluster_.start(action.node,
                     action.amount == 1 ? Cluster::Until::kClaimed : Cluster::Until::kRecovered);
      return true;
    default:  // kStartAll
      start_all();
      return true;
  }
}

bool Run::apply_to_disk(const Action& action) {
  const std::size_t node = action.node;
  const bool up = cluster_.is_up(node);
  storage::MemoryEngine::Faults faults;
  const bool takes_disk =
      action.kind == Kind::kWipe || action.kind == Kind::kRestore || action.kind == Kind::kRollBack;
  if (takes_disk && truth_.is_rotten_beside(node)) return false;  // two of one partition's copies
  switch (action.kind) {
    case Kind::kRot:
      return rot(node, static_cast<std::size_t>(action.amount));
    case Kind::kPowerLoss:
      if (up) crash(node, Disk::kUnsyncedLost);
      return up;
    case Kind::kPowerLossAll:
      crash_all(Disk::kUnsyncedLost);
      return true;
    case Kind::kWipe:
      truth_.disk_replaced();
      crash(node, Disk::kWiped);
      return true;
    case Kind::kBackup:
      if (truth_.is_rotten_on(node)) return false;
      cluster_.backup(node);
      backed_up_[node] = true;
      return true;
    case Kind::kRestore:
      if (!backed_up_[node]) return false;
      truth_.disk_replaced();
      if (up) crash(node, Disk::kKept);
      cluster_.restore(node);
      return true;
    case Kind::kRollBack:
      return roll_back(node);
    case Kind::kSwap:
      if (node == action.other) return false;
      start_swapped(node, action.other);
      return true;
    case Kind::kCopy:
      if (node == action.other) return false;
      start_on_copy(node, action.other);
      return true;
    case Kind::kSlowDisk:
      cluster_.set_sync_time(node, action.amount * 1000);
      return true;
    case Kind::kDiskWell:
      disks_well();
      return true;
    case Kind::kReadErrors:
      faults.get = faults.scan = absl::UnavailableError("read error");
      break;
    case Kind::kCommitErrors:
      faults.commit = absl::UnavailableError("write error");
      break;
    case Kind::kSyncErrors:
      faults.sync = absl::UnavailableError("sync error");
      break;
    default:  // kDiskFull
      faults.capacity_bytes =
          cluster_.engine(node).disk_bytes() + static_cast<std::uint64_t>(action.amount);
  }
  if (up) cluster_.engine(node).set_faults(faults);
  return up;
}

// Bits rot under one of the keys that the node stores, if the other replicas are to have a chance: they are sound, and have
// everything that its log no longer names.
bool Run::rot(std::size_t node, std::size_t number) {
  using storage::Family;
  std::vector<std::pair<Family, std::string>> keys;
  for (const Family family : {Family::kObjects, Family::kLog})
    cluster_.engine(node).inspect(family, "", "", [&](std::string_view key, std::string_view) {
      keys.emplace_back(family, key);
      return true;
    });
  if (keys.empty()) return false;
  const auto& [family, key] = keys[number % keys.size()];
  const Partition partition = partition_at_start(key);
  if (cluster_.ring().replicas(partition).size() < 2 || truth_.is_rotten_beside(node, partition))
    return false;
  const Clock pruned = cluster_.replica(node, partition).pruned;
  for (const NodeIndex other : cluster_.ring().replicas(partition)) {
    const storage::ReplicaState there = cluster_.replica(other.value, partition);
    if (there.rebuilding || !there.clock.covers(pruned)) return false;
  }
  truth_.rots(node, family, key);
  cluster_.engine(node).damage(family, key);
  return true;
}

bool Run::apply_to_clock(const Action& action) {
  truth_.note_walls();
  if (action.kind == Kind::kClockJump)
    cluster_.set_wall_offset(action.node, action.amount);
  else
    cluster_.set_wall_drift(action.node, action.amount);
  truth_.note_walls();
  return true;
}

// Clocks agree again, and have come to the time of the latest write: markers from the future are due.
void Run::mend_clocks() {
  truth_.note_walls();
  std::int64_t latest_ms = truth_.greatest().wall_ms();
  for (std::size_t node = 0; node < cluster_.size(); ++node)
    latest_ms = std::max(latest_ms, cluster_.wall(node).ms);
  for (std::size_t node = 0; node < cluster_.size(); ++node)
    cluster_.set_wall(node, WallMs{latest_ms});
  truth_.note_walls();
}

void Run::crash(std::size_t node, Disk disk) {
  cluster_.engine(node).set_faults({});
  cluster_.crash(node, disk);
}

void Run::crash_all(Disk disk) {
  for (std::size_t node = 0; node < cluster_.size(); ++node)
    if (cluster_.is_up(node)) crash(node, disk);
}

void Run::start_node(std::size_t node) {
  cluster_.engine(node).set_faults({});
  if (!cluster_.start(node))
    violate(Check::kLiveness,
            absl::StrCat("n", node + 1, " does not start on a disk that is well"));
}

void Run::start_all() {
  for (std::size_t node = 0; node < cluster_.size(); ++node)
    if (!cluster_.is_up(node)) start_node(node);
}

// Somebody put the disks into the wrong machines: both nodes must refuse to start.
void Run::start_swapped(std::size_t a, std::size_t b) {
  for (const std::size_t node : {a, b})
    if (cluster_.is_up(node)) crash(node, Disk::kKept);
  cluster_.swap_disks(a, b);
  for (const std::size_t node : {a, b}) {
    if (!cluster_.has_owner(node) || !cluster_.start(node)) continue;
    violate(Check::kDirectoryGuarded,
            absl::StrCat("n", node + 1, " started on another node's disk"));
    crash(node, Disk::kKept);
  }
  cluster_.swap_disks(a, b);
  for (const std::size_t node : {a, b}) start_node(node);
}

// Somebody copied another node's data directory to this machine: it must refuse to start.
void Run::start_on_copy(std::size_t node, std::size_t of) {
  if (cluster_.is_up(node)) crash(node, Disk::kKept);
  cluster_.lend_copy(node, of);
  if (cluster_.has_owner(node) && cluster_.start(node)) {
    violate(Check::kDirectoryGuarded,
            absl::StrCat("n", node + 1, " started on a copy of another node's disk"));
    crash(node, Disk::kKept);
  }
  cluster_.take_copy_back(node);
  start_node(node);
}

// A machine goes back to a snapshot, and nothing on it tells. Its peers can tell, as long as they have all its writes and
// speak to it before it writes; nobody can help a node that is alone.
bool Run::roll_back(std::size_t node) {
  if (!backed_up_[node]) return false;
  cluster_.heal_all();
  cluster_.set_faults({});
  disks_well();
  start_all();
  const ReplicationOptions& options = plan_.cluster.core.replication;
  const std::int64_t settle_ms =
      pause_left_ms() + 2 * (options.overdue_ms + options.probe_interval_ms) + 1000;
  cluster_.run_for(settle_ms);
  if (!is_known_elsewhere(node)) return false;
  truth_.disk_replaced();
  crash(node, Disk::kKept);
  cluster_.restore(node, true);
  watchers_.start_anew(node);
  start_node(node);
  cluster_.run_for(settle_ms);
  watchers_.start_anew(node);
  return true;
}

bool Run::is_known_elsewhere(std::size_t node) const {
  for (std::uint32_t p = 0; p < cluster_.ring().all_partitions(); ++p) {
    const Partition partition{static_cast<std::uint16_t>(p)};
    if (!cluster_.is_replica(node, partition)) continue;
    const auto& replicas = cluster_.ring().replicas(partition);
    if (replicas.size() == 1) return false;
    const Clock here = cluster_.replica(node, partition).clock;
    for (const NodeIndex other : replicas)
      if (!cluster_.replica(other.value, partition).clock.covers(here)) return false;
  }
  return true;
}

void Run::disks_well() {
  for (std::size_t node = 0; node < cluster_.size(); ++node) {
    cluster_.engine(node).set_faults({});
    cluster_.set_sync_time(node, plan_.cluster.max_sync_us);
  }
}

}  // namespace kv::sim
