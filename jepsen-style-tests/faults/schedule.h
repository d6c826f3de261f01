// Faults, and when they happen: a schedule is drawn from a seed before the run, so that the same seed hurts in the same way.
//
// A *nemesis* is a kind of trouble with a name; it makes *spells*, each a fault of some nodes with a begin and an end. Spells of
// several nemeses overlap as they fall. Pure; carrying them out is the runner's business.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jepsen-style-tests/faults/link.h"

namespace kv::fault {

using Directions = std::set<std::pair<std::string, std::string>>;  // from, to

enum class Kind : std::uint8_t {
  kCut,       // what some nodes send does not reach some others
  kKill,      // SIGKILL at the begin, started at the end
  kStop,      // SIGTERM at the begin, started at the end
  kPause,     // SIGSTOP, SIGCONT
  kWipe,      // killed, its data deleted; started at the end
  kRollBack,  // killed, its data copied, started; at the end killed and started on the copy
  kCopy,  // killed, another node's data put in the place of its own: it must refuse to start; at the end, its own is back
  kSwap,  // the same of two nodes that are given each other's data
  kDiskFull,   // nothing more fits on its disk
  kClock,      // its wall clock is off by amount_ms
  kPowerLoss,  // killed, and what its disk had not synced is gone; started at the end
  kBitFlip,  // killed, some bits of a file flipped, which `amount` draws; started, and left to itself
  kReadErrors,   // reads of its disk fail
  kSyncErrors,   // syncs of its disk fail, at which it must end; started at the end
  kSlowDisk,     // reads and syncs take `amount` ms longer
  kMemoryLimit,  // it may take `amount` MiB more than it has
  kFileLimit,    // it may open `amount` more files
  kDrift,        // its wall clock gains `amount` ms a second
  kSurge,        // clients send `amount` times as much
  kLink          // what passes between some is hurt
};

struct Spell {
  std::int64_t begin_ms = 0;
  std::int64_t end_ms = 0;
  Kind kind = Kind::kCut;
  std::set<std::string> nodes{};  // all but kCut and kLink
  Directions cuts{};              // kCut
  Directions links{};             // kLink, and how they are hurt
  Link link{};
  std::int64_t amount = 0;
  std::string nemesis{};
};

// "n1,n2" or "n1>n2 n2>n1", with the amount if it has one.
std::string describe(const Spell& spell);

struct Nemesis {
  std::string name{};
  std::string text{};
  bool needs_network = false;  // namespaces, so root
  bool needs_mounts = false;
  bool needs_fake_clocks = false;  // the package libfaketime
  bool needs_bad_disks = false;    // process/bad_disk
};

const std::vector<Nemesis>& all();
const Nemesis* find(std::string_view name);  // null: none of that name

// Spells of all these nemeses, by their begin. All have ended by `duration_ms`, in which the first begins after about a second.
// `places`: where clients are; nemeses of clients do nothing where there are none.
// Preconditions: each name is one of all(); at least three nodes.
std::vector<Spell> draw(const std::vector<std::string>& nemeses,
                        const std::vector<std::string>& nodes, std::uint64_t seed,
                        std::int64_t duration_ms, const std::vector<std::string>& places = {});

}  // namespace kv::fault
