#include "node/ring/preference.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kv {
namespace {

using Lists = std::vector<std::vector<NodeIndex>>;

struct Layout {
  std::vector<RingNode> nodes;
  std::uint32_t partitions = 0;
  std::size_t n = 0;
};

void showValue(const Layout& layout, std::ostream& out) {
  out << layout.partitions << " partitions, n " << layout.n << ", nodes";
  for (const RingNode& node : layout.nodes) out << " " << node.id << "@" << node.zone;
}

// Up to 12 nodes with ids of no pattern; each in one of `zones` zones, or, for zone 0, in none.
rc::Gen<Layout> any_layout(int zones) {
  return rc::gen::exec([zones] {
    Layout layout;
    const auto ids = *rc::gen::suchThat(
        rc::gen::container<std::set<std::string>>(rc::gen::string<std::string>()),
        [](const auto& set) { return !set.empty() && set.size() <= 12 && !set.contains(""); });
    for (const std::string& id : ids) {
      const int zone = *rc::gen::inRange(0, zones + 1);
      layout.nodes.push_back({id, zone == 0 ? "" : "z" + std::to_string(zone)});
    }
    layout.partitions = 1U << *rc::gen::inRange(0, 9);
    layout.n = *rc::gen::inRange<std::size_t>(1, std::min<std::size_t>(7, ids.size()) + 1);
    return layout;
  });
}

std::vector<std::size_t> zones_of(const std::vector<RingNode>& nodes) {
  std::vector<std::size_t> zones;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    std::size_t zone = i;
    for (std::size_t j = 0; j < i; ++j) {
      if (!nodes[i].zone.empty() && nodes[j].zone == nodes[i].zone) zone = std::min(zone, j);
    }
    zones.push_back(zone);
  }
  return zones;
}

// How many of the first n places of all lists each node has.
std::vector<std::size_t> loads(const Lists& lists, std::size_t nodes, std::size_t n) {
  std::vector<std::size_t> loads(nodes);
  for (const auto& list : lists) {
    for (std::size_t place = 0; place < n; ++place) ++loads[list[place].value];
  }
  return loads;
}

// What each node would hold if partitions could be cut as finely as one likes. Every partition goes
// `rounds` times to every zone that has so many nodes, and once more to some zones; those shares
// are filled up like vessels to one level.
std::vector<double> fair_shares(const Layout& layout) {
  const std::vector<std::size_t> zones = zones_of(layout.nodes);
  std::map<std::size_t, std::size_t> sizes;
  for (const std::size_t zone : zones) ++sizes[zone];
  const auto places_in = [&](std::size_t rounds) {
    std::size_t places = 0;
    for (const auto& [zone, size] : sizes) places += std::min(size, rounds);
    return places;
  };
  std::size_t rounds = 0;
  while (places_in(rounds + 1) <= layout.n && places_in(rounds + 1) > places_in(rounds)) ++rounds;
  const auto partitions = static_cast<double>(layout.partitions);
  const auto extra_of = [&](std::size_t size, double level) {
    if (size <= rounds) return 0.0;
    return std::clamp(static_cast<double>(size) * level - static_cast<double>(rounds) * partitions,
                      0.0, partitions);
  };
  const double wanted = static_cast<double>(layout.n - places_in(rounds)) * partitions;
  double low = 0;
  double high = 100 * partitions;
  for (int i = 0; i < 100; ++i) {
    const double level = (low + high) / 2;
    double extra = 0;
    for (const auto& [zone, size] : sizes) extra += extra_of(size, level);
    (extra < wanted ? low : high) = level;
  }
  std::vector<double> shares;
  for (const std::size_t zone : zones) {
    const std::size_t size = sizes[zone];
    const double fixed = static_cast<double>(std::min(size, rounds)) * partitions;
    shares.push_back((fixed + extra_of(size, high)) / static_cast<double>(size));
  }
  return shares;
}

RC_GTEST_PROP(Preference, EveryListHoldsEveryNodeOnce, ()) {
  const Layout layout = *any_layout(4);
  const Lists lists = make_preference_lists(layout.nodes, layout.partitions, layout.n);
  RC_ASSERT(lists.size() == layout.partitions);
  for (const auto& list : lists) {
    RC_ASSERT(list.size() == layout.nodes.size());
    std::set<std::uint16_t> seen;
    for (const NodeIndex node : list) seen.insert(node.value);
    RC_ASSERT(seen.size() == list.size());
    RC_ASSERT(*seen.rbegin() < list.size());
  }
}

RC_GTEST_PROP(Preference, WithoutZonesEveryNodeHoldsItsShareWithinOne, ()) {
  const Layout layout = *any_layout(0);
  const Lists lists = make_preference_lists(layout.nodes, layout.partitions, layout.n);
  for (std::size_t n = 1; n <= layout.n; ++n) {
    const auto held = loads(lists, layout.nodes.size(), n);
    const auto [low, high] = std::minmax_element(held.begin(), held.end());
    RC_ASSERT(*high - *low <= 1);
  }
}

