// One plan, run in a process of its own: an assertion that fails there is a finding, not the end of everything.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "jepsen-style-tests/simulation/run.h"
#include "node/base/simulation.h"

namespace kv::sim {

struct TrialResult {
  Outcome outcome;
  std::array<std::uint64_t, simulation::kMarks> marks{};
  double cpu_s = 0;
};

// Waits for it.
TrialResult try_plan(const Plan& plan, bool with_transcript);

// Runs plans on `jobs` processes at once: asks `next` for plans until it returns false, and hands each result to `done`, in
// the order in which they end.
void try_plans(std::size_t jobs, const std::function<bool(Plan&)>& next,
               const std::function<void(const Plan&, const TrialResult&)>& done);

// The shortest plan found (delta debugging, Zeller and Hildebrandt 2002) that still violates `check`.
Plan shrink(Plan plan, Check check);

}  // namespace kv::sim
