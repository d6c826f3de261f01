// Those who watch: one for each node that is to be followed and each watched bucket, a thread with a client of its own, which
// notes all that it is told.
//
// A follower stays through whatever happens to its node, and now and then leaves in the midst of something, to come back with its
// last token. When that is too old it does as the answer says: it watches from now on, then reads the state. It ends by itself
// when it is told of the mark that is put in the end, for a node tells of its commits in their order. Thread-safe. The destructor
// ends them, within the few seconds between two signs of life.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "jepsen-style-tests/process/jepsen/recorder.h"
#include "jepsen-style-tests/process/jepsen/session.h"
#include "jepsen-style-tests/workloads/workload.h"

namespace kv::jepsen {

class Followers {
 public:
  // Of these nodes. `recorder` must outlive it.
  Followers(const workload::Workload& workload, const Endpoints& endpoints, std::uint64_t seed,
            Recorder& recorder);
  ~Followers();
  Followers(const Followers&) = delete;
  Followers& operator=(const Followers&) = delete;

  // Returns when all have been told of the mark, or after this time: what they lack then is for the checker to find.
  void await_mark(std::chrono::milliseconds limit);

  // Keys of the mark: so many that a node without a replica of any is not to be expected.
  static std::vector<std::string> mark();

 private:
  struct Follower;

  void follow(Follower& follower);
  bool take(Follower& follower, client::WatchUpdate&& update);
  void begin(Follower& follower);
  bool ends();
  void wait_a_little();

  Recorder& recorder_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ends_ = false;
  std::size_t following_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace kv::jepsen
