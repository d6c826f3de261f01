// How spells are drawn; for the files of this folder only.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "jepsen-style-tests/faults/schedule.h"
#include "node/base/rng.h"

namespace kv::fault {

using Nodes = std::vector<std::string>;

// What draws one spell, or several that belong together, into the time from `begin` to `end`.
struct Drawing {
  const Nodes& nodes;
  const Nodes& places;
  Rng& rng;
  std::int64_t begin;
  std::int64_t end;
  std::vector<Spell>& spells;

  const std::string& any() const { return nodes[rng.below(nodes.size())]; }
  void add(Kind kind, std::set<std::string> hurt, std::int64_t amount = 0) const {
    spells.push_back({.begin_ms = begin,
                      .end_ms = end,
                      .kind = kind,
                      .nodes = std::move(hurt),
                      .amount = amount});
  }
  void cut(Directions cuts) const {
    spells.push_back(
        {.begin_ms = begin, .end_ms = end, .kind = Kind::kCut, .cuts = std::move(cuts)});
  }
  void hurt(Directions links, Link link) const {
    spells.push_back({.begin_ms = begin,
                      .end_ms = end,
                      .kind = Kind::kLink,
                      .links = std::move(links),
                      .link = std::move(link)});
  }
};

Nodes shuffled(Nodes nodes, Rng& rng);

// Nemeses of links (draw_links.cc): what each does stands in the table of all, in schedule.cc.
void lose(const Drawing& draw);
void delay(const Drawing& draw);
void reorder(const Drawing& draw);
void duplicate(const Drawing& draw);
void narrow(const Drawing& draw);
void cut_peer_port(const Drawing& draw);
void cut_client_port(const Drawing& draw);
void cut_heartbeats(const Drawing& draw);
void reset_connections(const Drawing& draw);
void leave_half_open(const Drawing& draw);
void cut_clients(const Drawing& draw);

}  // namespace kv::fault
