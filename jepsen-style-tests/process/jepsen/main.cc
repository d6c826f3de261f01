// jepsen: real nodes, real faults, checked histories.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <random>

#include "jepsen-style-tests/checkers/checkers.h"
#include "jepsen-style-tests/faults/schedule.h"
#include "jepsen-style-tests/history/history_codec.h"
#include "jepsen-style-tests/process/jepsen/clients.h"
#include "jepsen-style-tests/process/jepsen/run.h"
#include "jepsen-style-tests/process/jepsen/suite.h"

namespace kv::jepsen {
namespace {

// As kv has them; 1 stands for everything that is not as it should be.
constexpr int kViolated = 1;
constexpr int kUsage = 2;
constexpr int kNotAllowed = 4;

int list() {
  std::cout << "Workloads\n";
  for (const workload::Workload& workload : workload::all())
    std::cout << "  " << std::left << std::setw(22) << workload.name << workload.text << "\n";
  std::cout << "\nNemeses\n";
  for (const fault::Nemesis& nemesis : fault::all())
    std::cout << "  " << std::left << std::setw(22) << nemesis.name << nemesis.text
              << (nemesis.needs_network || nemesis.needs_mounts ? " (needs root)" : "") << "\n";
  std::cout << "\nDemands\n";
  for (std::size_t i = 0; i < static_cast<std::size_t>(check::Demand::kCount); ++i)
    std::cout << "  " << std::left << std::setw(22) << check::name_of(static_cast<check::Demand>(i))
              << check::text_of(static_cast<check::Demand>(i)) << "\n";
  return 0;
}

int check_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    std::cerr << "jepsen: cannot read " << path << "\n";
    return kUsage;
  }
  const auto history = history::read(file);
  if (!history.ok()) {
    std::cerr << "jepsen: " << path << ": " << history.status().message() << "\n";
    return kUsage;
  }
  const check::Verdict verdict = check::check(*history);
  std::cout << check::to_text(verdict);
  if (!history->complete)
    std::cout << "This history was cut short: only answers and availability have been checked.\n";
  std::cout << (verdict.good() ? "good" : "VIOLATED") << ": " << history->operations.size()
            << " operations\n";
  return verdict.good() ? 0 : kViolated;
}

std::uint64_t any_seed() { return std::random_device()() % 1'000'000; }

std::string beside(const char* name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

int run_one(RunOptions options) {
  if (workload::find(options.workload) == nullptr) {
    std::cerr << "jepsen: no workload \"" << options.workload << "\"; jepsen list names them\n";
    return kUsage;
  }
  for (const std::string& nemesis : options.nemeses)
    if (fault::find(nemesis) == nullptr) {
      std::cerr << "jepsen: no nemesis \"" << nemesis << "\"; jepsen list names them\n";
      return kUsage;
    }
  if (options.binary.empty()) options.binary = beside("kvnode");
  const RunResult result = run(options);
  std::cout << result.text;
  return result.good ? 0 : kViolated;
}

int main_or_throw(int argc, char** argv) {
  CLI::App app("Real nodes, real faults, checked histories.");
  app.require_subcommand(1);
  int code = 0;

  app.add_subcommand("list", "Workloads, nemeses, and what is demanded")->callback([&] {
    code = list();
  });

  RunOptions options{.seed = any_seed()};
  CLI::App* run = app.add_subcommand("run", "One workload under some nemeses");
  run->add_option("WORKLOAD", options.workload)->required();
  run->add_option("--nemesis", options.nemeses, "A,B: at the same time; default: none")
      ->delimiter(',');
  run->add_option("--time", options.seconds, "Seconds of faults; default 60")
      ->check(CLI::Range(1, 86400));

  run->add_option("--seed", options.seed, "The same seed hurts in the same way; default: any");
  run->add_option("--round", options.round_seconds,
                  "Mend all and compare after so many seconds; default 60")
      ->check(CLI::Range(1, 86400));
  run->add_option("--nodes", options.nodes, "3 to 5; default 3")->check(CLI::Range(3, 5));
  run->add_option("--clients", options.crowd.clients, "Default 10")->check(CLI::Range(1, 200));
  run->add_option("--rate", options.crowd.rate, "Calls a second; default 500")
      ->check(CLI::Range(1, 100'000));
  run->add_option("--out", options.folder, "The folder of the results");
  run->add_option("--kvnode", options.binary, "Another program than the kvnode beside this one");
  run->add_flag("--keep-data", options.keep_data, "Leave the nodes' data in the folder, too");
  run->callback([&] { code = run_one(options); });

  SuiteOptions suite_options{.seed = any_seed()};
  const auto add_suite_options = [](CLI::App* command, SuiteOptions& where, const char* seed_text) {
    command->add_option("--seed", where.seed, seed_text);
    command->add_option("--out", where.folder, "The folder of the results");
  };
  CLI::App* suite = app.add_subcommand("suite", "Many runs, which must all be good");
  suite
      ->add_option("NAME", suite_options.name,
                   "ci: some six minutes; nightly: every workload under every nemesis")
      ->required();
  suite->add_option("--time", suite_options.seconds, "Seconds of faults in each run")
      ->check(CLI::Range(1, 86400));
  suite->add_option("--first", suite_options.first, "Begin with this run, counted from 0");
  suite->add_option("--every", suite_options.every, "Only each so many-th run from there")
      ->check(CLI::Range(1, 1'000'000));
  add_suite_options(suite, suite_options, "Of the suite's run 0; default: any");
  suite->callback([&] { code = run_suite(suite_options); });

  SuiteOptions planted_options;
  CLI::App* planted = app.add_subcommand("planted", "Nodes with bugs, which must all be found");
  planted->add_option("NAME", planted_options.name, "Only this bug");
  add_suite_options(planted, planted_options, "Of the first run for each; default 1");
  planted->callback([&] { code = run_planted(planted_options); });

  // For itself: the clients of a run.
  app.add_subcommand("clients", "")->group("")->callback([&] { code = work_as_clients(); });

  std::string path;
  CLI::App* check = app.add_subcommand("check", "Checks a history again");
  check->add_option("HISTORY", path, "A run's history.jsonl")->required();
  check->callback([&] { code = check_file(path); });

  CLI11_PARSE(app, argc, argv);
  return code;
}

}  // namespace
}  // namespace kv::jepsen

int main(int argc, char** argv) {
  try {
    return kv::jepsen::main_or_throw(argc, argv);
  } catch (const kv::jepsen::NotPossible& problem) {
    std::cerr << "jepsen: " << problem.what() << "\n";
    return kv::jepsen::kNotAllowed;
  } catch (const std::exception& problem) {
    std::cerr << "jepsen: " << problem.what() << "\n";
    return kv::jepsen::kViolated;
  }
}
