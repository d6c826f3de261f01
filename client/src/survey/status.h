// Asks every node of a cluster for its report.
// Thread-safety: collect_status() starts threads of its own and returns when they have ended.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "client/src/node.h"
#include "kv/types.h"

namespace kv::client {

// The endpoints first, then the members that they name at other addresses, in rounds until nothing
// new is named.
std::vector<NodeStatus> collect_status(const std::vector<std::unique_ptr<Node>>& endpoints,
                                       std::chrono::milliseconds timeout);

// One entry per node: names those that did not answer after what the others say, drops a node met
// under two addresses, and sorts by id, then by address. Pure.
std::vector<NodeStatus> merge_status(std::vector<NodeStatus> answers);

}  // namespace kv::client
