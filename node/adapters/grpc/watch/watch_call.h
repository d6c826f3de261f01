// The call of KeyValue.Watch: what is asked for is checked, then each message is fetched from the hub once the one before it
// has been taken by the transport. Thread-safe.
#pragma once

#include "kv/v1/kv.grpc.pb.h"
#include "node/adapters/grpc/buckets.h"
#include "node/adapters/grpc/watch/watch_hub.h"
#include "node/ring/ring.h"

namespace kv {

struct Watching {
  const Buckets& buckets;
  const Ring& ring;
  NodeIndex self;
  WatchHub& hub;
};

// Owned by gRPC. All that `watching` names outlives the call.
grpc::ServerWriteReactor<v1::WatchResponse>* start_watch(const Watching& watching,
                                                         const v1::WatchRequest& request);

}  // namespace kv
