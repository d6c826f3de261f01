// Many runs, one after the other: suites that must be good, and planted bugs that must be found.
//
// Each run is a process of its own, because each enters namespaces of its own. Progress goes to standard output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace kv::jepsen {

struct SuiteOptions {
  std::string name{};        // ci or nightly; of planted bugs: the only bug to look for, or empty
  std::uint64_t seed = 1;    // of the first run; each has its own
  std::int64_t seconds = 0;  // of faults in each run; 0: what the suite says
  std::size_t first = 0;     // of the suite's runs, counted from 0
  std::size_t every = 1;     // only each so many-th from there; at least 1
  std::filesystem::path folder{};
};

// 0: every run that this machine can do was good; it is said which it cannot do. 1: a run was not. 2: no such suite.
int run_suite(const SuiteOptions& options);

// 0: every bug was found, and the same program without a bug is good. `folder` of the options is used, and `name`.
int run_planted(const SuiteOptions& options);

}  // namespace kv::jepsen
