// Sizes and times of the connections between nodes, which both ends must agree on.
#pragma once

#include <cstddef>

namespace kv {

constexpr std::size_t kFrameBytes =
    1 << 20;  // a frame is closed at this size; one message may exceed it
constexpr int kMaxFrameBytes = 32 << 20;            // what gRPC accepts
constexpr std::size_t kMaxWaitingBytes = 64 << 20;  // per connection, before it is given up
constexpr int kConnectTimeoutMs = 500;              // of one attempt
constexpr int kReconnectMs = 200;  // pause between attempts, plus as much at random

}  // namespace kv