RC_GTEST_PROP(Preference, WithZonesEveryNodeHoldsAboutWhatTheZonesAllow, ()) {
  const Layout layout = *any_layout(4);
  const Lists lists = make_preference_lists(layout.nodes, layout.partitions, layout.n);
  const auto held = loads(lists, layout.nodes.size(), layout.n);
  const auto shares = fair_shares(layout);
  for (std::size_t x = 0; x < held.size(); ++x) {
    RC_ASSERT(std::abs(static_cast<double>(held[x]) - shares[x]) <= 2 + 0.2 * shares[x]);
  }
}

RC_GTEST_PROP(Preference, WithZonesOfOneSizeEveryNodeHoldsItsShareWithinOne, ()) {
  const int zones = *rc::gen::inRange(1, 6);
  const int nodes_per_zone = *rc::gen::inRange(1, 5);
  std::vector<RingNode> nodes;
  nodes.reserve(static_cast<std::size_t>(zones * nodes_per_zone));
  for (int i = 0; i < zones * nodes_per_zone; ++i) {
    nodes.push_back({"node-" + std::to_string(100 + i), "z" + std::to_string(i % zones)});
  }
  const std::size_t n =
      *rc::gen::inRange<std::size_t>(1, std::min<std::size_t>(7, nodes.size()) + 1);
  const Lists lists = make_preference_lists(nodes, 1U << *rc::gen::inRange(0, 9), n);
  const auto held = loads(lists, nodes.size(), n);
  const auto [low, high] = std::minmax_element(held.begin(), held.end());
  RC_ASSERT(*high - *low <= 1);
}

// No zone is used again while one that was used more seldom has a node left: in every prefix, not
// only in the first n.
RC_GTEST_PROP(Preference, ZonesTakeTurns, ()) {
  const Layout layout = *any_layout(4);
  const std::vector<std::size_t> zones = zones_of(layout.nodes);
  std::map<std::size_t, std::size_t> sizes;
  for (const std::size_t zone : zones) ++sizes[zone];
  for (const auto& list : make_preference_lists(layout.nodes, layout.partitions, layout.n)) {
    std::map<std::size_t, std::size_t> uses;
    for (const NodeIndex node : list) {
      const std::size_t mine = uses[zones[node.value]]++;
      for (const auto& [zone, size] : sizes) RC_ASSERT(uses[zone] >= std::min(size, mine));
    }
    const std::size_t n = std::min(layout.n, sizes.size());
    std::set<std::size_t> distinct;
    for (std::size_t place = 0; place < layout.n; ++place)
      distinct.insert(zones[list[place].value]);
    RC_ASSERT(distinct.size() == n);
  }
}

RC_GTEST_PROP(Preference, RaisingNAddsReplicasAndMovesNone, ()) {
  Layout layout = *any_layout(4);
  RC_PRE(layout.n > 1u);
  const Lists more = make_preference_lists(layout.nodes, layout.partitions, layout.n);
  const Lists fewer = make_preference_lists(layout.nodes, layout.partitions, layout.n - 1);
  for (std::size_t p = 0; p < more.size(); ++p) {
    RC_ASSERT(std::equal(fewer[p].begin(),
                         fewer[p].begin() + static_cast<std::ptrdiff_t>(layout.n - 1),
                         more[p].begin()));
  }
}

std::size_t replicas_moved(std::size_t nodes, std::uint32_t partitions, std::size_t zones) {
  std::vector<RingNode> before;
  for (std::size_t i = 0; i < nodes; ++i) {
    before.push_back(
        {"n" + std::to_string(100 + i), zones == 0 ? "" : "z" + std::to_string(i % zones)});
  }
  std::vector<RingNode> after = before;
  after.push_back(
      {"n" + std::to_string(100 + nodes), zones == 0 ? "" : "z" + std::to_string(nodes % zones)});
  const Lists old_lists = make_preference_lists(before, partitions, 3);
  const Lists new_lists = make_preference_lists(after, partitions, 3);
  std::size_t moved = 0;
  for (std::size_t p = 0; p < partitions; ++p) {
    for (std::size_t place = 0; place < 3; ++place) {
      moved += std::find(old_lists[p].begin(), old_lists[p].begin() + 3, new_lists[p][place]) ==
               old_lists[p].begin() + 3;
    }
  }
  return moved;
}

TEST(Preference, ANewNodeMovesLittleMoreThanItTakes) {
  struct Case {
    std::size_t nodes;
    std::uint32_t partitions;
    std::size_t zones;
    double at_most;  // of what the new node takes
  };
  for (const Case& c : {Case{3, 64, 0, 1.01}, Case{5, 64, 0, 1.5}, Case{8, 64, 0, 2.0},
                        Case{5, 1024, 0, 1.1}, Case{8, 1024, 0, 1.25}, Case{20, 1024, 0, 2.0},
                        Case{5, 64, 3, 1.5}, Case{8, 1024, 3, 1.25}}) {
    const double taken = 3.0 * c.partitions / static_cast<double>(c.nodes + 1);
    const auto moved = static_cast<double>(replicas_moved(c.nodes, c.partitions, c.zones));
    EXPECT_LE(moved / taken, c.at_most)
        << c.nodes << " nodes, " << c.partitions << " partitions, " << c.zones
        << " zones: " << moved << " moved, " << taken << " taken";
    EXPECT_GT(moved, 0);
  }
}

}  // namespace
}  // namespace kv
