#include "jepsen-style-tests/simulation/commands.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "jepsen-style-tests/simulation/coverage.h"
#include "jepsen-style-tests/simulation/transcript.h"
#include "jepsen-style-tests/simulation/trial.h"

namespace kv::sim {
namespace {

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

void report(const Plan& plan, const Violations& violations) {
  absl::PrintF("\nVIOLATED by %s\n", describe(plan));
  for (const auto& [check, found] : violations.found())
    absl::PrintF("  %s (%s), at %d ms: %s\n", std::string(name_of(check)),
                 std::string(text_of(check)), found.at_ms, found.text);
  std::fflush(stdout);
}

void print_shortened(const Plan& plan, Check check) {
  const Plan shorter = shrink(plan, check);
  const TrialResult result = try_plan(shorter, true);
  absl::PrintF("Shortened from %d to %d actions; `simulate seed %d` replays the whole.\n",
               plan.actions.size(), shorter.actions.size(), plan.seed);
  if (result.outcome.transcript.empty())  // it died
    for (const Action& action : shorter.actions)
      absl::PrintF("  %d ms  %s\n", action.at_ms, to_string(action));
  for (const std::string& line : result.outcome.transcript) absl::PrintF("  %s\n", line);
  std::fflush(stdout);
}

std::uint64_t seed_of_the_day() {
  const std::time_t now = std::time(nullptr);
  std::tm day{};
  gmtime_r(&now, &day);
  return static_cast<std::uint64_t>(((day.tm_year + 1900) * 100 + day.tm_mon + 1) * 100 +
                                    day.tm_mday) *
         1'000'000;
}

std::vector<std::uint64_t> read_kept(const std::string& file) {
  std::ifstream in(file);
  if (!in) absl::FPrintF(stderr, "simulate: cannot read %s\n", file);
  std::vector<std::uint64_t> seeds;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    if (std::uint64_t seed = 0; words >> seed) seeds.push_back(seed);
  }
  return seeds;
}

// How one planted bug fared.
struct Hunt {
  std::uint64_t tried = 0;
  std::uint64_t catches = 0;
  std::uint64_t first_catch = 0;
  bool in_transcript = false;
  std::map<Check, std::uint64_t> caught_by;

  bool missed() const { return catches == 0 && !in_transcript; }
};

// The seeds from 1 on, and at last those that once found something. Of a bug that a transcript shows it is known already that it
// can be caught, and a quarter of the seeds has to do.
Hunt hunt(simulation::Bug bug, std::uint64_t max_seeds, std::size_t jobs,
          const std::vector<std::uint64_t>& kept, const std::string& transcripts) {
  constexpr std::uint64_t kCatchesWanted = 3;
  Hunt found;
  std::uint64_t begun = 0;
  simulation::planted = bug;
  found.in_transcript = transcripts_differ(transcripts);
  if (found.in_transcript) max_seeds /= 4;
  try_plans(
      jobs,
      [&](Plan& plan) {
        if (found.catches >= (begun < max_seeds ? kCatchesWanted : 1)) return false;
        if (begun == max_seeds + kept.size()) return false;
        plan = make_plan(begun < max_seeds ? begun + 1 : kept[begun - max_seeds]);
        ++begun;
        return true;
      },
      [&](const Plan&, const TrialResult& result) {
        ++found.tried;
        if (result.outcome.violations.empty()) return;
        if (found.catches++ == 0) found.first_catch = found.tried;
        for (const auto& [check, unused] : result.outcome.violations.found())
          ++found.caught_by[check];
      });
  simulation::planted = simulation::Bug::kCount;
  return found;
}

void print_hunt(const std::string& bug, const Hunt& found, std::string_view text) {
  std::string by;
  for (const auto& [check, count] : found.caught_by)
    absl::StrAppend(&by, " ", std::string(name_of(check)), "(", count, ")");
  if (found.in_transcript && found.catches == 0)
    absl::PrintF("%-24s caught by a transcript, and by none of %d seeds\n", bug, found.tried);
  else if (found.missed())
    absl::PrintF("%-24s NOT CAUGHT in %d seeds: %s\n", bug, found.tried, std::string(text));
  else
    absl::PrintF("%-24s caught after %4d seeds, by%s\n", bug, found.first_catch, by);
  std::fflush(stdout);
}

// `only_by`: by check, the bugs that no other check caught.
void print_sole_catchers(const std::map<Check, std::string>& only_by) {
  std::puts("Checks that alone catch some bug:");
  for (const auto& [check, bugs] : only_by)
    absl::PrintF("  %-24s%s\n", std::string(name_of(check)), bugs);
  absl::PrintF("%d of %d checks are the only ones to catch some bug\n", only_by.size(), kChecks);
  for (std::size_t i = 0; i < kChecks; ++i)
    if (const auto check = static_cast<Check>(i); !only_by.contains(check))
      absl::PrintF("never alone: %s\n", std::string(name_of(check)));
}

void print_entry(std::string_view name, std::string_view text) {
  absl::PrintF("%-26s %s\n", std::string(name), std::string(text));
}

}  // namespace

