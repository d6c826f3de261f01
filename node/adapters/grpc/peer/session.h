// One outgoing connection to a peer: a stream on which this node sends everything it has to say to it.
//
// Messages that wait while a frame is being written make up the next frame. What waits is bounded: past the bound the
// connection is given up, since a peer that far behind is caught up faster by anti-entropy.
//
// Thread-safe. Handlers are called on gRPC's threads, one at a time and in order: on_accepted at most once, on_heartbeat
// any number of times, on_closed exactly once and last. The session keeps itself alive until then.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "node/base/time.h"

namespace kv {

struct PeerIdentity {
  std::string cluster;
  std::string node;
  std::uint64_t incarnation = 0;  // random, new at every start of the process
  std::uint64_t ring_digest = 0;
};

class PeerSession {
 public:
  struct Handlers {
    std::function<void()> on_accepted;
    std::function<void(std::uint64_t echoed_sent_us, WallMs peer_wall)> on_heartbeat;
    std::function<void(std::string reason)> on_closed;
  };

  // Connects at once. `peer_id`: who should answer at `address`; anyone else is refused. `silence_ms`: the connection breaks,
  // whether or not anybody closes it, once the peer's kernel has acknowledged nothing for so long of what it was sent.
  static std::shared_ptr<PeerSession> open(const std::string& address, const std::string& peer_id,
                                           const PeerIdentity& self, std::int64_t silence_ms,
                                           Handlers handlers);
  virtual ~PeerSession() = default;

  virtual void send(std::string message) = 0;
  virtual void send_heartbeat(std::uint64_t sent_us) = 0;
  virtual void close() = 0;  // on_closed follows
};

}  // namespace kv
