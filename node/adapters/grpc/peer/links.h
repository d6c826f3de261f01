// The outgoing side: one link to every other node, kept up for as long as the process runs.
//
// A link opens a session, watches it (node/membership/liveness.h), and opens the next one when it breaks or falls silent.
// Thread-safe. Handlers are called on the links' own thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/adapters/grpc/peer/session.h"
#include "node/membership/liveness.h"
#include "node/ring/ring.h"

namespace kv {

struct LinkStatus {
  bool alive = false;
  std::optional<WallBounds> wall;  // the peer's wall clock
};

class PeerLinks {
 public:
  struct Handlers {
    std::function<void(NodeIndex)> on_up;    // messages reach the peer from now on
    std::function<void(NodeIndex)> on_down;  // what was on its way may be lost
    std::function<void(NodeIndex, const WallBounds&)> on_wall =
        {};  // an answer told its wall clock; may be empty
  };

  // `addresses`: by NodeIndex; this node's own is not used. `ring` outlives it.
  PeerLinks(const PeerIdentity& self, const Ring& ring, std::vector<std::string> addresses,
            const LivenessOptions& liveness, Handlers handlers);
  ~PeerLinks();  // closes them all

  void start();
  void stop();

  // Lost if the link is down.
  void send(NodeIndex to, std::string message);

  std::vector<LinkStatus> status() const;  // by NodeIndex

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kv
