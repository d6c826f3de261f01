// Runs one core: a thread with an event loop, one queue in, and the effects carried out in their order.
//
// Whatever has been queued while the last group was committed makes up the next group, and shares one commit: group commit
// without a timer or a lock on the data. Syncs run on a thread of their own, so that only who waits for the disk waits
// for it.
//
// A full disk makes the commit fail with nothing changed: the core, which has gone ahead, is read anew from the engine, and
// the requests of that
// group are answered "not applied" and earlier ones under way "outcome unknown". Any other failure of a commit or a sync ends the process.
//
// Thread-safe, but for start() and stop().
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "node/core/core.h"

namespace kv {

class Shard {
 public:
  struct Options {
    CoreOptions core;
    std::size_t max_queued_requests = 10'000;
    std::size_t max_queued_bytes = 64 << 20;
    std::uint64_t seed = 0;
    std::function<void()> on_commit = [] {};  // after each, on the shard's thread; does not block
  };

  using OnWrite = std::function<void(const ClientWriteReply&)>;
  using OnRead = std::function<void(ClientReadReply)>;
  using Send = std::function<void(NodeIndex to, std::string message)>;

  // `ring` and `engine` outlive the shard. `send` is called on the shard's thread and does not block.
  Shard(const Options& options, const Ring& ring, NodeIndex self, storage::Engine& engine,
        Send send);
  ~Shard();

  absl::Status recover(bool keep_actors);  // before start()
  void start();
  void stop();  // what is queued is carried out first; then nothing more

  // Requests; their ids are set here. Each gets one answer, on the shard's thread, unless false is returned: the queue is full
  // or the shard has stopped.
  bool submit(ClientWrite write, OnWrite answer);
  bool submit(ClientGet get, OnRead answer);
  bool submit(ClientScan scan, OnRead answer);

  // From the peers' side; never refused, since what a peer may have under way is bounded.
  void post(FromPeer message, std::size_t encoded_bytes);
  void post(PeerUp event);
  void post(PeerDown event);
  void post(WallHeard event);

  // Calls back with the state of the shard, on its thread.
  void inspect(std::function<void(const CoreStatus&)> callback);

  // Calls back with the core, between two groups of events, on its thread. Not after stop().
  void look(std::function<void(const Core&)> callback);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kv
