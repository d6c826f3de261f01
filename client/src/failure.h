// What a gRPC status means for the request that got it. Pure functions.
//
// A node that answers with an error packs a kv.v1.Failure into the status details. A status without
// one was made by the transport, on this side or on the other, and says nothing about what the node
// did.
#pragma once

#include <grpcpp/support/status.h>

#include <string>

#include "kv/types.h"
#include "kv/v1/kv.pb.h"

namespace kv::client {

// Whether repeating the request somewhere else could change what is stored.
enum class RequestKind {
  kRead,
  kWrite,
  kRepeatableWrite,  // its request id makes it one write however often it is sent
};

enum class Next {
  kReturn,        // the failure is the answer
  kNextEndpoint,  // ask another node, at once
  kBackoff,       // wait, then ask another node
};

struct Verdict {
  Failure failure{};
  Next next = Next::kReturn;
  bool answered = false;  // a node said so itself
};

// Precondition: !status.ok(). `address` is where the request was sent, for the message.
Verdict judge(const grpc::Status& status, RequestKind kind, const std::string& address);

// The failure of a request whose latest attempt failed so, when an earlier attempt's outcome was unknown: that the latest was
// certainly not applied says nothing of the earlier one.
Failure after_unknown(Failure latest, const Failure& earlier);

// A failure that a node reported, from a status or from inside a batch.
Failure to_failure(const v1::Failure& message, RequestKind kind);

}  // namespace kv::client
