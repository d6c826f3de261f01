// One run: a cluster, a workload, nemeses; then everything is mended, must become equal, and is read and judged.
//
// Leaves a folder with history.jsonl, verdict.txt, plot.svg, config.toml and each node's log. To be called from the main
// thread before any other has been started: the run enters namespaces of its own. Errors of the machine are thrown.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "jepsen-style-tests/checkers/verdict.h"
#include "jepsen-style-tests/process/jepsen/crowd.h"
#include "jepsen-style-tests/workloads/workload.h"

namespace kv::jepsen {

struct RunOptions {
  std::string workload{};
  std::vector<std::string> nemeses{};
  std::uint64_t seed = 1;
  std::int64_t seconds = 60;  // of faults
  std::int64_t round_seconds =
      30;                   // after so much of it everything is mended and must become equal
  std::uint32_t nodes = 3;  // 3 to 5
  CrowdOptions crowd{};
  std::filesystem::path folder{};  // of the results; empty: one in the build folder, by what is run
  std::string binary{};            // kvnode
  bool keep_data = false;
};

// What is printed of a run is this, and the evidence.
struct RunResult {
  bool good = false;
  std::uint64_t acknowledged = 0;
  std::uint64_t refused = 0;
  std::uint64_t unknown = 0;
  std::size_t faults = 0;
  std::string text{};  // verdict and evidence, for people
};

// Thrown by run: this machine, or this user, cannot do what the nemeses need. Says what is missing.
struct NotPossible : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Preconditions: the workload and all nemeses exist.
RunResult run(const RunOptions& options);

}  // namespace kv::jepsen
