// What many runs have covered: how many of which shape, what was done to them, which rare situations came up.
// Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "jepsen-style-tests/simulation/trial.h"

namespace kv::sim {

class Coverage {
 public:
  void add(const Plan& plan, const TrialResult& result);

  std::uint64_t seeds() const { return seeds_; }
  std::uint64_t failed() const { return failed_; }
  bool all_marks_reached() const;

  std::string speed()
      const;  // one line: seeds, hours simulated, and how many for an hour of a core
  std::string details()
      const;  // lines: operations, faults, policies, shapes, marks, each with how often

 private:
  using Counts = std::map<std::uint64_t, std::uint64_t>;  // by value, how many seeds had it

  std::string convergence() const;
  std::string marks() const;

  std::uint64_t seeds_ = 0;
  std::uint64_t failed_ = 0;
  double simulated_h_ = 0;
  double cpu_s_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::array<std::uint64_t, kKinds> done_{};
  std::array<std::uint64_t, simulation::kMarks> marks_{};
  std::map<std::string, std::uint64_t> policies_;  // how many seeds had it
  Counts nodes_;
  Counts replicas_;
  Counts partitions_;
  std::vector<double> equal_after_ms_;         // of those that became equal
  std::vector<double> equal_after_intervals_;  // the same, in probe intervals of the seed
  std::uint64_t with_sessions_ = 0;
  std::uint64_t with_expiry_ = 0;
};

}  // namespace kv::sim
