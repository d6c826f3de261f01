#include "jepsen-style-tests/faults/schedule.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <functional>

#include "jepsen-style-tests/faults/drawing.h"
#include "node/base/check.h"
#include "node/base/hash.h"

namespace kv::fault {

Nodes shuffled(Nodes nodes, Rng& rng) {
  for (std::size_t i = nodes.size(); i > 1; --i) std::swap(nodes[i - 1], nodes[rng.below(i)]);
  return nodes;
}

namespace {

using Cuts = Directions;

void cut_both(Cuts& cuts, const std::string& a, const std::string& b) {
  cuts.emplace(a, b);
  cuts.emplace(b, a);
}

void halves(const Drawing& draw) {
  const Nodes order = shuffled(draw.nodes, draw.rng);
  Cuts cuts;
  for (std::size_t i = 0; i < order.size() / 2; ++i)
    for (std::size_t j = order.size() / 2; j < order.size(); ++j)
      cut_both(cuts, order[i], order[j]);
  draw.cut(std::move(cuts));
}

void isolate(const Drawing& draw) {
  Cuts cuts;
  const std::string& lone = draw.any();
  for (const std::string& other : draw.nodes)
    if (other != lone) cut_both(cuts, lone, other);
  draw.cut(std::move(cuts));
}

// Two groups that hear each other through one node only.
void bridge(const Drawing& draw) {
  const Nodes order = shuffled(draw.nodes, draw.rng);
  const std::size_t middle = order.size() / 2;
  Cuts cuts;
  for (std::size_t i = 0; i < middle; ++i)
    for (std::size_t j = middle + 1; j < order.size(); ++j) cut_both(cuts, order[i], order[j]);
  draw.cut(std::move(cuts));
}

// Every node hears a majority, and no two hear the same one.
void majority_ring(const Drawing& draw) {
  const Nodes order = shuffled(draw.nodes, draw.rng);
  const std::size_t count = order.size();
  const std::size_t reach = count / 2 / 2;  // neighbours on each side that are heard
  Cuts cuts;
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t away = reach + 1; away <= count / 2; ++away)
      // With three nodes the ring is one that only lacks the way from each to the next.
      if (count > 3)
        cut_both(cuts, order[i], order[(i + away) % count]);
      else
        cuts.emplace(order[i], order[(i + 1) % count]);
  draw.cut(std::move(cuts));
}

void one_way(const Drawing& draw) {
  Cuts cuts;
  const std::string& from = draw.any();
  for (const std::string& to : draw.nodes)
    if (to != from && (cuts.empty() || draw.rng.below(2) == 0)) cuts.emplace(from, to);
  draw.cut(std::move(cuts));
}

// Cut and mended again, many times.
void flapping(const Drawing& draw) {
  const std::size_t first = draw.spells.size();
  isolate(draw);
  Spell spell = draw.spells.back();
  draw.spells.resize(first);
  for (std::int64_t at = draw.begin; at < draw.end;) {
    spell.begin_ms = at;
    spell.end_ms = std::min(draw.end, at + draw.rng.between(100, 1500));
    draw.spells.push_back(spell);
    at = spell.end_ms + draw.rng.between(100, 1000);
  }
}

// Nodes are cut off one after the other, and come back in another order.
void swizzle(const Drawing& draw) {
  const Nodes order = shuffled(draw.nodes, draw.rng);
  const std::int64_t third = (draw.end - draw.begin) / 3;
  for (const std::string& lone : order) {
    Cuts cuts;
    for (const std::string& other : draw.nodes)
      if (other != lone) cut_both(cuts, lone, other);
    draw.spells.push_back({.begin_ms = draw.begin + draw.rng.between(0, third),
                           .end_ms = draw.end - draw.rng.between(0, third),
                           .kind = Kind::kCut,
                           .cuts = std::move(cuts)});
  }
}

void crash_loop(const Drawing& draw) {
  const std::string& node = draw.any();
  for (std::int64_t at = draw.begin; at < draw.end;) {
    const std::int64_t back = std::min(draw.end, at + draw.rng.between(50, 400));
    draw.spells.push_back({.begin_ms = at, .end_ms = back, .kind = Kind::kKill, .nodes = {node}});
    at = back + draw.rng.between(150, 1500);
  }
}

void rolling_restart(const Drawing& draw) {
  const std::int64_t each = (draw.end - draw.begin) / static_cast<std::int64_t>(draw.nodes.size());
  std::int64_t at = draw.begin;
  for (const std::string& node : draw.nodes) {
    draw.spells.push_back(
        {.begin_ms = at, .end_ms = at + each / 2, .kind = Kind::kStop, .nodes = {node}});
    at += each;
  }
}

void jump(const Drawing& draw) {
  constexpr std::int64_t kTenYearsMs = 10LL * 365 * 24 * 3600 * 1000;
  const std::int64_t sizes[] = {100, 400, 2'000, 60'000, 3'600'000, kTenYearsMs};
  const std::int64_t size = sizes[draw.rng.below(std::size(sizes))];
  draw.add(Kind::kClock, {draw.any()}, draw.rng.below(2) == 0 ? size : -size);
}

void swap_data(const Drawing& draw) {
  const Nodes order = shuffled(draw.nodes, draw.rng);
  draw.add(Kind::kSwap, {order[0], order[1]});
}

// So much that its clock is off by more than is allowed within some seconds, or just not.
void drift(const Drawing& draw) {
  const std::int64_t rates[] = {20, 50, 200, 1000};  // ms a second
  const std::int64_t rate = rates[draw.rng.below(std::size(rates))];
  draw.add(Kind::kDrift, {draw.any()}, draw.rng.below(2) == 0 ? rate : -rate);
}

struct Entry {
  Nemesis nemesis;
  std::int64_t shortest_ms;  // of a spell, or of several that belong together
  std::int64_t longest_ms;
  std::function<void(const Drawing&)> draw;
};

void one(const Drawing& draw, Kind kind) { draw.add(kind, {draw.any()}); }
std::set<std::string> everybody(const Drawing& draw) {
  return {draw.nodes.begin(), draw.nodes.end()};
}

const std::vector<Entry> kEntries{
    {{"halves", "two groups of nodes do not reach each other", true}, 3000, 10'000, halves},
    {{"isolate", "one node reaches no other", true}, 3000, 10'000, isolate},
    {{"outage", "one node reaches no other for half a minute or more", true},
     25'000,
     50'000,
     isolate},
    {{"bridge", "two groups reach each other through one node only", true}, 3000, 10'000, bridge},
    {{"majority-ring", "every node reaches a majority, each another one", true},
     3000,
     10'000,
     majority_ring},
    {{"one-way", "what one node sends does not reach some others", true}, 3000, 10'000, one_way},
    {{"flapping", "one node is cut off and back, many times", true}, 5000, 12'000, flapping},
    {{"swizzle", "nodes are cut off one by one, and come back in another order", true},
     5000,
     12'000,
     swizzle},
    {{"loss", "frames are lost, 1 to 50 in a hundred", true}, 3000, 10'000, lose},
    {{"delay", "frames arrive 5 to 800 ms late", true}, 3000, 10'000, delay},
    {{"reorder", "frames overtake each other", true}, 3000, 10'000, reorder},
    {{"duplicate", "frames arrive twice", true}, 3000, 10'000, duplicate},
    {{"slow-link", "links pass 16 to 256 KiB a second", true}, 3000, 10'000, narrow},
    {{"peer-port", "nobody reaches one node's port for peers, though it reaches theirs", true},
     3000,
     10'000,
     cut_peer_port},
    {{"client-port", "no client reaches one node", true}, 3000, 10'000, cut_client_port},
    {{"heartbeats", "one node hears the others, but its answers to heartbeats are lost", true},
     3000,
     10'000,
     cut_heartbeats},
    {{"reset", "all connections of one node are reset, many times", true},
     4000,
     10'000,
     reset_connections},
    {{"half-open", "all connections of one node fall silent; new ones work", true},
     8000,
     14'000,
     leave_half_open},
    {{"client-cut", "some clients do not reach some nodes", true}, 3000, 12'000, cut_clients},
    {{"kill", "SIGKILL to one node"},
     200,
     6000,
     [](const Drawing& draw) { one(draw, Kind::kKill); }},
    {{"crash-loop", "SIGKILL to one node, again while it recovers"}, 3000, 8000, crash_loop},
    {{"kill-all", "SIGKILL to all nodes at once"},
     200,
     3000,
     [](const Drawing& draw) { draw.add(Kind::kKill, everybody(draw)); }},
    {{"rolling-restart", "an orderly stop of each node in turn"}, 6000, 15'000, rolling_restart},
    {{"pause", "SIGSTOP to one node"},
     1000,
     10'000,
     [](const Drawing& draw) { one(draw, Kind::kPause); }},
    {{"wipe", "one node loses its data"},
     500,
     5000,
     [](const Drawing& draw) { one(draw, Kind::kWipe); }},
    {{"roll-back", "one node's data goes back to an earlier copy"},
     3000,
     8000,
     [](const Drawing& draw) { one(draw, Kind::kRollBack); }},
    {{"copy", "one node is started on a copy of another's data, which it must refuse"},
     1500,
     5000,
     [](const Drawing& draw) { one(draw, Kind::kCopy); }},
    {{"swap", "two nodes are started on each other's data, which both must refuse"},
     1500,
     5000,
     swap_data},
    {{"disk-full", "one node's disk is full", false, true},
     3000,
     8000,
     [](const Drawing& draw) { one(draw, Kind::kDiskFull); }},
    {{"clock", "one node's wall clock jumps, from 100 ms to ten years, ahead or back", false, false,
      true},
     3000,
     8000,
     jump},
    {{"drift", "one node's wall clock gains or loses 20 ms to a second in every second", false,
      false, true},
     5000,
     15'000,
     drift},
    {{"restart-all", "an orderly stop of all nodes at once"},
     200,
     2000,
     [](const Drawing& draw) { draw.add(Kind::kStop, everybody(draw)); }},
    {{"long-pause", "SIGSTOP to one node, for up to a minute"},
     20'000,
     60'000,
     [](const Drawing& draw) { one(draw, Kind::kPause); }},
    {{"power-loss", "one node loses power, and all that it had not synced", false, true, false,
      true},
     500,
     4000,
     [](const Drawing& draw) { one(draw, Kind::kPowerLoss); }},
    {{"blackout", "all nodes lose power at once, and all that they had not synced", false, true,
      false, true},
     500,
     2000,
     [](const Drawing& draw) { draw.add(Kind::kPowerLoss, everybody(draw)); }},
    {{"bit-flips", "bits flip in a table, the log or the manifest of one node while it is down"},
     2000,
     6000,
     [](const Drawing& draw) {
       draw.add(Kind::kBitFlip, {draw.any()}, draw.rng.between(0, INT32_MAX));
     }},
    {{"read-errors", "reads of one node's disk fail", false, false, false, true},
     2000,
     6000,
     [](const Drawing& draw) { one(draw, Kind::kReadErrors); }},
    {{"sync-errors", "syncs of one node's disk fail, at which it must end", false, false, false,
      true},
     2000,
     6000,
     [](const Drawing& draw) { one(draw, Kind::kSyncErrors); }},
    {{"slow-disk", "reads and syncs of one node's disk take 20 to 500 ms longer", false, false,
      false, true},
     3000,
     10'000,
     [](const Drawing& draw) {
       draw.add(Kind::kSlowDisk, {draw.any()}, draw.rng.between(20, 500));
     }},
    {{"memory-limit", "one node may take 64 MiB more memory than it has, and must do with it"},
     3000,
     10'000,
     [](const Drawing& draw) { draw.add(Kind::kMemoryLimit, {draw.any()}, 64); }},
    {{"file-limit", "one node can open no more files or connections"},
     3000,
     8000,
     [](const Drawing& draw) { draw.add(Kind::kFileLimit, {draw.any()}, draw.rng.between(0, 2)); }},
    {{"surge", "ten times the load"},
     3000,
     8000,
     [](const Drawing& draw) { draw.add(Kind::kSurge, everybody(draw), 10); }},
};

const Entry& entry_of(std::string_view name) {
  const auto it = std::find_if(kEntries.begin(), kEntries.end(),
                               [&](const Entry& entry) { return entry.nemesis.name == name; });
  KV_CHECK(it != kEntries.end(), "the names of nemeses have been looked up");
  return *it;
}

}  // namespace

const std::vector<Nemesis>& all() {
  static const std::vector<Nemesis> nemeses = [] {
    std::vector<Nemesis> result;
    result.reserve(kEntries.size());
    for (const Entry& entry : kEntries) result.push_back(entry.nemesis);
    return result;
  }();
  return nemeses;
}

const Nemesis* find(std::string_view name) {
  const auto it = std::find_if(all().begin(), all().end(),
                               [&](const Nemesis& nemesis) { return nemesis.name == name; });
  return it == all().end() ? nullptr : &*it;
}

std::string describe(const Spell& spell) {
  const auto direction = [](std::string* out, const auto& cut) {
    absl::StrAppend(out, cut.first, ">", cut.second);
  };
  std::string text = absl::StrJoin(spell.nodes, ",");
  text += absl::StrJoin(spell.cuts, " ", direction);
  text += absl::StrJoin(spell.links, " ", direction);
  switch (spell.kind) {
    case Kind::kLink:
      absl::StrAppend(&text, ": ", describe(spell.link));
      break;
    case Kind::kClock:
      absl::StrAppend(&text, " ", spell.amount, " ms");
      break;
    case Kind::kSlowDisk:
      absl::StrAppend(&text, " by ", spell.amount, " ms");
      break;
    case Kind::kDrift:
      absl::StrAppend(&text, " ", spell.amount, " ms a second");
      break;
    case Kind::kMemoryLimit:
      absl::StrAppend(&text, " to ", spell.amount, " MiB more");
      break;
    case Kind::kFileLimit:
      absl::StrAppend(&text, " to ", spell.amount, " more");
      break;
    default:
      break;
  }
  return text;
}

std::vector<Spell> draw(const std::vector<std::string>& nemeses,
                        const std::vector<std::string>& nodes, std::uint64_t seed,
                        std::int64_t duration_ms, const std::vector<std::string>& places) {
  std::vector<Spell> spells;
  for (const std::string& name : nemeses) {
    const Entry& entry = entry_of(name);
    // A stream of its own for each, so that adding one does not change what the others do.
    Rng rng(seed ^ stable_hash(name));
    std::int64_t at = rng.between(500, 2000);
    while (at + entry.shortest_ms <= duration_ms) {
      const std::int64_t longest = std::min(entry.longest_ms, duration_ms - at);
      const std::int64_t end = at + rng.between(entry.shortest_ms, longest);
      const std::size_t first = spells.size();
      entry.draw(Drawing{nodes, places, rng, at, end, spells});
      for (std::size_t i = first; i < spells.size(); ++i) spells[i].nemesis = name;
      at = end + rng.between(1000, 5000);
    }
  }
  std::stable_sort(spells.begin(), spells.end(),
                   [](const Spell& a, const Spell& b) { return a.begin_ms < b.begin_ms; });
  return spells;
}

}  // namespace kv::fault
