#include "jepsen-style-tests/simulation/plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace kv::sim {
namespace {

constexpr std::array<std::string_view, kKinds> kNames{
    "put",       "delete",     "get",         "scan",          "cut",
    "isolate",   "halves",     "one-way",     "clog",          "unclog",
    "slow-link", "lossy",      "replay",      "flap",          "swizzle",
    "heal",      "crash",      "crash-all",   "stop",          "pause",
    "start",     "start-dies", "start-all",   "power-loss",    "power-loss-all",
    "wipe",      "backup",     "restore",     "roll-back",     "swap",
    "copy",      "slow-disk",  "read-errors", "commit-errors", "sync-errors",
    "disk-full", "disk-well",  "rot",         "clock-jump",    "clock-drift"};

std::size_t index(Kind kind) { return static_cast<std::size_t>(kind); }

constexpr std::int64_t kYearMs = 365LL * 24 * 3600 * 1000;

ClusterOptions make_cluster(Rng& rng, std::uint64_t seed) {
  ClusterOptions options;
  options.seed = seed;
  options.shards.assign(1 + rng.below(7), 1);
  if (options.shards.size() < 3 && rng.below(2) == 0) options.shards.assign(3, 1);
  for (std::uint32_t& shards : options.shards)
    shards = static_cast<std::uint32_t>(1 + rng.below(2));
  const std::uint64_t most = std::min<std::uint64_t>(options.shards.size(), 5);
  options.n = static_cast<std::uint32_t>(rng.below(2) == 0 ? std::min<std::uint64_t>(most, 3)
                                                           : 1 + rng.below(most));
  Rng buckets = stream(seed, "bucket replicas");
  if (buckets.below(3) == 0)
    options.bucket_n = {static_cast<std::uint32_t>(1 + buckets.below(most)),
                        static_cast<std::uint32_t>(1 + buckets.below(most))};
  options.partitions = 1U << rng.below(rng.below(4) == 0 ? 7 : 4);
  options.max_turn_delay_us = rng.between(1, rng.below(4) == 0 ? 5'000 : 200);
  options.max_sync_us = rng.between(1, rng.below(4) == 0 ? 200'000 : 5'000);
  options.heartbeat_interval_ms = stream(seed, "heartbeats").between(50, 1000);
  CoreOptions& core = options.core;
  core.max_clock_skew_ms = rng.between(1, 1000);
  core.sync_interval_ms = rng.between(1, 300);
  core.spare_read_after_ms = rng.between(1, 200);
  core.max_pending = 1 + rng.below(rng.below(3) == 0 ? 8 : 1000);
  if (Rng log = stream(seed, "dot log"); log.below(2) == 0)
    core.max_log_entries = 1 + log.below(40);
  core.replication.probe_interval_ms = rng.between(50, 2000);
  core.replication.overdue_ms = rng.between(50, 3000);
  core.replication.max_in_flight_bytes = 200 + rng.below(rng.below(2) == 0 ? 1000 : 1'000'000);
  core.replication.max_sessions_per_peer = 1 + rng.below(4);
  core.replication.page.bytes = 1 + rng.below(rng.below(2) == 0 ? 300 : 100'000);
  core.replication.page.dots = 1 + rng.below(rng.below(2) == 0 ? 8 : 4096);
  return options;
}

Weights make_weights(Rng& rng) {
  Weights weights{};
  for (std::size_t kind = kFirstFault; kind < kKinds; ++kind)
    if (kind != index(Kind::kRot) && rng.below(2) == 0)
      weights[kind] = static_cast<std::uint32_t>(1 + rng.below(4));
  // What mends is always possible, or the rest of the plan would meet a dead cluster.
  for (const Kind mends : {Kind::kHeal, Kind::kStartAll, Kind::kDiskWell, Kind::kUnclog})
    weights[index(mends)] = static_cast<std::uint32_t>(2 + rng.below(6));
  weights[index(Kind::kPut)] = static_cast<std::uint32_t>(20 + rng.below(60));
  weights[index(Kind::kDelete)] = static_cast<std::uint32_t>(rng.below(3) * 10);
  weights[index(Kind::kGet)] = static_cast<std::uint32_t>(rng.below(3) * 20);
  weights[index(Kind::kScan)] = static_cast<std::uint32_t>(rng.below(2) * 3);
  return weights;
}

// A quarter of the seeds have lww alone.
std::vector<std::string> make_policies(std::uint64_t seed) {
  constexpr std::array<std::string_view, 12> kPolicies{
      "",          "siblings:", "fww:", "max:",    "counter:", "catalog:",
      "register:", "set:",      "map:", "custom:", "few:",     "many:"};
  Rng rng = stream(seed, "policies");
  if (rng.below(4) == 0) return {""};
  std::vector<std::string> policies(rng.below(3) == 0 ? 1 : 1 + rng.below(4));
  for (std::string& policy : policies) policy = kPolicies[rng.below(kPolicies.size())];
  return policies;
}

std::size_t choose(Rng& rng, const Weights& weights, std::size_t from, std::size_t to) {
  std::uint64_t total = 0;
  for (std::size_t kind = from; kind < to; ++kind) total += weights[kind];
  std::uint64_t left = rng.below(total);
  for (std::size_t kind = from; kind < to; ++kind) {
    if (left < weights[kind]) return kind;
    left -= weights[kind];
  }
  return from;
}

Action make_operation(Rng& rng, const Plan& plan, const Weights& weights, std::int64_t at_ms,
                      std::uint64_t value) {
  Action action;
  action.at_ms = at_ms;
  action.kind = static_cast<Kind>(choose(rng, weights, 0, kFirstFault));
  action.node = static_cast<std::uint32_t>(rng.below(plan.cluster.shards.size()));
  action.client = static_cast<std::uint32_t>(rng.below(plan.clients));
  action.key = static_cast<std::uint32_t>(rng.below(plan.keys));
  action.value = value;
  action.level = static_cast<Level>(1 + rng.below(3));
  action.durability = rng.below(4) == 0 ? Durability::kDisk : Durability::kOs;
  const std::uint64_t token = rng.below(12);
  action.token = token < 4    ? TokenUse::kLastRead
                 : token == 4 ? TokenUse::kOfOtherKey
                              : TokenUse::kNone;
  action.amount = rng.between(1, rng.below(3) == 0 ? 50 : 2000);
  return action;
}

std::int64_t make_amount(Rng& rng, Kind kind) {
  switch (kind) {
    case Kind::kSlowLink:
      return rng.between(1, 2000);
    case Kind::kLossy:
    case Kind::kReplay:
      return rng.between(1, 400);
    case Kind::kStartDies:
      return rng.between(1, 2);
    case Kind::kFlap:
    case Kind::kSwizzle:
      return rng.between(1, 150);
    case Kind::kSlowDisk:
      return rng.between(10, 2000);
    case Kind::kPause:
      return rng.between(10, 10'000);
    case Kind::kDiskFull:
      return rng.between(0, 20'000);
    case Kind::kClockJump:
      return rng.below(6) == 0 ? (rng.below(2) == 0 ? -10 : 10) * kYearMs
                               : rng.between(-3000, 3000);
    case Kind::kClockDrift:
      return rng.between(-200'000, 200'000);
    default:
      return 0;
  }
}

Action make_fault(Rng& rng, const Plan& plan, const Weights& weights, std::int64_t at_ms) {
  Action action;
  action.at_ms = at_ms;
  action.kind = static_cast<Kind>(choose(rng, weights, kFirstFault, kKinds));
  const std::uint64_t nodes = plan.cluster.shards.size();
  action.node = static_cast<std::uint32_t>(rng.below(nodes));
  action.other = action.kind == Kind::kHalves || action.kind == Kind::kSwizzle
                     ? static_cast<std::uint32_t>(rng.below(1ULL << nodes))
                     : static_cast<std::uint32_t>(rng.below(nodes));
  action.amount = make_amount(rng, action.kind);
  return action;
}

Action make_rot(Rng& rng, const Plan& plan, std::int64_t at_ms) {
  Action action;
  action.at_ms = at_ms;
  action.kind = Kind::kRot;
  action.node = static_cast<std::uint32_t>(rng.below(plan.cluster.shards.size()));
  action.amount = rng.between(0, 1'000);
  return action;
}

// Operations and faults come from generators of their own: leaving one kind out leaves the others as they are.
void fill(Plan& plan, const Weights& weights, std::int64_t operation_ms, std::int64_t fault_ms) {
  Rng operations = stream(plan.seed, "workload");
  Rng faults = stream(plan.seed, "faults");
  std::uint64_t value = 0;
  for (std::int64_t at = 0; at < plan.chaos_ms; at += operations.between(0, 2 * operation_ms))
    plan.actions.push_back(make_operation(operations, plan, weights, at, ++value));
  for (std::int64_t at = 0; at < plan.chaos_ms; at += faults.between(0, 2 * fault_ms))
    plan.actions.push_back(make_fault(faults, plan, weights, at));
  // Where logs are cut what a damaged replica alone has may be beyond reach for good, as it is with a single replica.
  if (Rng rot = stream(plan.seed, "rot");
      rot.below(2) == 0 && plan.cluster.core.max_log_entries == CoreOptions{}.max_log_entries)
    for (std::int64_t at = 0; at < plan.chaos_ms; at += rot.between(200, 5'000))
      plan.actions.push_back(make_rot(rot, plan, at));
  std::stable_sort(plan.actions.begin(), plan.actions.end(),
                   [](const Action& a, const Action& b) { return a.at_ms < b.at_ms; });
}

// Counters that nobody deletes, in logs that are not cut: what they show in the end is known exactly.
void count_only(Plan& plan) {
  plan.policies = {"counter:"};
  plan.cluster.core.max_log_entries = CoreOptions{}.max_log_entries;
  for (Action& action : plan.actions)
    if (action.kind == Kind::kDelete) action.kind = Kind::kPut;
}

// In about half of the seeds, those whose history is judged aside, a share of the writes has request ids, and is sent again,
// whatever came of the first attempt, at any node: soon or late, more than once, or while the first is under way. In a third of
// those the window is short.
void add_requests(Plan& plan) {
  Rng rng = stream(plan.seed, "requests");
  if (plan.history || rng.below(4) == 0) return;
  RequestLimits& limits = plan.cluster.core.requests;
  if (rng.below(3) == 0) limits.window_ms = rng.between(200, 10'000);
  if (rng.below(4) == 0) limits.most = 1 + rng.below(20);
  if (rng.below(3) == 0) count_only(plan);
  const std::int64_t late_ms = rng.below(2) == 0 ? 3'000 : plan.chaos_ms;
  std::vector<Action> again;
  for (Action& action : plan.actions) {
    const bool writes = action.kind == Kind::kPut || action.kind == Kind::kDelete;
    if (!writes || action.token == TokenUse::kOfOtherKey || rng.below(3) == 0) continue;
    action.request = action.value;
    for (std::uint64_t attempts = rng.below(3); attempts > 0; --attempts) {
      Action attempt = action;
      attempt.at_ms += rng.between(0, rng.below(3) == 0 ? 5 : late_ms);
      attempt.node = static_cast<std::uint32_t>(rng.below(plan.cluster.shards.size()));
      attempt.level = static_cast<Level>(1 + rng.below(3));
      attempt.durability = rng.below(4) == 0 ? Durability::kDisk : Durability::kOs;
      if (attempt.at_ms < plan.chaos_ms) again.push_back(attempt);
    }
  }
  plan.actions.insert(plan.actions.end(), again.begin(), again.end());
  std::stable_sort(plan.actions.begin(), plan.actions.end(),
                   [](const Action& a, const Action& b) { return a.at_ms < b.at_ms; });
}

}  // namespace

std::string_view to_string(Kind kind) { return kNames[index(kind)]; }

std::string to_string(const Action& action) {
  std::string out = absl::StrCat(std::string(to_string(action.kind)), " n", action.node + 1);
  if (index(action.kind) >= kFirstFault)
    return absl::StrCat(out, " other ", action.other, " amount ", action.amount);
  absl::StrAppend(&out, " client ", action.client, " k", action.key, " ", to_string(action.level),
                  action.durability == Durability::kDisk ? " disk" : "", " within ", action.amount,
                  " ms");
  if (action.kind == Kind::kPut) absl::StrAppend(&out, " v", action.value);
  if (action.request > 0) absl::StrAppend(&out, " as request ", action.request);
  if (action.token == TokenUse::kLastRead) out += " with the token last read";
  if (action.token == TokenUse::kOfOtherKey) out += " with a token of another key";
  return out;
}

Plan make_plan(std::uint64_t seed) {
  Rng rng = stream(seed, "shape");
  Plan plan;
  plan.seed = seed;
  plan.cluster = make_cluster(rng, seed);
  plan.clients = static_cast<std::uint32_t>(1 + rng.below(5));
  plan.keys = static_cast<std::uint32_t>(1 + rng.below(rng.below(3) == 0 ? 60 : 12));
  plan.chaos_ms = rng.between(2'000, 40'000);
  plan.policies = make_policies(seed);
  Rng ttl = stream(seed, "ttl");
  if (ttl.below(3) == 0) plan.max_ttl_ms = ttl.between(1, 20'000);
  plan.sessions = stream(seed, "sessions").below(3) == 0;
  Rng watch = stream(seed, "watch");
  plan.watchers = watch.below(3) == 0;
  plan.cluster.kept_changes = !plan.watchers ? 0 : watch.below(2) == 0 ? 1 + watch.below(60) : 2000;
  // What is logged and cut in one commit the model of what watchers are told of does not see.
  if (plan.watchers) plan.cluster.core.max_log_entries = CoreOptions{}.max_log_entries;
  plan.history = plan.max_ttl_ms == 0 && stream(seed, "history").below(2) == 0;
  Rng repair = stream(seed, "repair");
  plan.cluster.core.repair_bytes_per_s = repair.below(3) == 0 ? repair.between(1, 200) : 1 << 20;
  Rng scrub = stream(seed, "scrub");
  if (scrub.below(3) == 0)
    plan.cluster.core.scrub = {.bytes_per_s = scrub.between(1'000, 1'000'000),
                               .range_bytes = 1 + scrub.below(scrub.below(2) == 0 ? 300 : 100'000),
                               .pause_ms = scrub.between(20, 500),
                               .reply_timeout_ms = scrub.between(50, 3000)};
  Rng maintenance = stream(seed, "maintenance");
  if (maintenance.below(2) == 0)
    plan.cluster.core.maintenance_interval_ms = maintenance.between(20, 1000);
  Rng remembered = stream(seed, "remembered");
  if (remembered.below(2) == 0) plan.cluster.core.max_remembered = 64 + remembered.below(500);
  const Weights weights = make_weights(rng);
  // Drawn one after the other: compilers differ in which argument they evaluate first.
  const std::int64_t fault_ms = rng.between(50, 2000);
  const std::int64_t operation_ms = rng.between(2, 40);
  fill(plan, weights, operation_ms, fault_ms);
  add_requests(plan);
  return plan;
}

Plan make_reference_plan(std::uint64_t seed) {
  Plan plan;
  plan.seed = seed;
  plan.cluster.seed = seed;
  plan.chaos_ms = 300'000;
  plan.keys = 100;
  plan.cluster.kept_changes = 0;  // nobody watches
  Weights weights{};
  for (const Kind kind : {Kind::kCut, Kind::kIsolate, Kind::kCrash, Kind::kPowerLoss, Kind::kLossy,
                          Kind::kPause, Kind::kClockJump})
    weights[index(kind)] = 1;
  for (const Kind kind : {Kind::kHeal, Kind::kStartAll}) weights[index(kind)] = 5;
  weights[index(Kind::kPut)] = weights[index(Kind::kGet)] = 45;
  weights[index(Kind::kDelete)] = 10;
  fill(plan, weights, 10, 2000);
  return plan;
}

std::string describe(const Plan& plan) {
  const ClusterOptions& c = plan.cluster;
  const ReplicationOptions& r = c.core.replication;
  return absl::StrCat(
      "seed ", plan.seed, ": ", c.shards.size(), " nodes, N=", c.n, ", ", c.partitions,
      " partitions, ", plan.keys, " keys (", absl::StrJoin(plan.policies, " "), "), ", plan.clients,
      plan.sessions ? " clients with sessions, " : " clients, ",
      plan.watchers ? absl::StrCat("watchers of ", c.kept_changes, " commits, ") : "",
      plan.history ? "their history judged, " : "", plan.chaos_ms, " ms of chaos; skew limit ",
      c.core.max_clock_skew_ms, " ms, sync interval ", c.core.sync_interval_ms, " ms, at most ",
      c.core.max_pending, " pending, ", c.core.max_log_entries, " log entries, window ",
      r.max_in_flight_bytes, " B, pages ", r.page.bytes, " B and ", r.page.dots, " dots, overdue ",
      r.overdue_ms, " ms, probes ", r.probe_interval_ms, " ms, repairs ", c.core.repair_bytes_per_s,
      " B/s, ", c.core.max_remembered, " forwards remembered, requests known for ",
      c.core.requests.window_ms, " ms, at most ", c.core.requests.most,
      c.core.scrub.bytes_per_s == 0
          ? ""
          : absl::StrCat(", scrub of ", c.core.scrub.bytes_per_s, " B/s, ranges of ",
                         c.core.scrub.range_bytes, " B every ", c.core.scrub.pause_ms, " ms"));
}

}  // namespace kv::sim
