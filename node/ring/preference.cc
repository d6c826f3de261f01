#include "node/ring/preference.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <numeric>
#include <string>

#include "node/base/check.h"
#include "node/base/hash.h"

namespace kv {
namespace {

using Lists = std::vector<std::vector<NodeIndex>>;

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

std::vector<std::size_t> zones_of(const std::vector<RingNode>& nodes) {
  std::vector<std::size_t> zones;
  std::map<std::string, std::size_t> named;
  std::size_t count = 0;
  for (const RingNode& node : nodes) {
    if (node.zone.empty()) {
      zones.push_back(count++);
      continue;
    }
    const auto [at, is_new] = named.try_emplace(node.zone, count);
    if (is_new) ++count;
    zones.push_back(at->second);
  }
  return zones;
}

class Builder {
 public:
  Builder(const std::vector<RingNode>& nodes, std::size_t partitions)
      : node_count_(nodes.size()),
        zones_(zones_of(nodes)),
        zone_sizes_(node_count_),
        scores_(partitions * node_count_),
        held_(node_count_),
        lists_(partitions),
        used_(partitions * node_count_),
        zone_uses_(partitions * node_count_) {
    for (const std::size_t zone : zones_) ++zone_sizes_[zone];
    for (std::size_t p = 0; p < partitions; ++p) {
      for (std::size_t x = 0; x < node_count_; ++x) {
        const char prefix[] = {static_cast<char>(p >> 8), static_cast<char>(p & 0xff)};
        // One bit less, so that the difference of two scores fits.
        scores_[at(p, x)] =
            static_cast<std::int64_t>(stable_hash(std::string(prefix, 2) + nodes[x].id) >> 1);
      }
    }
  }

  // Appends one node to every list.
  void add_place(bool even_out) {
    const std::size_t partitions = lists_.size();
    allowed_zone_uses_.assign(partitions, 0);
    takers_.assign(node_count_, {});
    for (std::size_t p = 0; p < partitions; ++p) {
      allowed_zone_uses_[p] = fewest_zone_uses(p);
      const std::size_t x = best_allowed(p);
      takers_[x].push_back(p);
      ++held_[x];
    }
    if (even_out) balance();
    for (std::size_t x = 0; x < node_count_; ++x) {
      for (const std::size_t p : takers_[x]) {
        lists_[p].push_back(NodeIndex{static_cast<std::uint16_t>(x)});
        used_[at(p, x)] = true;
        ++zone_uses_[at(p, zones_[x])];
      }
    }
  }

  Lists take() { return std::move(lists_); }

 private:
  std::size_t at(std::size_t partition, std::size_t node_or_zone) const {
    return partition * node_count_ + node_or_zone;
  }

  // How often the least used zone that still has a node to offer is in the list of p.
  std::size_t fewest_zone_uses(std::size_t p) const {
    std::size_t fewest = kNone;
    for (std::size_t x = 0; x < node_count_; ++x) {
      const std::size_t uses = zone_uses_[at(p, zones_[x])];
      if (uses < zone_sizes_[zones_[x]]) fewest = std::min(fewest, uses);
    }
    return fewest;
  }

  bool allowed(std::size_t p, std::size_t x) const {
    return !used_[at(p, x)] && zone_uses_[at(p, zones_[x])] == allowed_zone_uses_[p];
  }

  std::size_t best_allowed(std::size_t p) const {
    std::size_t best = kNone;
    for (std::size_t x = 0; x < node_count_; ++x) {
      if (allowed(p, x) && (best == kNone || scores_[at(p, x)] > scores_[at(p, best)])) best = x;
    }
    KV_CHECK(best != kNone, "a list that is not full has a node left to add");
    return best;
  }

  // Moves partitions of this place from node to node until no chain of moves makes it more even.
  void balance() {
    std::vector<std::size_t> order(node_count_);
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (bool moved = true; moved;) {
      moved = false;
      std::stable_sort(order.begin(), order.end(),
                       [this](auto a, auto b) { return held_[a] > held_[b]; });
      for (const std::size_t source : order) {
        while (relieve(source)) moved = true;
      }
    }
  }

  // A way to hand something on: `from` gives `partition` to the node that this is the step to.
  struct Step {
    std::size_t from = kNone;
    std::size_t partition = kNone;
    std::int64_t loss = 0;  // of score
  };

  // The best single move from x to every other node.
  std::vector<Step> moves_from(std::size_t x) const {
    std::vector<Step> moves(node_count_);
    for (const std::size_t p : takers_[x]) {
      for (std::size_t y = 0; y < node_count_; ++y) {
        if (y == x || !allowed(p, y)) continue;
        const std::int64_t loss = scores_[at(p, x)] - scores_[at(p, y)];
        if (moves[y].partition == kNone || loss < moves[y].loss) moves[y] = Step{x, p, loss};
      }
    }
    return moves;
  }

  // Breadth first from `source` to a node with at least two places fewer; moves one partition along
  // each step of the way. False if there is no such node.
  bool relieve(std::size_t source) {
    // Most nodes are even enough most of the time: this keeps the whole from being quadratic.
    if (held_[source] < *std::min_element(held_.begin(), held_.end()) + 2) return false;
    std::vector<Step> way(node_count_);
    std::vector<bool> reached(node_count_);
    reached[source] = true;
    std::deque<std::size_t> queue{source};
    while (!queue.empty()) {
      const std::size_t x = queue.front();
      queue.pop_front();
      const std::vector<Step> moves = moves_from(x);
      std::size_t target = kNone;
      for (std::size_t y = 0; y < node_count_; ++y) {
        if (reached[y] || moves[y].partition == kNone) continue;
        reached[y] = true;
        way[y] = moves[y];
        queue.push_back(y);
        if (held_[y] + 2 <= held_[source] && (target == kNone || way[y].loss < way[target].loss))
          target = y;
      }
      if (target == kNone) continue;
      hand_on(way, source, target);
      return true;
    }
    return false;
  }

  // The steps concern different partitions, as each takes one that its own node holds: none can
  // spoil another.
  void hand_on(const std::vector<Step>& way, std::size_t source, std::size_t target) {
    for (std::size_t y = target; y != source; y = way[y].from) {
      std::vector<std::size_t>& giver = takers_[way[y].from];
      giver.erase(std::find(giver.begin(), giver.end(), way[y].partition));
      takers_[y].push_back(way[y].partition);
    }
    --held_[source];
    ++held_[target];
  }

  const std::size_t node_count_;
  const std::vector<std::size_t> zones_;  // by node; numbered from 0, fewer than the nodes
  std::vector<std::size_t> zone_sizes_;   // by zone
  std::vector<std::int64_t> scores_;      // by partition and node
  std::vector<std::size_t> held_;         // by node: places in all lists, this place included

  // So far, without the place that is being added.
  Lists lists_;
  std::vector<bool> used_;              // by partition and node: is in the list
  std::vector<std::size_t> zone_uses_;  // by partition and zone: nodes in the list

  // Of the place that is being added.
  std::vector<std::size_t> allowed_zone_uses_;  // by partition: it may only add zones used so often
  std::vector<std::vector<std::size_t>> takers_;  // by node: the partitions that take it
};

}  // namespace

Lists make_preference_lists(const std::vector<RingNode>& nodes, std::uint32_t partitions,
                            std::size_t n) {
  KV_CHECK(n >= 1 && n <= nodes.size(), "as many nodes as replicas");
  Builder builder(nodes, partitions);
  for (std::size_t place = 0; place < nodes.size(); ++place) builder.add_place(place < n);
  return builder.take();
}

}  // namespace kv
