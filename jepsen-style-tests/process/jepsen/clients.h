// The clients of a run, in processes of their own: one for each place, in that place's network namespace.
//
// A process holds the Crowd of its place, and the Followers of some nodes, which do not pause. It is told by its standard input
// what to do, and notes its operations, and what followers are told, in a file in the run's folder, from where they come into the
// run's history whenever the clients pause. They begin paused. Not thread-safe; see Process. Errors are thrown.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "jepsen-style-tests/process/harness/process.h"
#include "jepsen-style-tests/process/jepsen/crowd.h"
#include "jepsen-style-tests/process/jepsen/machine.h"
#include "jepsen-style-tests/process/jepsen/recorder.h"

namespace kv::jepsen {

class Clients {
 public:
  // Client i is at the place i % size; without places all are where this process is. `most_times`: the greatest surge that will
  // be. `recorder` must outlive it.
  Clients(const Machine& machine, const std::vector<std::string>& places,
          const Endpoints& endpoints, const CrowdOptions& options, std::uint32_t most_times,
          std::uint64_t seed, const std::filesystem::path& folder, Recorder& recorder);

  void resume();
  void pause();  // returns when nothing is under way, and all that was answered is recorded
  void surge(std::uint32_t times);  // 1: as usual
  // Once Followers::mark() has been put: until all followers have been told of it, as far as they are in time; what they were told
  // is recorded then.
  void await_followers();

 private:
  struct Group {
    std::unique_ptr<e2e::Process> process{};
    std::filesystem::path file{};  // of its operations
    std::uintmax_t read_bytes = 0;
  };

  void tell(const std::string& order);
  void await_done(std::chrono::seconds limit);
  void collect();

  Recorder& recorder_;
  std::vector<Group> groups_;
  std::size_t done_ = 0;  // orders that each process has answered
};

// What such a process does, until its standard input ends. Its exit code.
int work_as_clients();

}  // namespace kv::jepsen
