// A switch that hurts what passes it: frames go in with the time at which they came, and come out when they are due.
//
// It knows the ends that are plugged into it, and for each direction between two of them the hurts that are in force, which a
// frame meets one after the other, the eldest first. What is under way when a hurt ends arrives as it was to arrive. All chance is
// drawn from the seed. Pure; not thread-safe. Times are microseconds on any one clock.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jepsen-style-tests/faults/link.h"
#include "jepsen-style-tests/network/frame.h"
#include "node/base/rng.h"

namespace kv::network {

struct End {
  std::string name{};
  Mac mac{};
  std::uint32_t ip = 0;
};

struct Ports {
  std::uint16_t peers = 0;
  std::uint16_t clients = 0;
};

using Directions = std::set<std::pair<std::string, std::string>>;  // from, to

class Switch {
 public:
  Switch(std::vector<End> ends, Ports ports, std::uint64_t seed);

  // `id`: to end it by. Preconditions: it is not in force; the names are those of ends.
  void hurt(std::size_t id, const Directions& directions, const fault::Link& link);
  void heal(std::size_t id);

  // What is not IPv4 from one end to another is lost.
  void take(std::string bytes, std::int64_t now_us);
  // When the next frame is due; empty: none is under way.
  std::optional<std::int64_t> next_us() const;
  // All that is due by now, in its order.
  std::vector<std::string> due(std::int64_t now_us);

 private:
  using Direction = std::pair<std::size_t, std::size_t>;  // of ends
  // Both directions of a connection: the two ends with their ports, the smaller first.
  using Flow =
      std::pair<std::pair<std::size_t, std::uint16_t>, std::pair<std::size_t, std::uint16_t>>;

  struct Wire {
    std::int64_t free_us = 0;  // its last byte has left the narrow part
    std::int64_t last_us = 0;  // its last frame in order arrives
  };
  struct Hurt {
    fault::Link link;
    std::map<Direction, Wire> wires;
    std::set<Flow> new_flows;  // began after the hurt; kept for those that spare them
  };

  std::optional<std::size_t> end_of(std::string_view name) const;
  bool concerns(const Hurt& hurt, Direction direction, const Frame& frame) const;
  // When the frame that comes to it at these times leaves it: never, once or more often.
  std::vector<std::int64_t> pass(Hurt& hurt, Wire& wire, const std::vector<std::int64_t>& at_us,
                                 std::size_t bytes);
  std::optional<std::int64_t> squeeze(const fault::Link& link, Wire& wire, std::int64_t at_us,
                                      std::size_t bytes) const;
  // Whether the frame's connection is one that the hurt spares, having seen its begin.
  bool is_new(Hurt& hurt, Direction direction, const Tcp& tcp) const;
  bool breaks(Hurt& hurt, Direction direction, const Frame& frame, std::int64_t now_us);
  bool drawn(std::int64_t percent);
  void send(std::int64_t at_us, std::string bytes);

  const std::vector<End> ends_;
  const Ports ports_;
  Rng rng_;
  std::map<std::size_t, Hurt> hurts_;
  std::multimap<std::int64_t, std::string> under_way_;  // by when they are due; equal ones in order
};

}  // namespace kv::network
