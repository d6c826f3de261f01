// What one seed makes: a cluster's shape, and everything that will be done to it.
//
// A plan is data. It is made whole before anything runs, so that a failing one can be shortened by leaving actions out, and
// what is left still does the same at the same times.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "node/core/testing/cluster.h"

namespace kv::sim {

enum class Kind : std::uint8_t {
  // What clients do.
  kPut,
  kDelete,
  kGet,
  kScan,
  // Network.
  kCut,
  kIsolate,
  kHalves,
  kOneWay,
  kClog,
  kUnclog,
  kSlowLink,
  kLossy,
  kReplay,
  kFlap,
  kSwizzle,
  kHeal,
  // Processes.
  kCrash,
  kCrashAll,
  kStop,
  kPause,
  kStart,
  kStartDies,
  kStartAll,
  // Disks.
  kPowerLoss,
  kPowerLossAll,
  kWipe,
  kBackup,
  kRestore,
  kRollBack,
  kSwap,
  kCopy,
  kSlowDisk,
  kReadErrors,
  kCommitErrors,
  kSyncErrors,
  kDiskFull,
  kDiskWell,
  kRot,
  // Clocks.
  kClockJump,
  kClockDrift,
  kCount
};
constexpr std::size_t kKinds = static_cast<std::size_t>(Kind::kCount);
constexpr std::size_t kFirstFault = static_cast<std::size_t>(Kind::kCut);

std::string_view to_string(Kind kind);

// Which token a write sends.
enum class TokenUse : std::uint8_t { kNone, kLastRead, kOfOtherKey };

struct Action {
  std::int64_t at_ms = 0;
  Kind kind = Kind::kPut;
  std::uint32_t node = 0;
  std::uint32_t other = 0;  // a second node, or a bit per node
  std::uint32_t client = 0;
  std::uint32_t key = 0;
  std::uint64_t value = 0;    // a put's, unique in the plan but for attempts of one request
  std::uint64_t request = 0;  // attempts of one request have the same; 0: a write without an id
  Level level = Level::kQuorum;
  Durability durability = Durability::kOs;
  TokenUse token = TokenUse::kNone;
  std::int64_t amount = 0;  // a timeout, a duration, an offset in ms; permille; bytes
};

std::string to_string(const Action& action);

struct Plan {
  std::uint64_t seed = 0;
  ClusterOptions cluster;
  std::uint32_t clients = 4;
  std::uint32_t keys = 12;
  std::int64_t max_ttl_ms = 0;  // a share of the puts expires within this time; 0: none does
  std::vector<std::string> policies{""};  // what the names of keys begin with, in turn; "" is lww
  bool watchers = false;                  // whether somebody watches each node
  bool sessions = false;                  // whether the clients' gets, puts and deletes carry one
  bool history = false;                   // whether the run is judged by what its clients saw, too
  std::int64_t chaos_ms = 20'000;
  std::vector<Action> actions;  // ascending in time
};

// Which kinds a plan may contain, each with a weight; 0 switches it off.
using Weights = std::array<std::uint32_t, kKinds>;

// A swarm (Groce et al., "Swarm Testing", ISSTA 2012): each seed switches kinds of fault and operation off at random and
// draws every limit and timeout anew, so that rare branches become common in some seeds.
Plan make_plan(std::uint64_t seed);

// The load that speed is stated for: 3 nodes, 100 operations a second, faults on.
Plan make_reference_plan(std::uint64_t seed);

std::string describe(const Plan& plan);  // its shape, without the actions

}  // namespace kv::sim
