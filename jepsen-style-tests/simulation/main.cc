// simulate: whole clusters in virtual time, from one seed each.
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "jepsen-style-tests/simulation/commands.h"
#include "jepsen-style-tests/simulation/transcript.h"

int main(int argc, char** argv) {
  using namespace kv::sim;
  CLI::App app{
      "Runs whole clusters in one thread and in virtual time, with every kind of fault, and checks "
      "every promise.\n"
      "Exit codes: 0 ok; 1 something was violated, missed or not caught; 2 usage."};
  app.require_subcommand(1);
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  int code = 0;

  RunOptions options;
  options.jobs = cores > 0 ? static_cast<std::size_t>(cores) : 1;
  std::string kept;
  CLI::App* run = app.add_subcommand("run", "Fresh seeds, from the seed of the day on");
  run->add_option("--seconds", options.seconds, "Start no more seeds after this time");
  run->add_option("--seeds", options.seeds, "Start at most this many");
  run->add_option("--jobs", options.jobs, "Processes at once; default: one per core")
      ->check(CLI::Range(1, 256));
  run->add_option("--first", options.first, "The first seed; default: made of today's date");
  run->add_flag("--all-marks", options.all_marks,
                "Fail if a mark was never reached: for long runs");
  run->add_option("--kept", kept, "Run the seeds that this file lists, and no others");
  run->callback([&] {
    if (options.seconds <= 0 && options.seeds == 0) options.seconds = 60;
    code = kept.empty() ? run_seeds(options) : run_kept(kept, options.jobs);
  });

  std::uint64_t seed = 0;
  bool hash_only = false;
  bool shorten = false;
  CLI::App* one = app.add_subcommand("seed", "One seed, with its transcript");
  one->add_option("SEED", seed)->required();
  one->add_flag("--hash", hash_only, "Print only the digest of everything that happened");
  one->add_flag("--shorten", shorten,
                "If it fails, find a shorter plan that fails in the same way");
  one->callback([&] { code = replay_seed(seed, shorten, hash_only); });

  std::string folder = KV_TRANSCRIPTS;
  std::string bug;
  std::uint64_t max_seeds = 3000;
  CLI::App* planted = app.add_subcommand(
      "planted", "Switches planted bugs on, one after another: each must be caught");
  planted->add_option("NAME", bug, "Only this one");
  planted->add_option("--max-seeds", max_seeds, "Give up after so many; default 3000");
  planted->add_option("--jobs", options.jobs, "Processes at once; default: one per core")
      ->check(CLI::Range(1, 256));
  planted->callback([&] { code = find_planted(bug, max_seeds, options.jobs, folder); });

  CLI::App* reference = app.add_subcommand(
      "reference",
      "The load that speed is stated for: 3 nodes, 100 operations a second, faults on");
  reference->add_option("SEED", seed);
  reference->callback([&] { code = run_reference(seed); });

  bool rewrite = false;
  CLI::App* transcripts =
      app.add_subcommand("transcripts", "Replays the scenarios in text, and compares their output");
  transcripts->add_option("FOLDER", folder, "Default: those of the source tree");
  transcripts->add_flag("--rewrite", rewrite, "Write what came out into the files, for review");
  transcripts->callback([&] { code = run_transcripts(folder, rewrite); });

  app.add_subcommand("marks", "Lists the marks, the planted bugs and the checks")->callback([&] {
    code = list_marks();
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return code;
}
