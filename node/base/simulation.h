// What only a simulation sees: rare situations that it must reach, and bugs that it must find.
//
// KV_MARK(kName) names a rare branch; a long simulation in which a mark was never reached has not tested that branch.
// KV_PLANTED(kName) is true while that defect is switched on: the code beside it is wrong on purpose, and proves that some
// check can see it. Both exist only where KV_SIMULATION is defined, which the node's own build never does: there a mark is
// nothing and a planted bug is the constant false. KV_ISSUED(delta) tells a simulation of a write, likewise.
//
// Neither stands in a header, nor does anything else that differs between the two builds: so whatever is around the core is
// compiled once, and may be linked with either (kvnode_planted is: jepsen-style-tests/process).
//
// Threads: `planted` is set before any starts. Marks may be reached by several, who may then lose a count; a simulation runs
// in one.
#pragma once

#ifdef KV_SIMULATION

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "node/base/simulation_lists.h"

namespace kv {
struct Delta;
}

namespace kv::simulation {

#define KV_ENUMERATE(name, text) name,
#define KV_NAME(name, text) std::string_view(#name).substr(1),
#define KV_TEXT(name, text) text,

enum class Mark : std::size_t { KV_MARKS(KV_ENUMERATE) kCount };
enum class Bug : std::size_t { KV_PLANTED_BUGS(KV_ENUMERATE) kCount };

constexpr std::size_t kMarks = static_cast<std::size_t>(Mark::kCount);
constexpr std::size_t kBugs = static_cast<std::size_t>(Bug::kCount);

constexpr std::array<std::string_view, kMarks> kMarkNames{KV_MARKS(KV_NAME)};
constexpr std::array<std::string_view, kMarks> kMarkTexts{KV_MARKS(KV_TEXT)};
constexpr std::array<std::string_view, kBugs> kBugNames{KV_PLANTED_BUGS(KV_NAME)};
constexpr std::array<std::string_view, kBugs> kBugTexts{KV_PLANTED_BUGS(KV_TEXT)};

#undef KV_ENUMERATE
#undef KV_NAME
#undef KV_TEXT

inline std::array<std::uint64_t, kMarks> marks_reached{};
inline Bug planted = Bug::kCount;  // at most one at a time

// Whoever wants to hear of each write that a replica issues, before it is committed.
inline std::function<void(const Delta&)> on_issued;

// No cheaper for a plain integer: not one atomic addition, but a load and a store.
inline void reach(Mark mark) {
  const std::atomic_ref<std::uint64_t> count(marks_reached[static_cast<std::size_t>(mark)]);
  count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// How often, since the process started.
inline std::uint64_t reached(Mark mark) { return marks_reached[static_cast<std::size_t>(mark)]; }

}  // namespace kv::simulation

#define KV_MARK(name) ::kv::simulation::reach(::kv::simulation::Mark::name)
// The code of planted bugs stands out of the way of what is run: what a turn of the core costs is above all its misses of the
// instruction cache.
#define KV_PLANTED(name)                                                                       \
  (__builtin_expect_with_probability(::kv::simulation::planted == ::kv::simulation::Bug::name, \
                                     false, 1.0) != 0)
#define KV_ISSUED(delta)                                                 \
  do {                                                                   \
    if (::kv::simulation::on_issued) ::kv::simulation::on_issued(delta); \
  } while (false)

#else

#define KV_MARK(name) static_cast<void>(0)
#define KV_PLANTED(name) false
#define KV_ISSUED(delta) static_cast<void>(0)

#endif
