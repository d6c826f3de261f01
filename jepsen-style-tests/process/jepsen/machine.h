// The network and the disks that the nodes of one run have to themselves.
//
// As root the whole run lives in namespaces of its own, entered before anything else: network, mounts and names are seen by
// this process and its nodes only, so that no run meets another or scripts/cluster, and the kernel removes everything with the
// last of them, however it ends. Each node has a further network namespace, plugged into one bridge:
//
//     n1: peer0 10.78.0.1 --- p1 \          / p3 --- peer0 10.78.0.3: n3
//     n2: peer0 10.78.0.2 --- p2 --- br0 ---          clients: br0 10.78.0.254
//
// What one node sends to another is lost once the hardware address that it has noted for the other is nobody's. So every
// direction of every pair is cut by itself, silently as in a real network, and clients still reach every node.
//
// Without root nodes listen on 127.0.0.1, and neither networks nor disks can be hurt.
//
// Not thread-safe; commands are run from the thread that calls. Errors are thrown.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kv::jepsen {

// Leaves this machine for namespaces of its own. Precondition: no thread has been started. Empty, or why it is not possible.
std::string enter_namespaces();

using Cuts = std::set<std::pair<std::string, std::string>>;

class Machine {
 public:
  // `isolated`: enter_namespaces() succeeded.
  Machine(std::vector<std::string> nodes, bool isolated);

  bool isolated() const { return isolated_; }
  std::string client_address(const std::string& node) const;
  std::string peer_address(const std::string& node) const;
  // What to put before a command so that it runs at the node.
  std::vector<std::string> at(const std::string& node) const;

  // The directions that are lost from now on; all others work.
  void cut(const Cuts& cuts);
  // What the node sends passes so many KiB a second; 0: no limit.
  void slow(const std::string& node, std::int64_t kib_per_second);
  // A disk of its own for whatever is in `folder`, which exists and is empty: an ext4 file system in the file `image`.
  void mount_disk(const std::string& folder, const std::string& image, std::int64_t mib);
  // What is on that disk and has not been synced is gone, as after a loss of power. Nobody has a file of it open.
  void lose_power(const std::string& folder, const std::string& image);

 private:
  void make_network();
  std::size_t number(const std::string& node) const;  // from 1

  const std::vector<std::string> nodes_;
  const bool isolated_;
  std::vector<std::string> addresses_;  // without namespaces: client and peer of each node, in turn
  Cuts cuts_;
};

}  // namespace kv::jepsen
