// All watchers of the node: one thread that follows the log of changes and serves each watcher that asks for more.
//
// A watcher asks for its next page when its last one has been taken by the transport, and is answered once there is something
// to tell. Nothing is queued for it meanwhile, so a slow one costs no memory and holds up nobody: it only falls behind in the
// log. A commit wakes the thread, unless it is awake or nobody watches; then a commit costs one look at a flag.
//
// Thread-safe, but for the destructor. Callbacks come on the hub's thread and must not block.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kv/v1/kv.pb.h"
#include "node/base/limits.h"
#include "node/feed/feed.h"

namespace kv {

class WatchHub {
 public:
  struct Options {
    std::size_t max_watchers = 1000;
    std::int64_t heartbeat_ms = kWatchHeartbeatMs;
    FeedLimits limits;
  };

  // `hidden`: a partition that nobody may watch. The engine outlives it.
  WatchHub(const storage::Engine& engine, Partition hidden, const Options& options);
  ~WatchHub();
  WatchHub(const WatchHub&) = delete;
  WatchHub& operator=(const WatchHub&) = delete;

  void committed();  // something has been, on any shard

  using Deliver = std::function<void(absl::StatusOr<v1::WatchResponse>)>;

  std::uint64_t new_id() { return next_id_.fetch_add(1) + 1; }

  // Begins a watch; `done` gets its first message, or as Feed::open() refuses, or RESOURCE_EXHAUSTED: there are too many. Once
  // `gone` is set, whatever the watcher waits for is answered with CANCELLED.
  void open(std::uint64_t id, storage::KeyRange range, std::optional<std::string> token,
            std::shared_ptr<const std::atomic<bool>> gone, Deliver done);

  // The next message, when there is one. Each is asked for once the last has come. UNAVAILABLE: the node stops; OUT_OF_RANGE:
  // as Feed::read() says.
  void next(std::uint64_t id, Deliver done);

  void look_for_gone();  // a flag has been set
  void close(std::uint64_t id);

  // Ends every watch, those to come as well.
  void stop();

 private:
  struct Impl;
  std::atomic<std::uint64_t> next_id_{0};
  std::unique_ptr<Impl> impl_;
};

}  // namespace kv
