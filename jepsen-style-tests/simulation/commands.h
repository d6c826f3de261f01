// The subcommands of `simulate`. Each returns the process's exit code: 0, or 1 when something was violated or missed.
#pragma once

#include <cstdint>
#include <string>

namespace kv::sim {

struct RunOptions {
  std::uint64_t first = 0;  // seed; 0: from the date
  std::uint64_t seeds = 0;  // 0: no limit
  double seconds = 0;       // 0: no limit
  std::size_t jobs = 1;
  bool all_marks = false;  // fail if a mark was not reached
};

int run_seeds(const RunOptions& options);
int run_kept(const std::string& file, std::size_t jobs);
int run_reference(const RunOptions& options);
int replay_seed(std::uint64_t seed, bool shorten, bool hash_only);
// A bug that no seed finds, nor one of those kept, may still change what a transcript in this folder says.
int find_planted(const std::string& name, std::uint64_t max_seeds, std::size_t jobs,
                 const std::string& kept_file, const std::string& transcripts);
int list_marks();

}  // namespace kv::sim
