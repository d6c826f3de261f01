#include "jepsen-style-tests/simulation/watch/watchers.h"

#include "absl/strings/str_cat.h"
#include "jepsen-style-tests/simulation/truth.h"
#include "node/storage/keys.h"

namespace kv::sim {
namespace {

storage::KeyRange everything() { return {"", ""}; }

std::vector<Dot> dots_shown(const std::string& key, std::vector<Version> versions) {
  std::vector<Dot> dots;
  for (const Version& version : storage::policy_of(key).shown(std::move(versions)))
    if (version.value.has_value()) dots.push_back(version.dot);
  return dots;
}

}  // namespace

Watchers::Watchers(Violations& violations, Cluster& cluster, std::uint64_t seed, std::size_t kept)
    : violations_(violations), cluster_(cluster), rng_(stream(seed, "watchers")), kept_(kept) {
  limits_.events = 1 + rng_.below(rng_.below(2) == 0 ? 4 : 300);
  limits_.bytes = 1 + rng_.below(10'000);
  limits_.commits = 1 + rng_.below(100);
  limits_.tail_bytes = rng_.below(20'000);
  if (kept_ > 0) watchers_.resize(cluster_.size());
}

void Watchers::violate(Check check, std::size_t node, const std::string& text) {
  violations_.add(check, cluster_.now().us / 1000,
                  absl::StrCat("the watcher of n", node + 1, " ", text));
}

// What has a log entry of its own is told of by that name. A lone replica logs nothing; what its watcher is shown is compared
// with what it holds all the same.
void Watchers::on_commit(std::size_t node, const storage::WriteBatch& batch) {
  if (watchers_.empty() || !watchers_[node].token.has_value()) return;
  std::map<std::pair<Partition, std::string>, Clock> dots;
  const std::string hidden = storage::partition_prefix(cluster_.ring().catalog());
  for (const auto& [key, value] : batch.changes()) {
    if (key.first != storage::Family::kLog || !value.has_value()) continue;
    if (key.second.starts_with(hidden)) continue;
    const Partition partition = partition_at_start(key.second);
    dots[{partition, std::string(storage::log_entry(*value).storage_key)}].add(
        storage::dot_of_log_key(key.second));
  }
  for (auto& [key, clock] : dots)
    watchers_[node].expected.emplace_back(key.second, std::move(clock));
}

void Watchers::start_anew(std::size_t node) {
  if (!watchers_.empty()) watchers_[node] = {};
}

void Watchers::look_now_and_then() {
  if (watchers_.empty()) return;
  const std::size_t node = rng_.below(watchers_.size());
  const bool leave_midway = rng_.below(4) == 0;
  if (cluster_.is_up(node) && rng_.below(3) == 0) look(node, leave_midway);
}

void Watchers::look(std::size_t node, bool leave_midway) {
  Watcher& watcher = watchers_[node];
  if (watcher.feed == nullptr || watcher.incarnation != cluster_.incarnation(node)) {
    watcher.watch.reset();
    watcher.feed =
        std::make_unique<Feed>(cluster_.engine(node), cluster_.ring().catalog(), limits_);
    watcher.incarnation = cluster_.incarnation(node);
  }
  if (!watcher.watch.has_value() && !open(node)) return;
  const std::size_t pages = rng_.below(3) == 0 ? 1000 : 1;
  for (std::size_t i = 0; i < pages && read_page(node, leave_midway); ++i) continue;
}

// False: not now.
bool Watchers::open(std::size_t node) {
  Watcher& watcher = watchers_[node];
  auto opened = watcher.feed->open(everything(), watcher.token);
  if (absl::IsOutOfRange(opened.status())) {
    note_too_old(node, std::string(opened.status().message()));
    opened = watcher.feed->open(everything(), std::nullopt);
  }
  if (!opened.ok()) return false;
  watcher.watch = *std::move(opened);
  if (!watcher.token.has_value()) begin_anew(node);
  return true;
}

void Watchers::begin_anew(std::size_t node) {
  Watcher& watcher = watchers_[node];
  watcher.next = watcher.watch->next();
  watcher.token = watcher.watch->token_at(watcher.next);
  watcher.actors = actors_of(node);
  watcher.expected.clear();
  watcher.shown = state_of(node);
}

// False: nothing more for now.
bool Watchers::read_page(std::size_t node, bool leave_midway) {
  Watcher& watcher = watchers_[node];
  if (!watcher.feed->advance().ok()) return false;
  if (watcher.feed->tail_bytes() > limits_.tail_bytes)
    violate(Check::kBounded, node,
            absl::StrCat("has ", watcher.feed->tail_bytes(),
                         " bytes of commits in memory; the limit is ", limits_.tail_bytes));
  const auto page = watcher.feed->read(*watcher.watch, cluster_.wall(node));
  if (absl::IsOutOfRange(page.status())) {
    note_too_old(node, std::string(page.status().message()));
    watcher.watch.reset();
    return false;
  }
  if (!page.ok()) return false;
  if (page->events.size() > limits_.events)
    violate(Check::kBounded, node, absl::StrCat("got ", page->events.size(), " events in a page"));
  const std::size_t seen = leave_midway ? rng_.below(page->events.size() + 1) : page->events.size();
  for (std::size_t i = 0; i < seen; ++i) take(node, page->events[i]);
  if (seen > 0) watcher.next = page->events[seen - 1].next;
  if (seen == page->events.size()) watcher.next = page->next;
  watcher.token = watcher.watch->token_at(watcher.next);
  if (leave_midway) watcher.watch.reset();
  return page->more && !leave_midway;
}

void Watchers::take(std::size_t node, const FeedEvent& event) {
  Watcher& watcher = watchers_[node];
  std::vector<Dot>& shown = watcher.shown[event.key];
  shown.clear();
  for (const Version& version : event.shown) shown.push_back(version.dot);
  const Partition partition = cluster_.home_of(event.key);
  if (event.dots.empty() || cluster_.ring().replicas(partition).size() == 1) return;
  const Told told{event.key, event.dots};
  if (!watcher.expected.empty() && watcher.expected.front() == told)
    return watcher.expected.pop_front();
  violate(Check::kWatchComplete, node,
          absl::StrCat("is told of ", event.key, " ", to_string(event.dots), "; next comes ",
                       watcher.expected.empty()
                           ? "nothing"
                           : absl::StrCat(watcher.expected.front().first, " ",
                                          to_string(watcher.expected.front().second))));
}

void Watchers::note_too_old(std::size_t node, const std::string& why) {
  Watcher& watcher = watchers_[node];
  const std::uint64_t end = cluster_.engine(node).position();
  const bool is_behind = watcher.next.commit + kept_ < end;
  if (!is_behind && watcher.actors == actors_of(node))
    violate(Check::kWatchHonest, node,
            absl::StrCat("is refused at commit ", watcher.next.commit, " of ", end, ": ", why));
  watcher.token.reset();
}

void Watchers::check_at_end() {
  for (std::size_t node = 0; node < watchers_.size(); ++node) {
    Watcher& watcher = watchers_[node];
    look(node, false);
    while (watcher.watch.has_value() && read_page(node, false)) continue;
    if (!watcher.watch.has_value()) continue;  // too old: it would begin anew
    if (!watcher.expected.empty())
      violate(Check::kWatchComplete, node,
              absl::StrCat("was not told of ", watcher.expected.front().first, " ",
                           to_string(watcher.expected.front().second)));
    auto held = state_of(node);
    for (const auto& [key, dots] : watcher.shown) held.try_emplace(key);
    for (const auto& [key, dots] : held)
      if (!expiring_.contains(key) && watcher.shown[key] != dots)
        violate(Check::kWatchLatest, node,
                absl::StrCat("was shown ", watcher.shown[key].size(), " versions of ", key,
                             " last; the node shows ", dots.size()));
  }
}

std::vector<Actor> Watchers::actors_of(std::size_t node) const {
  std::vector<Actor> actors;
  for (std::uint32_t p = 0; p < cluster_.ring().all_partitions(); ++p) {
    const Partition partition{static_cast<std::uint16_t>(p)};
    if (cluster_.is_replica(node, partition))
      actors.push_back(cluster_.replica(node, partition).actor);
  }
  return actors;
}

std::map<std::string, std::vector<Dot>> Watchers::state_of(std::size_t node) const {
  std::map<std::string, std::vector<Dot>> state;
  for (std::uint32_t p = 0; p < cluster_.ring().all_partitions(); ++p) {
    const Partition partition{static_cast<std::uint16_t>(p)};
    if (partition == cluster_.ring().catalog()) continue;
    for (auto& [key, versions] : cluster_.objects(node, partition))
      state[key] = dots_shown(key, std::move(versions));
  }
  return state;
}

}  // namespace kv::sim
