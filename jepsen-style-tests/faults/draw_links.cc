#include <algorithm>

#include "jepsen-style-tests/faults/drawing.h"

namespace kv::fault {
namespace {

void add_both(Directions& links, const std::string& a, const std::string& b) {
  links.emplace(a, b);
  links.emplace(b, a);
}

// With every other node, and with the places of clients.
Directions all_of(const Drawing& draw, const std::string& node) {
  Directions links;
  for (const std::string& other : draw.nodes)
    if (other != node) add_both(links, node, other);
  for (const std::string& place : draw.places) add_both(links, node, place);
  return links;
}

// One node's with the others, all that one node has, or those between all nodes.
Directions some(const Drawing& draw) {
  const std::uint64_t choice = draw.rng.below(3);
  const std::string& node = draw.any();
  Directions links = all_of(draw, node);
  if (choice == 1) return links;
  for (const std::string& place : draw.places) {
    links.erase({node, place});
    links.erase({place, node});
  }
  if (choice == 2)
    for (const std::string& a : draw.nodes)
      for (const std::string& b : draw.nodes)
        if (a != b) links.emplace(a, b);
  return links;
}

std::int64_t one_of(const Drawing& draw, const std::vector<std::int64_t>& choices) {
  return choices[draw.rng.below(choices.size())];
}

// Nobody gets through to a service of one node; what the node itself opens is let be.
void cut_service(const Drawing& draw, Service service, bool answers_only) {
  const std::string& node = draw.any();
  Directions links = all_of(draw, node);
  std::erase_if(links, [&](const auto& link) {
    const std::string& other = link.first == node ? link.second : link.first;
    const bool is_place =
        std::find(draw.places.begin(), draw.places.end(), other) != draw.places.end();
    return is_place != (service == Service::kClients) || (answers_only && link.first != node);
  });
  // Without places there are no clients to be cut off.
  if (!links.empty())
    draw.hurt(
        links,
        {.loss_percent = 100, .service = service, .server = node, .answers_only = answers_only});
}

}  // namespace

void lose(const Drawing& draw) {
  const Directions links = some(draw);
  draw.hurt(links, {.loss_percent = one_of(draw, {1, 5, 20, 50})});
}

void delay(const Drawing& draw) {
  const Directions links = some(draw);
  const std::int64_t size_ms = one_of(draw, {5, 50, 400});
  draw.hurt(links, {.delay_ms = size_ms, .jitter_ms = size_ms});
}

void reorder(const Drawing& draw) {
  const Directions links = some(draw);
  draw.hurt(links, {.reorder_percent = one_of(draw, {5, 20, 50}),
                    .held_back_ms = one_of(draw, {2, 10, 50})});
}

void duplicate(const Drawing& draw) {
  const Directions links = some(draw);
  draw.hurt(links, {.duplicate_percent = one_of(draw, {10, 50, 100})});
}

void narrow(const Drawing& draw) {
  const Directions links = some(draw);
  draw.hurt(links, {.bytes_per_second = one_of(draw, {16, 64, 256}) * 1024});
}

void cut_peer_port(const Drawing& draw) { cut_service(draw, Service::kPeers, false); }
void cut_client_port(const Drawing& draw) { cut_service(draw, Service::kClients, false); }
void cut_heartbeats(const Drawing& draw) { cut_service(draw, Service::kPeers, true); }

// Again and again: each spell is a moment.
void reset_connections(const Drawing& draw) {
  const Directions links = all_of(draw, draw.any());
  for (std::int64_t at = draw.begin; at < draw.end;) {
    const std::int64_t back = std::min(draw.end, at + draw.rng.between(50, 200));
    draw.spells.push_back({.begin_ms = at,
                           .end_ms = back,
                           .kind = Kind::kLink,
                           .links = links,
                           .link = {.resets = true}});
    at = back + draw.rng.between(300, 2500);
  }
}

void leave_half_open(const Drawing& draw) {
  draw.hurt(all_of(draw, draw.any()), {.silences = true});
}

void cut_clients(const Drawing& draw) {
  if (draw.places.empty()) return;
  const std::string& place = draw.places[draw.rng.below(draw.places.size())];
  const Nodes order = shuffled(draw.nodes, draw.rng);
  const std::uint64_t count = 1 + draw.rng.below(order.size() - 1);
  Directions cuts;
  for (std::size_t i = 0; i < count; ++i) add_both(cuts, place, order[i]);
  draw.cut(std::move(cuts));
}

}  // namespace kv::fault
