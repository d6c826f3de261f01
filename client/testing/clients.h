// What tests of the client do with it again and again. Errors end the test.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/testing/fake_node.h"
#include "client/testing/sockets.h"
#include "kv/client.h"

namespace kv::client::testing {

// Long enough never to end a test that passes.
inline constexpr std::chrono::milliseconds kPatience{20'000};

inline std::unique_ptr<Client> client_of(std::vector<std::string> endpoints) {
  return Client::create({.endpoints = std::move(endpoints)}).value();
}

// Breaks `tunnel`, which must outlive it, when `wanted` has reached the node, so that no answer comes back.
inline FakeNode::Hook cut_on(const std::string& wanted, Tunnel& tunnel) {
  return [wanted, &tunnel](const std::string& method,
                           grpc::ServerContext&) -> std::optional<grpc::Status> {
    if (method == wanted) tunnel.cut();
    return std::nullopt;
  };
}

}  // namespace kv::client::testing