int run_seeds(const RunOptions& options) {
  const std::uint64_t first = options.first != 0 ? options.first : seed_of_the_day();
  absl::PrintF("seeds from %d\n", first);
  std::fflush(stdout);
  Coverage coverage;
  std::vector<std::pair<Plan, Check>> failed;
  const auto started = std::chrono::steady_clock::now();
  std::uint64_t next_seed = first;
  try_plans(
      options.jobs,
      [&](Plan& plan) {
        const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - started;
        if (options.seeds > 0 && next_seed - first >= options.seeds) return false;
        if (options.seconds > 0 && passed.count() >= options.seconds) return false;
        if (failed.size() >= 3) return false;
        plan = make_plan(next_seed++);
        return true;
      },
      [&](const Plan& plan, const TrialResult& result) {
        coverage.add(plan, result);
        const Violations& violations = result.outcome.violations;
        if (violations.empty()) return;
        failed.emplace_back(plan, violations.found().begin()->first);
        report(plan, violations);
      });
  print(coverage.speed() + coverage.details());
  if (!failed.empty()) print_shortened(failed.front().first, failed.front().second);
  const bool missed = options.all_marks && !coverage.all_marks_reached();
  if (missed) std::puts("a mark was never reached: those branches were not tested");
  return failed.empty() && !missed ? 0 : 1;
}

int run_kept(const std::string& file, std::size_t jobs) {
  const std::vector<std::uint64_t> seeds = read_kept(file);
  Coverage coverage;
  std::size_t next = 0;
  try_plans(
      jobs,
      [&](Plan& plan) {
        if (next == seeds.size()) return false;
        plan = make_plan(seeds[next++]);
        return true;
      },
      [&](const Plan& plan, const TrialResult& result) {
        coverage.add(plan, result);
        if (result.outcome.violations.empty()) return;
        report(plan, result.outcome.violations);
      });
  absl::PrintF("%d kept seeds, %d failed\n", coverage.seeds(), coverage.failed());
  return coverage.failed() == 0 && coverage.seeds() > 0 ? 0 : 1;
}

// Seeds differ by a factor of two: the longer all nodes are up, the more there is to do.
int run_reference(const RunOptions& options) {
  const std::uint64_t first = options.first == 0 ? 1 : options.first;
  const std::uint64_t seeds = options.seeds == 0 ? 10 : options.seeds;
  Coverage coverage;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const Plan plan = make_reference_plan(seed);
    const TrialResult result = try_plan(plan, false);
    coverage.add(plan, result);
    if (!result.outcome.violations.empty()) report(plan, result.outcome.violations);
  }
  print("3 nodes, 100 operations a second, faults on:\n" + coverage.speed());
  return static_cast<int>(coverage.failed());
}

int replay_seed(std::uint64_t seed, bool shorten, bool hash_only) {
  const Plan plan = make_plan(seed);
  const TrialResult result = try_plan(plan, !hash_only);
  const Violations& violations = result.outcome.violations;
  if (hash_only) {
    absl::PrintF("%d %016x\n", seed, result.outcome.trace);
    return violations.empty() ? 0 : 1;
  }
  absl::PrintF("%s\n", describe(plan));
  for (const std::string& line : result.outcome.transcript) absl::PrintF("%s\n", line);
  absl::PrintF("trace %016x\n", result.outcome.trace);
  if (violations.empty()) return 0;
  report(plan, violations);
  if (shorten) print_shortened(plan, violations.found().begin()->first);
  return 1;
}

int find_planted(const std::string& name, std::uint64_t max_seeds, std::size_t jobs,
                 const std::string& kept_file, const std::string& transcripts) {
  const std::vector<std::uint64_t> kept = read_kept(kept_file);
  std::map<Check, std::string> only_by;  // the bugs that no other check catches
  std::size_t missed = 0;
  std::size_t known = 0;
  for (std::size_t bug = 0; bug < simulation::kBugs; ++bug) {
    const std::string bug_name(simulation::kBugNames[bug]);
    if (!name.empty() && name != bug_name) continue;
    ++known;
    const Hunt found = hunt(static_cast<simulation::Bug>(bug), max_seeds, jobs, kept, transcripts);
    print_hunt(bug_name, found, simulation::kBugTexts[bug]);
    missed += found.missed() ? 1U : 0U;
    if (found.caught_by.size() == 1)
      absl::StrAppend(&only_by[found.caught_by.begin()->first], " ", bug_name);
  }
  if (known == 0) {
    absl::FPrintF(stderr, "simulate: no planted bug is called '%s'; `simulate planted` tries all\n",
                  name);
    return 2;
  }
  if (!name.empty()) return missed == 0 ? 0 : 1;
  absl::PrintF("\n%d planted bugs, %d not caught\n", known, missed);
  print_sole_catchers(only_by);
  return missed == 0 ? 0 : 1;
}

int list_marks() {
  for (std::size_t i = 0; i < simulation::kMarks; ++i)
    print_entry(simulation::kMarkNames[i], simulation::kMarkTexts[i]);
  std::puts("\nPlanted bugs:");
  for (std::size_t i = 0; i < simulation::kBugs; ++i)
    print_entry(simulation::kBugNames[i], simulation::kBugTexts[i]);
  std::puts("\nChecks:");
  for (std::size_t i = 0; i < kChecks; ++i)
    print_entry(name_of(static_cast<Check>(i)), text_of(static_cast<Check>(i)));
  return 0;
}

}  // namespace kv::sim
