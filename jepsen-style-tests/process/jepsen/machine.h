// The network and the disks that the nodes of one run have to themselves.
//
// As root the whole run lives in namespaces of its own, entered before anything else: network, mounts and names are seen by
// this process and its nodes only, so that no run meets another or scripts/cluster, and the kernel removes everything with the
// last of them, however it ends. Each node, and each place that clients are at, has a further network namespace, plugged into one
// bridge, as is a switch of our own (network/tap.h):
//
//     n1: eth0 10.78.0.1 --- p1 \          / p3 --- eth0 10.78.0.3: n3
//     n2: eth0 10.78.0.2 --- p2 --- br0 ----- p4 --- eth0 10.78.0.101: c1
//                       switch0 /          \ this process: br0 10.78.0.254, which reaches everybody always
//
// What one end sends another passes the switch while, and only while, that direction is hurt: then the hardware address that the
// sender has noted for the receiver is the switch's. So every direction of every pair is hurt by itself, and what is sound is as
// fast as the kernel.
//
// Without root nodes listen on 127.0.0.1, and neither networks nor disks can be hurt.
//
// Not thread-safe; commands are run from the thread that calls. Errors are thrown.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "jepsen-style-tests/faults/link.h"
#include "jepsen-style-tests/network/tap.h"

namespace kv::jepsen {

// Leaves this machine for namespaces of its own. Precondition: no thread has been started. Empty, or why it is not possible.
std::string enter_namespaces();

using network::Directions;

class Machine {
 public:
  // `isolated`: enter_namespaces() succeeded. `places`: names of those that clients are at. `seed`: of what the network does.
  Machine(std::vector<std::string> nodes, std::vector<std::string> places, bool isolated,
          std::uint64_t seed);

  bool isolated() const { return isolated_; }
  std::string client_address(const std::string& node) const;
  std::string peer_address(const std::string& node) const;
  // What to put before a command so that it runs at the node or place.
  std::vector<std::string> at(const std::string& end) const;

  // From now on, until it is healed under the same number. With namespaces only.
  void hurt(std::size_t id, const Directions& directions, const fault::Link& link);
  void heal(std::size_t id);
  // A disk of its own for whatever is in `folder`, which exists and is empty: an ext4 file system in the file `image`.
  void mount_disk(const std::string& folder, const std::string& image, std::int64_t mib);
  // What is on that disk and has not been synced is gone, as after a loss of power. Nobody has a file of it open.
  void lose_power(const std::string& folder, const std::string& image);

 private:
  struct End {
    std::string name{};
    std::uint8_t number = 0;  // the last in its addresses
  };

  void make_network(std::uint64_t seed);
  void plug_in(const End& end, const std::string& port);
  // Sends what is hurt through the switch, and nothing else.
  void divert();
  std::size_t number(const std::string& node) const;  // from 1

  const std::vector<std::string> nodes_;
  const bool isolated_;
  std::vector<std::string> addresses_;  // without namespaces: client and peer of each node, in turn
  std::vector<End> ends_;               // with namespaces: nodes, then places
  std::unique_ptr<network::Tap> switch_;  // if this machine can have one
  std::map<std::size_t, Directions> hurt_;
  Directions diverted_;
};

}  // namespace kv::jepsen
