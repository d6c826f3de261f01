#include "jepsen-style-tests/process/jepsen/suite.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <chrono>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <vector>

#include "jepsen-style-tests/faults/schedule.h"
#include "jepsen-style-tests/process/harness/place.h"
#include "jepsen-style-tests/process/harness/process.h"
#include "jepsen-style-tests/process/jepsen/planted_bugs.h"
#include "jepsen-style-tests/workloads/workload.h"

namespace kv::jepsen {
namespace {

namespace fs = std::filesystem;

constexpr int kGood = 0;
constexpr int kViolated = 1;
constexpr int kUsage = 2;
constexpr int kNotAllowed = 4;
constexpr std::uint32_t kAttempts = 3;  // runs in which a planted bug must be found

struct Pair {
  std::string workload{};
  std::vector<std::string> nemeses{};
  std::int64_t seconds = 0;
  std::uint32_t nodes = 3;
};

const std::vector<Pair> kCi{
    {"registers", {"isolate", "kill"}, 16},
    {"registers-any-level", {"one-way", "delay"}, 16},
    {"siblings", {"halves", "power-loss"}, 16},
    {"counter", {"kill-all", "reset"}, 16},
    {"counter-requests", {"isolate", "reset"}, 10},
    {"append", {"crash-loop", "loss"}, 16},
    {"delete", {"wipe", "flapping"}, 16},
    {"delete", {"roll-back", "duplicate"}, 16},
    {"mixed", {"majority-ring", "kill"}, 16, 5},
    {"batch", {"swizzle", "slow-link"}, 16},
    {"hot-key", {"clock"}, 16},
    {"large", {"disk-full", "read-errors"}, 16},
    {"durable", {"blackout"}, 16},
    {"durable", {"sync-errors", "slow-disk"}, 16},
    {"registers", {"bit-flips"}, 16},
    {"set", {"half-open", "power-loss"}, 16},
    {"sessions", {"client-cut", "kill"}, 16},
    {"expiry", {"pause", "kill"}, 16},
    {"watch", {"halves", "kill"}, 10},
    {"registers", {"surge", "memory-limit"}, 16},
};

// Every workload under every nemesis, and some under two at once.
std::vector<Pair> nightly() {
  constexpr std::int64_t kSeconds = 60;
  std::vector<Pair> pairs;
  for (const workload::Workload& workload : workload::all()) {
    for (const fault::Nemesis& nemesis : fault::all())
      pairs.push_back({workload.name, {nemesis.name}, kSeconds, pairs.size() % 3 == 2 ? 5U : 3U});
    pairs.push_back({workload.name, {"halves", "kill", "pause"}, kSeconds, 5});
    pairs.push_back({workload.name, {"isolate", "wipe", "clock"}, kSeconds, 3});
  }
  return pairs;
}

std::string title(const Pair& pair) {
  return absl::StrCat(pair.workload, " with ",
                      pair.nemeses.empty() ? "none" : absl::StrJoin(pair.nemeses, ","));
}

e2e::Command command_of(const Pair& pair, std::uint64_t seed, const fs::path& folder) {
  e2e::Command command{.argv = {fs::read_symlink("/proc/self/exe"), "run", pair.workload, "--time",
                                std::to_string(pair.seconds), "--seed", std::to_string(seed),
                                "--nodes", std::to_string(pair.nodes), "--out", folder}};
  if (!pair.nemeses.empty()) {
    command.argv.emplace_back("--nemesis");
    command.argv.push_back(absl::StrJoin(pair.nemeses, ","));
  }
  return command;
}

e2e::Result run_pair(const Pair& pair, const e2e::Command& command) {
  // Mending, convergence, reading and judging take their time on a busy machine.
  try {
    return e2e::run(command, std::chrono::seconds(3 * pair.seconds + 300));
  } catch (const std::runtime_error& endless) {
    return {.code = kViolated, .err = absl::StrCat(endless.what(), "\n")};
  }
}

fs::path folder_or(const fs::path& folder, const char* name) {
  if (!folder.empty()) return fs::absolute(folder);
  return fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "jepsen" / name;
}

nlohmann::json summary_of(const fs::path& folder) {
  return nlohmann::json::parse(e2e::read_file(folder / "summary.json"), nullptr, false);
}

std::uint64_t acknowledged_in(const fs::path& folder) {
  const nlohmann::json summary = summary_of(folder);
  return summary.is_object() ? summary.at("acknowledged").get<std::uint64_t>() : 0;
}

}  // namespace

int run_suite(const SuiteOptions& options) {
  if (options.name != "ci" && options.name != "nightly") {
    std::cerr << "jepsen: no suite \"" << options.name << "\"; there are ci and nightly\n";
    return kUsage;
  }
  std::vector<Pair> pairs = options.name == "ci" ? kCi : nightly();
  if (options.first >= pairs.size()) {
    std::cerr << "jepsen: no run " << options.first << "; " << options.name << " has "
              << pairs.size() << ", counted from 0\n";
    return kUsage;
  }
  const fs::path folder = folder_or(options.folder, options.name.c_str());
  std::size_t good = 0;
  std::size_t left_out = 0;
  std::size_t wanted = 0;
  std::uint64_t acknowledged = 0;
  for (std::size_t i = options.first; i < pairs.size(); i += options.every) {
    ++wanted;
    if (options.seconds > 0) pairs[i].seconds = options.seconds;
    const fs::path own =
        folder / absl::StrCat(pairs[i].workload, "-", absl::StrJoin(pairs[i].nemeses, "+"));
    const e2e::Result result = run_pair(pairs[i], command_of(pairs[i], options.seed + i, own));
    if (result.code == kNotAllowed) {
      ++left_out;
      std::cout << "left out: " << title(pairs[i]) << ": " << result.err << std::flush;
      continue;
    }
    good += result.code == kGood ? 1 : 0;
    acknowledged += acknowledged_in(own);
    std::cout << result.out << result.err;
    if (result.code != kGood)
      std::cout << "repeat: "
                << absl::StrJoin(command_of(pairs[i], options.seed + i, own).argv, " ") << "\n";
    std::cout << std::flush;
  }
  std::cout << options.name << ": " << good << " of " << wanted - left_out << " runs good, "
            << left_out << " left out; " << acknowledged << " operations acknowledged\n";
  return good + left_out == wanted ? kGood : kViolated;
}

namespace {

// Whether the run says that something is violated, and what.
std::string found_in(const e2e::Result& result, const fs::path& folder) {
  if (result.code != kViolated) return "";
  const nlohmann::json summary = summary_of(folder);
  if (!summary.is_object()) return "";
  return absl::StrJoin(summary.at("violated").get<std::vector<std::string>>(), ", ");
}

e2e::Result run_with_bug(const Pair& pair, const std::string& bug, std::uint64_t seed,
                         const fs::path& folder) {
  e2e::Command command = command_of(pair, seed, folder);
  command.argv.emplace_back("--kvnode");
  command.argv.push_back(fs::read_symlink("/proc/self/exe").parent_path() / "kvnode_planted");
  command.env["KV_PLANTED_BUG"] = bug;
  return run_pair(pair, command);
}

Pair pair_of(const PlantedBug& bug) { return {bug.workload, bug.nemeses, bug.seconds, 3}; }

bool look_for(const PlantedBug& bug, const SuiteOptions& options, const fs::path& folder) {
  for (std::uint32_t attempt = 0; attempt < kAttempts; ++attempt) {
    const std::uint64_t seed = options.seed + attempt;
    const e2e::Result result = run_with_bug(pair_of(bug), bug.name, seed, folder / bug.name);
    const std::string found = found_in(result, folder / bug.name);
    if (!found.empty()) {
      std::cout << "found: " << bug.name << " by " << title(pair_of(bug)) << ", seed " << seed
                << ": " << found << std::endl;
      return true;
    }
    if (result.code != kGood) {
      std::cout << "no run: " << bug.name << ": " << result.err << std::endl;
      return false;
    }
  }
  std::cout << "NOT FOUND: " << bug.name << " by " << title(pair_of(bug)) << " in " << kAttempts
            << " runs" << std::endl;
  return false;
}

}  // namespace

int run_planted(const SuiteOptions& options) {
  const fs::path folder = folder_or(options.folder, "planted");
  std::size_t looked_for = 0;
  std::size_t found = 0;
  std::map<std::string, Pair> pairs;  // by their titles
  for (const PlantedBug& bug : planted_bugs()) {
    if (!options.name.empty() && bug.name != options.name) continue;
    ++looked_for;
    found += look_for(bug, options, folder) ? 1 : 0;
    pairs.emplace(title(pair_of(bug)), pair_of(bug));
  }
  if (looked_for == 0) {
    std::cerr << "jepsen: no planted bug \"" << options.name << "\" is looked for\n";
    return kUsage;
  }
  std::size_t good = 0;
  for (const auto& [name, pair] : pairs) {
    const e2e::Result result = run_with_bug(pair, "none", options.seed, folder / "none");
    good += result.code == kGood ? 1 : 0;
    std::cout << "without a bug: " << result.out << result.err << std::flush;
  }
  std::cout << found << " of " << looked_for << " planted bugs found; " << good << " of "
            << pairs.size() << " runs without a bug good\n";
  return found == looked_for && good == pairs.size() ? kGood : kViolated;
}

}  // namespace kv::jepsen
