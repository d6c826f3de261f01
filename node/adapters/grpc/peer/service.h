// The incoming side: the streams on which peers send what they have to say to this node.
//
// A stream begins with a Hello from a configured node of the same cluster and ring; anything else ends it with the reason. A
// later stream of the same peer cuts the earlier one, so that nothing of an old incarnation arrives after the new one's.
// Thread-safe. `receive` is called on gRPC's threads, for one peer in order.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "kv/v1/peer.grpc.pb.h"
#include "node/adapters/grpc/peer/session.h"
#include "node/ring/ring.h"

namespace kv {

class PeerStream;

class PeerService final : public v1::Peer::CallbackService {
 public:
  using Receive = std::function<void(NodeIndex from, const std::string& message)>;

  // `ring` outlives it.
  PeerService(PeerIdentity self, const Ring& ring, Receive receive)
      : self_(std::move(self)), ring_(ring), receive_(std::move(receive)) {}

  grpc::ServerBidiReactor<v1::PeerFrame, v1::PeerFrame>* Connect(
      grpc::CallbackServerContext* context) override;

 private:
  friend class PeerStream;

  absl::StatusOr<NodeIndex> check(const v1::Hello& hello) const;
  void enter(NodeIndex peer, PeerStream* stream);  // cuts the stream that was there
  void leave(NodeIndex peer, PeerStream* stream);

  const PeerIdentity self_;
  const Ring& ring_;
  const Receive receive_;
  std::mutex mutex_;
  std::map<NodeIndex, PeerStream*> streams_;  // the current one of each peer; under mutex_
};

}  // namespace kv
