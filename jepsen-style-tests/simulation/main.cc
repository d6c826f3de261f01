// simulate: whole clusters in virtual time, from one seed each.
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "jepsen-style-tests/simulation/commands.h"
#include "jepsen-style-tests/simulation/transcript.h"

namespace kv::sim {
namespace {

struct Arguments {
  RunOptions run;
  std::string kept;
  std::uint64_t seed = 0;
  bool hash_only = false;
  bool shorten = false;
  std::string bug;
  std::uint64_t max_seeds = 3000;
  std::string folder = KV_TRANSCRIPTS;
  bool rewrite = false;
  int code = 0;
};

void add_jobs(CLI::App* command, Arguments& arguments) {
  command->add_option("--jobs", arguments.run.jobs, "Processes at once; default: one per core")
      ->check(CLI::Range(1, 256));
}

void add_run(CLI::App& app, Arguments& a) {
  CLI::App* run = app.add_subcommand("run", "Fresh seeds, from the seed of the day on");
  run->add_option("--seconds", a.run.seconds, "Start no more seeds after this time; default 60");
  run->add_option("--seeds", a.run.seeds, "Start at most this many");
  run->add_option("--first", a.run.first, "The first seed; default: made of today's date");
  run->add_flag("--all-marks", a.run.all_marks, "Fail if a mark was never reached: for long runs");
  run->add_option("--kept", a.kept, "Run the seeds that this file lists, and no others");
  add_jobs(run, a);
  run->callback([&a] {
    if (a.run.seconds <= 0 && a.run.seeds == 0) a.run.seconds = 60;
    a.code = a.kept.empty() ? run_seeds(a.run) : run_kept(a.kept, a.run.jobs);
  });
}

void add_seed(CLI::App& app, Arguments& a) {
  CLI::App* seed = app.add_subcommand("seed", "One seed, with its transcript");
  seed->add_option("SEED", a.seed)->required();
  seed->add_flag("--hash", a.hash_only, "Print only the digest of everything that happened");
  seed->add_flag("--shorten", a.shorten, "If it fails, look for a shorter plan that fails so, too");
  seed->callback([&a] { a.code = replay_seed(a.seed, a.shorten, a.hash_only); });
}

void add_planted(CLI::App& app, Arguments& a) {
  CLI::App* planted = app.add_subcommand(
      "planted",
      "Switches planted bugs on, one after another: each must be caught. Tells which bugs each "
      "check alone caught");
  planted->add_option("NAME", a.bug, "Only this one");
  planted->add_option("--max-seeds", a.max_seeds, "Give up after so many; default 3000");
  add_jobs(planted, a);
  planted->callback(
      [&a] { a.code = find_planted(a.bug, a.max_seeds, a.run.jobs, KV_KEPT_SEEDS, a.folder); });
}

void add_others(CLI::App& app, Arguments& a) {
  CLI::App* transcripts =
      app.add_subcommand("transcripts", "Replays the scenarios in text, and compares their output");
  transcripts->add_option("FOLDER", a.folder, "Default: those of the source tree");
  transcripts->add_flag("--rewrite", a.rewrite, "Write what came out into the files, for review");
  transcripts->callback([&a] { a.code = run_transcripts(a.folder, a.rewrite); });
  CLI::App* reference = app.add_subcommand(
      "reference",
      "The load that speed is stated for: 3 nodes, 100 operations a second, faults on");
  reference->add_option("--first", a.run.first, "The first seed; default 1");
  reference->add_option("--seeds", a.run.seeds, "How many; default 10");
  reference->callback([&a] { a.code = run_reference(a.run); });
  app.add_subcommand("marks", "Lists the marks, the planted bugs and the checks")->callback([&a] {
    a.code = list_marks();
  });
}

}  // namespace
}  // namespace kv::sim

int main(int argc, char** argv) {
  CLI::App app{
      "Runs whole clusters in one thread and in virtual time, with every kind of fault, and checks "
      "every promise.\nExit codes: 0 ok; 1 something was violated, missed or not caught; 2 usage."};
  app.require_subcommand(1);
  kv::sim::Arguments arguments;
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  arguments.run.jobs = cores > 0 ? static_cast<std::size_t>(cores) : 1;
  kv::sim::add_run(app, arguments);
  kv::sim::add_seed(app, arguments);
  kv::sim::add_planted(app, arguments);
  kv::sim::add_others(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return arguments.code;
}
