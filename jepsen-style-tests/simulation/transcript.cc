#include "jepsen-style-tests/simulation/transcript.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "node/coordinator/reads/session.h"
#include "node/core/testing/cluster.h"
#include "node/feed/feed.h"
#include "node/storage/keys.h"

namespace kv::sim {
namespace {

using Words = std::vector<std::string>;

Words split(const std::string& line) {
  std::istringstream in(line);
  Words words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

bool has(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::size_t node_of(const std::string& name) {
  std::size_t number = 1;
  const bool right =
      name.size() > 1 && name[0] == 'n' && absl::SimpleAtoi(name.substr(1), &number) && number > 0;
  return right ? number - 1 : 0;
}

std::int64_t number_of(const std::string& word) {
  std::int64_t number = 0;
  return absl::SimpleAtoi(word, &number) ? number : 0;
}

Level level_of(const Words& words) {
  return has(words, "one") ? Level::kOne : has(words, "all") ? Level::kAll : Level::kQuorum;
}

class Scene {
 public:
  std::string command(const Words& words);

 private:
  std::string write(const Words& words);
  std::string read(const Words& words);
  std::string show(const std::string& key);
  std::string converge();
  std::string clocks();
  std::string logs();
  std::string watch(const Words& words);
  std::string events(std::size_t node);
  std::string conflicts();
  std::string fault(const Words& words);
  std::string life(const Words& words);
  void make_cluster(const Words& words);
  void learn_actors();
  std::string name(Dot dot);
  std::string name(const Clock& clock);
  std::string describe(const std::vector<Version>& versions);

  struct Watcher {  // of a node
    std::unique_ptr<Feed> feed;
    std::optional<Watch> watch;
    std::optional<std::string> token;  // after what it has seen
  };

  std::unique_ptr<Cluster> cluster_;
  std::map<std::size_t, Watcher> watchers_;
  std::map<std::uint64_t, std::string> actors_;
  std::vector<std::size_t> actors_of_;  // by node: how many it has had
  std::optional<Token> token_;
  Session session_;
  std::size_t warnings_shown_ = 0;
};

void Scene::make_cluster(const Words& words) {
  ClusterOptions options;
  options.partitions = 1;
  for (const std::string& word : words) {
    const auto at = word.find('=');
    if (at == std::string::npos) continue;
    const auto value = static_cast<std::uint32_t>(number_of(word.substr(at + 1)));
    const std::string option = word.substr(0, at);
    if (option == "nodes") options.shards.assign(value, 1);
    if (option == "n") options.n = value;
    if (option == "partitions") options.partitions = value;
    if (option == "seed") options.seed = value;
    if (option == "log") options.core.max_log_entries = value;
    if (option == "page") options.core.replication.page.bytes = value;
    if (option == "kept") options.kept_changes = value;
    if (option == "skew") options.core.max_clock_skew_ms = number_of(word.substr(at + 1));
  }
  watchers_.clear();
  cluster_ = std::make_unique<Cluster>(options);
  actors_.clear();
  actors_of_.assign(cluster_->size(), 0);
  token_.reset();
  session_ = {};
  warnings_shown_ = 0;
  cluster_->run_for(100);
}

// Actors are named after their nodes: n1 for the first of n1, n1' for the next. Those of the catalog are left out.
void Scene::learn_actors() {
  for (std::size_t node = 0; node < cluster_->size(); ++node) {
    for (std::uint32_t p = 0; p < cluster_->ring().partitions(); ++p) {
      const std::uint64_t actor =
          cluster_->replica(node, Partition{static_cast<std::uint16_t>(p)}).actor.id;
      if (actor == 0 || actors_.contains(actor)) continue;
      actors_[actor] = absl::StrCat("n", node + 1, std::string(actors_of_[node]++, '\''));
    }
  }
}

std::string Scene::name(Dot dot) {
  learn_actors();
  const auto it = actors_.find(dot.actor.id);
  return absl::StrCat(it == actors_.end() ? "?" : it->second, ":", dot.counter);
}

std::string Scene::name(const Clock& clock) {
  std::vector<std::string> parts;
  for_each_run(clock, [&](Actor actor, const Clock::Run& run) {
    const std::string first = name(Dot{actor, run.first});
    parts.push_back(run.first == run.last ? first : absl::StrCat(first, "-", run.last));
  });
  std::sort(parts.begin(), parts.end());
  std::string out = "{";
  for (const std::string& part : parts) absl::StrAppend(&out, out.size() > 1 ? " " : "", part);
  return out + "}";
}

std::string Scene::describe(const std::vector<Version>& versions) {
  if (versions.empty()) return "nothing";
  std::string out;
  for (const Version& version : versions)
    absl::StrAppend(&out, out.empty() ? "" : ", ", version.value.value_or("a marker"), " (",
                    name(version.dot), ")");
  return out;
}

std::string Scene::write(const Words& words) {
  const bool is_put = words[0] == "put";
  const Words rest(words.begin() + std::min<long>(is_put ? 4 : 3, static_cast<long>(words.size())),
                   words.end());
  WriteOptions options;
  options.level = level_of(rest);
  options.durability = has(rest, "disk") ? Durability::kDisk : Durability::kOs;
  if (has(rest, "token")) options.token = token_;
  if (has(rest, "absent")) options.condition = Condition::kAbsent;
  for (const std::string& word : rest)
    if (word.starts_with("ttl=")) options.ttl_ms = number_of(word.substr(4));
  for (const std::string& word : rest)
    if (word.starts_with("id=")) options.request_id = word.substr(3);
  const std::size_t node = node_of(words.at(1));
  if (!cluster_->is_up(node)) return absl::StrCat(words[1], " is down\n");
  if (has(rest, "session")) options.after = session_.hlc;
  const WriteResult result = cluster_->write_now(
      node, words.at(2), is_put ? std::optional(words.at(3)) : std::nullopt, options);
  if (has(rest, "session") && result.outcome == kv::Outcome::kApplied) {
    session_.hlc = std::max(session_.hlc, result.hlc);
    note_write(session_, cluster_->partition_of(words.at(2)), result.dot);
  }
  if (result.outcome == kv::Outcome::kApplied)
    return absl::StrCat("ok ", name(result.dot), ", ", result.acks, " acks\n");
  return absl::StrCat(
      result.outcome == kv::Outcome::kNotApplied ? "refused: " : "outcome unknown: ",
      result.message, result.dot.counter > 0 ? absl::StrCat(" (", name(result.dot), ")") : "",
      "\n");
}

std::string Scene::read(const Words& words) {
  const std::size_t node = node_of(words.at(1));
  if (!cluster_->is_up(node)) return absl::StrCat(words[1], " is down\n");
  const bool in_session = has(words, "session");
  const Partition partition = cluster_->partition_of(words.at(2));
  std::optional<Clock> needs;
  if (in_session) needs = session_.needs[partition];
  const ClientReadReply reply =
      cluster_->read_now(node, words.at(2), level_of(words), std::move(needs));
  if (reply.code != absl::StatusCode::kOk) return absl::StrCat("refused: ", reply.message, "\n");
  token_ = reply.items.at(0).token;
  if (in_session) {
    session_.needs[partition] = reply.session;
    session_.hlc = std::max(session_.hlc, token_->hlc);
  }
  return absl::StrCat(describe(reply.items[0].versions),
                      reply.agreed ? "" : "; the replicas differed", "\n");
}

std::string Scene::show(const std::string& key) {
  std::string out;
  const auto [storage_key, partition] = cluster_->place(key);
  for (std::size_t node = 0; node < cluster_->size(); ++node) {
    if (!cluster_->is_replica(node, partition)) continue;
    const auto objects = cluster_->objects(node, partition);
    const auto it = objects.find(storage_key);
    absl::StrAppend(&out, "n", node + 1, cluster_->is_up(node) ? ": " : " (down): ",
                    describe(it == objects.end() ? std::vector<Version>{} : it->second), "  ",
                    name(cluster_->replica(node, partition).clock), "\n");
  }
  return out;
}

std::string Scene::converge() {
  const bool quiet = cluster_->run_until([&] { return cluster_->is_quiet(); }, 30'000);
  std::uint64_t transfers = 0;
  for (std::size_t node = 0; node < cluster_->size(); ++node)
    transfers += cluster_->status(node).anti_entropy.full_transfers;
  return quiet ? absl::StrCat("equal, logs empty; full transfers so far: ", transfers, "\n")
               : absl::StrCat("not equal within 30 s: ", cluster_->difference(), "\n");
}

std::string Scene::conflicts() {
  std::string out;
  for (std::size_t node = 0; node < cluster_->size(); ++node) {
    const auto noted = cluster_->conflicts(node);
    if (noted.empty()) absl::StrAppend(&out, "n", node + 1, ": none\n");
    for (const auto& [at, conflict] : noted)
      absl::StrAppend(&out, "n", node + 1, ": ", describe({conflict.lost}), " lost to ",
                      name(conflict.winner), "\n");
  }
  return out;
}

std::string Scene::clocks() {
  std::string out;
  for (std::size_t node = 0; node < cluster_->size(); ++node) {
    if (!cluster_->is_up(node)) continue;
    const CoreStatus status = cluster_->status(node);
    absl::StrAppend(&out, "n", node + 1, ": ", status.skewed ? "off, " : "fit to order writes, ",
                    status.clock_skew_ms, " ms ahead of the majority\n");
  }
  return out;
}

std::string Scene::logs() {
  std::string out;
  for (std::size_t node = 0; node < cluster_->size(); ++node) {
    if (!cluster_->is_up(node)) continue;
    const CoreStatus status = cluster_->status(node);
    absl::StrAppend(&out, "n", node + 1, ": ", status.log_entries, " entries");
    for (std::size_t peer = 0; peer < status.peers.size(); ++peer)
      if (status.peers[peer].transfers_owed > 0)
        absl::StrAppend(&out, ", owes n", peer + 1, " a full transfer");
    absl::StrAppend(&out, "\n");
  }
  return out;
}

// A new watcher of all keys, or the last one, who comes back with its token.
std::string Scene::watch(const Words& words) {
  const std::size_t node = node_of(words.at(1));
  if (!cluster_->is_up(node)) return absl::StrCat(words[1], " is down\n");
  Watcher& watcher = watchers_[node];
  if (!has(words, "again")) watcher.token.reset();
  watcher.feed =
      std::make_unique<Feed>(cluster_->engine(node), cluster_->ring().catalog(), FeedLimits{});
  auto opened = watcher.feed->open({"", ""}, watcher.token);
  if (!opened.ok()) return absl::StrCat(std::string(opened.status().message()), "\n");
  watcher.watch = *std::move(opened);
  if (!watcher.token.has_value()) watcher.token = watcher.watch->token_at(watcher.watch->next());
  return "";
}

std::string Scene::events(std::size_t node) {
  Watcher& watcher = watchers_[node];
  if (!watcher.watch.has_value() || !cluster_->is_up(node)) return "nobody watches\n";
  std::string out;
  for (bool more = true; more;) {
    const absl::Status advanced = watcher.feed->advance();
    const auto page = watcher.feed->read(*watcher.watch, cluster_->wall(node));
    if (!advanced.ok() || !page.ok())
      return absl::StrCat(out, std::string(page.status().message()), "\n");
    for (const FeedEvent& event : page->events)
      absl::StrAppend(&out, std::string(storage::user_key_of(event.key)), ": ",
                      describe(event.shown), "; processed ", name(event.dots), "\n");
    watcher.token = watcher.watch->token_at(page->next);
    more = page->more;
  }
  return out.empty() ? "no event\n" : out;
}

std::string Scene::fault(const Words& words) {
  const std::string& what = words[0];
  if (what == "heal") {
    cluster_->heal_all();
    cluster_->set_faults({});
    return "";
  }
  const std::size_t a = node_of(words.at(1));
  if (what == "isolate") cluster_->isolate(a);
  if (what == "clock") cluster_->set_wall_offset(a, number_of(words.at(2)));
  if (what == "isolate" || what == "clock") return "";
  const std::size_t b = node_of(words.at(2));
  if (what == "cut") cluster_->cut(a, b);
  if (what == "block") cluster_->block(a, b, true);
  if (what == "delay") {  // what is sent later may overtake it
    const std::int64_t us = std::max<std::int64_t>(number_of(words.at(3)) * 1000, 50);
    cluster_->set_link_faults(a, b, {0, 0, true, us, us, 0});
  }
  if (what == "lose")
    cluster_->set_link_faults(
        a, b, {static_cast<std::uint32_t>(number_of(words.at(3))), 0, false, 50, 500, 0});
  return "";
}

std::string Scene::life(const Words& words) {
  const std::string& what = words[0];
  const std::size_t node = node_of(words.at(1));
  learn_actors();
  if (what == "crash" || what == "stop")
    watchers_[node].watch.reset();  // its token is what it keeps
  if (what == "crash")
    cluster_->crash(node, has(words, "power")   ? Disk::kUnsyncedLost
                          : has(words, "wiped") ? Disk::kWiped
                                                : Disk::kKept);
  if (what == "stop") cluster_->stop(node);
  if (what == "rot") {
    const auto [storage_key, partition] = cluster_->place(words.at(2));
    cluster_->engine(node).damage(storage::Family::kObjects,
                                  storage::object_key(partition, storage_key));
  }
  if (what == "backup") cluster_->backup(node);
  if (what == "restore") cluster_->restore(node, has(words, "unseen"));
  if (what == "swap") cluster_->swap_disks(node, node_of(words.at(2)));
  if (what != "start") return "";
  const Cluster::Until until = has(words, "claimed")     ? Cluster::Until::kClaimed
                               : has(words, "recovered") ? Cluster::Until::kRecovered
                                                         : Cluster::Until::kUp;
  if (cluster_->start(node, until)) return "";
  return until == Cluster::Until::kUp ? "refused: the directory belongs to another node\n"
                                      : "the process died\n";
}

std::string Scene::command(const Words& words) {
  const std::string& what = words.at(0);
  if (what == "cluster") {
    make_cluster(words);
    return "";
  }
  if (cluster_ == nullptr) return "no cluster yet\n";
  std::string out;
  if (what == "put" || what == "del")
    out = write(words);
  else if (what == "get")
    out = read(words);
  else if (what == "show")
    out = show(words.at(1));
  else if (what == "converge")
    out = converge();
  else if (what == "clocks")
    out = clocks();
  else if (what == "logs")
    out = logs();
  else if (what == "watch")
    out = watch(words);
  else if (what == "events")
    out = events(node_of(words.at(1)));
  else if (what == "conflicts")
    out = conflicts();
  else if (what == "run")
    cluster_->run_for(number_of(words.at(1)));
  else if (what == "warnings") {
    for (; warnings_shown_ < cluster_->warnings().size(); ++warnings_shown_)
      absl::StrAppend(&out, cluster_->warnings()[warnings_shown_], "\n");
  } else if (what == "crash" || what == "stop" || what == "start" || what == "backup" ||
             what == "restore" || what == "swap" || what == "rot")
    out = life(words);
  else if (what == "heal" || what == "isolate" || what == "cut" || what == "block" ||
           what == "lose" || what == "delay" || what == "clock")
    out = fault(words);
  else
    out = absl::StrCat("unknown command ", what, "\n");
  if (what != "run" && what != "show" && what != "warnings" && what != "clocks" && what != "logs" &&
      what != "get" && what != "conflicts" && what != "watch" && what != "events")
    cluster_->run_for(30);  // for the news to arrive
  return out;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace

std::string replay_transcript(const std::string& text) {
  Scene scene;
  std::istringstream in(text);
  std::string out;
  bool in_output = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("> ")) {
      absl::StrAppend(&out, line, "\n");
      try {
        out += scene.command(split(line.substr(2)));
      } catch (const std::out_of_range&) {
        out += "a word is missing\n";
      }
      in_output = true;
    } else if (line.empty() || line.starts_with("#")) {
      absl::StrAppend(&out, line, "\n");
      in_output = false;
    } else if (!in_output) {
      absl::StrAppend(&out, line, "\n");
    }
  }
  return out;
}

int run_transcripts(const std::string& folder, bool rewrite) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::size_t differing = 0;
  for (const auto& file : files) {
    const std::string expected = read_file(file);
    const std::string actual = replay_transcript(expected);
    if (actual == expected) continue;
    ++differing;
    if (rewrite) {
      std::ofstream(file, std::ios::binary) << actual;
      absl::PrintF("rewritten: %s\n", file.string());
      continue;
    }
    std::istringstream a(expected);
    std::istringstream b(actual);
    std::string x;
    std::string y;
    while (std::getline(a, x) && std::getline(b, y) && x == y) continue;
    absl::PrintF("%s differs first in\n  expected: %s\n  actual:   %s\n", file.string(), x, y);
  }
  absl::PrintF("%d transcripts, %d differ\n", files.size(), differing);
  return (differing == 0 || rewrite) && !files.empty() ? 0 : 1;
}

bool transcripts_differ(const std::string& folder) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    std::freopen("/dev/null", "w", stdout);
    std::freopen("/dev/null", "w", stderr);
    _exit(run_transcripts(folder, false));
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child &&
         (!WIFEXITED(status) || WEXITSTATUS(status) != 0);
}

}  // namespace kv::sim
