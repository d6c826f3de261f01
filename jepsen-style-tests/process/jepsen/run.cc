#include "jepsen-style-tests/process/jepsen/run.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <sys/stat.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "jepsen-style-tests/checkers/checkers.h"
#include "jepsen-style-tests/faults/schedule.h"
#include "jepsen-style-tests/process/harness/place.h"
#include "jepsen-style-tests/process/jepsen/clients.h"
#include "jepsen-style-tests/process/jepsen/followers/followers.h"
#include "jepsen-style-tests/process/jepsen/injector.h"
#include "jepsen-style-tests/process/jepsen/plot.h"

namespace kv::jepsen {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kConvergence{60};

std::vector<std::string> node_names(std::uint32_t count) {
  std::vector<std::string> names;
  for (std::uint32_t i = 1; i <= count; ++i) names.push_back(absl::StrCat("n", i));
  return names;
}

std::vector<std::string> client_places(bool isolated) {
  return isolated ? std::vector<std::string>{"c1", "c2", "c3"} : std::vector<std::string>{};
}

// Whether some of the nemeses says so of itself.
bool some(const RunOptions& options, bool fault::Nemesis::*what) {
  return std::any_of(options.nemeses.begin(), options.nemeses.end(),
                     [what](const std::string& name) { return fault::find(name)->*what; });
}

// More than what a node's configuration here lets it take: caches and buffers of RocksDB (some 10 MiB), requests in its queue
// (16 MiB) and in gRPC's hands, what is under way to four peers (8 MiB each), and the program itself with its threads.
constexpr std::uint64_t kMostMemoryBytes = 256ULL << 20;

constexpr std::uint32_t kMostSurge = 10;

history::Setup setup_of(const RunOptions& options, const workload::Workload& workload,
                        std::uint32_t replicas, bool isolated) {
  history::Setup setup{.workload = options.workload,
                       .nemeses = options.nemeses,
                       .seed = options.seed,
                       .nodes = node_names(options.nodes),
                       .replicas = replicas,
                       .policies = {},
                       .memory_bytes = kMostMemoryBytes,
                       .places = client_places(isolated)};
  for (const workload::Mix& mix : workload.mixes) {
    setup.policies[workload::bucket_of(mix)] = mix.policy;
    if (mix.watched) setup.watched.push_back(workload::bucket_of(mix));
  }
  return setup;
}

class Run {
 public:
  Run(const RunOptions& options, fs::path folder, bool isolated);

  void go();
  const history::History& history() const { return recorder_.history(); }
  void remove_data() { nodes_.remove_data(); }

 private:
  static constexpr std::uint32_t kReplicas = 3;

  void await_ready();
  void make_buckets();
  void chaos(Clients& clients, std::int64_t round, std::int64_t duration_ms);
  void rest();
  void end_watches(Clients& clients);
  void await_expiry();
  void read_all();

  const RunOptions& options_;
  const workload::Workload& workload_;
  const fs::path folder_;
  Recorder recorder_;
  Machine machine_;
  Nodes nodes_;
  Injector injector_;
  Endpoints endpoints_;
  std::unique_ptr<client::Client> client_;  // of all nodes
};

Run::Run(const RunOptions& options, fs::path folder, bool isolated)
    : options_(options),
      workload_(*workload::find(options.workload)),
      folder_(std::move(folder)),
      recorder_(folder_ / "history.jsonl", setup_of(options, workload_, kReplicas, isolated)),
      machine_(node_names(options.nodes), client_places(isolated), isolated, options.seed),
      nodes_(machine_, node_names(options.nodes),
             {.folder = folder_,
              .binary = options.binary,
              .replicas = kReplicas,
              .fake_clocks = some(options, &fault::Nemesis::needs_fake_clocks),
              .own_disks = some(options, &fault::Nemesis::needs_mounts),
              .bad_disks = some(options, &fault::Nemesis::needs_bad_disks)}),
      injector_(machine_, nodes_, recorder_) {
  std::vector<std::string> addresses;
  for (const std::string& node : nodes_.names()) {
    endpoints_[node] = machine_.client_address(node);
    addresses.push_back(machine_.client_address(node));
  }
  client_ = client::Client::create({.endpoints = addresses}).value();
}

void Run::go() {
  for (const std::string& node : nodes_.names()) nodes_.start(node);
  await_ready();
  make_buckets();
  const StallWatch watch(recorder_);
  {
    const bool surges = std::find(options_.nemeses.begin(), options_.nemeses.end(), "surge") !=
                        options_.nemeses.end();
    Clients clients(machine_, history().setup.places, endpoints_, options_.crowd,
                    surges ? kMostSurge : 1, options_.seed, folder_, recorder_);
    injector_.on_surge(
        [&clients](std::int64_t times) { clients.surge(static_cast<std::uint32_t>(times)); });
    const std::int64_t total_ms = options_.seconds * 1000;
    for (std::int64_t done_ms = 0, round = 0; done_ms < total_ms; ++round) {
      const std::int64_t duration_ms = std::min(options_.round_seconds * 1000, total_ms - done_ms);
      chaos(clients, round, duration_ms);
      rest();
      done_ms += duration_ms;
    }
    end_watches(clients);
  }
  injector_.on_surge({});
  await_expiry();
  read_all();
  injector_.look_after();
  recorder_.complete();
}

// Each node answers and hears every other.
void Run::await_ready() {
  std::string problem;
  const bool ready = e2e::eventually([&] {
    for (const client::NodeStatus& node : client_->status(std::chrono::seconds(5))) {
      problem = absl::StrCat(node.address, ": ", node.failure);
      if (!node.report.has_value()) return false;
      for (const auto& peer : node.report->peers) {
        problem = absl::StrCat(node.id, " does not hear ", peer.id);
        if (!peer.alive) return false;
      }
    }
    return true;
  });
  if (!ready)
    throw std::runtime_error("the nodes are not ready: " + problem + "; logs are in " +
                             folder_.string());
}

void Run::make_buckets() {
  for (const auto& [bucket, policy] : history().setup.policies) {
    if (bucket == "default") continue;
    const auto made =
        client_->create_bucket({.name = bucket, .policy = policy}, std::chrono::seconds(20));
    if (!made.ok()) throw std::runtime_error("no bucket " + bucket + ": " + made.failure().message);
  }
}

void Run::chaos(Clients& clients, std::int64_t round, std::int64_t duration_ms) {
  const std::vector<fault::Spell> spells =
      fault::draw(options_.nemeses, nodes_.names(),
                  options_.seed + static_cast<std::uint64_t>(round) * 1'000'003, duration_ms,
                  history().setup.places);
  std::multimap<std::int64_t, std::pair<bool, std::size_t>>
      moments;  // time; begin or end; of which
  for (std::size_t i = 0; i < spells.size(); ++i) {
    moments.emplace(spells[i].begin_ms, std::pair(true, i));
    moments.emplace(spells[i].end_ms, std::pair(false, i));
  }
  clients.resume();
  const std::int64_t began_us = recorder_.now_us();
  const auto elapsed_ms = [&] { return (recorder_.now_us() - began_us) / 1000; };
  while (elapsed_ms() < duration_ms) {
    while (!moments.empty() && moments.begin()->first <= elapsed_ms()) {
      const auto [begins, which] = moments.begin()->second;
      moments.erase(moments.begin());
      if (begins)
        injector_.begin(which, spells[which]);
      else
        injector_.end(which);
    }
    injector_.look_after();
    e2e::pause_before_next_look();
  }
  injector_.mend();
  clients.pause();
}

// All replicas of all keys equal, within the time that is allowed for it.
void Run::rest() {
  history::Rest rest;
  const bool reached = e2e::eventually(
      [&] {
        injector_.look_after();
        const auto convergence = client_->converged(std::chrono::seconds(5), true);
        rest.converged = convergence.ok() && convergence->converged;
        rest.text =
            !convergence.ok() ? convergence.failure().message
            : rest.converged
                ? ""
                : absl::StrCat("not equal after ", kConvergence.count(), " s: partitions ",
                               absl::StrJoin(convergence->partitions_behind, ","),
                               "; no answer from ", absl::StrJoin(convergence->unreachable, ","));
        return rest.converged;
      },
      kConvergence);
  if (reached) injector_.all_equal();
  rest.converged = reached;
  rest.at_us = recorder_.now_us();
  recorder_.add(std::move(rest));
}

// All that was written has been told when the mark is, which every node takes after everything else.
void Run::end_watches(Clients& clients) {
  if (history().setup.watched.empty()) return;
  for (const std::string& bucket : history().setup.watched)
    for (const std::string& key : Followers::mark()) {
      const bool is_put = e2e::eventually([&] {
        injector_.look_after();
        return client_->put(key, "", {.bucket = bucket, .level = client::Level::kAll}).ok();
      });
      if (!is_put) throw std::runtime_error("no node takes the mark at the end of watches");
    }
  clients.await_followers();
}

// What was put for a time is gone, so that all nodes show the same whenever they are asked.
void Run::await_expiry() {
  constexpr std::int64_t kTakenAndShownLateUs = 3'000'000;
  std::int64_t gone_us = 0;
  for (const history::Operation& op : history().operations)
    if (op.ttl_us > 0) gone_us = std::max(gone_us, op.end_us + op.ttl_us + kTakenAndShownLateUs);
  e2e::eventually([&] {
    injector_.look_after();
    return recorder_.now_us() >= gone_us;
  });
}

// Where replicas have not become equal, which is a violation already, each read may take its whole deadline: some must do then.
void Run::read_all() {
  constexpr std::size_t kPage = 200;
  constexpr std::int64_t kSomeUs = 60'000'000;
  const bool equal = !history().rests.empty() && history().rests.back().converged;
  const std::int64_t until_us = recorder_.now_us() + kSomeUs;
  std::map<std::string, std::set<std::string>> keys;  // by bucket
  for (const history::Operation& op : history().operations) keys[op.bucket].insert(op.key);
  Session session(endpoints_, options_.crowd.clients, options_.crowd.timeout, recorder_);
  for (const std::string& node : nodes_.names())
    for (const workload::Mix& mix : workload_.mixes) {
      const auto& all = keys[workload::bucket_of(mix)];
      for (auto it = all.begin(); it != all.end() && (equal || recorder_.now_us() < until_us);) {
        std::vector<std::string> page;
        for (; it != all.end() && page.size() < kPage; ++it) page.push_back(*it);
        session.read_in_the_end(node, mix, page);
      }
    }
}

fs::path default_folder(const RunOptions& options) {
  const std::string nemeses =
      options.nemeses.empty() ? "none" : absl::StrJoin(options.nemeses, "+");
  return fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "jepsen" /
         absl::StrCat(options.workload, "-", nemeses, "-", options.seed);
}

RunResult judge(const history::History& history, const fs::path& folder) {
  const check::Verdict verdict = check::check(history);
  RunResult result{.good = verdict.good() && history.complete, .faults = history.faults.size()};
  std::uint64_t reads_in_the_end = 0;
  for (const history::Operation& op : history.operations) {
    if (op.final) {
      ++reads_in_the_end;
    } else {
      ++(op.outcome == history::Outcome::kOk        ? result.acknowledged
         : op.outcome == history::Outcome::kUnknown ? result.unknown
                                                    : result.refused);
    }
  }
  result.text = absl::StrFormat(
      "%s: %s with %s, seed %d: %d ok, %d refused, %d unknown, %d faults, %d reads in the end\n%s",
      result.good ? "good" : "VIOLATED", history.setup.workload,
      history.setup.nemeses.empty() ? "no nemesis" : absl::StrJoin(history.setup.nemeses, ","),
      history.setup.seed, result.acknowledged, result.refused, result.unknown, result.faults,
      reads_in_the_end, check::to_text(verdict));
  e2e::write_file(folder / "verdict.txt", result.text);
  e2e::write_file(folder / "plot.svg", plot(history));
  nlohmann::json summary = {{"good", result.good},       {"acknowledged", result.acknowledged},
                            {"refused", result.refused}, {"unknown", result.unknown},
                            {"faults", result.faults},   {"violated", nlohmann::json::array()}};
  for (const auto& [demand, found] : verdict.found())
    summary["violated"].push_back(check::name_of(demand));
  e2e::write_file(folder / "summary.json", summary.dump(2) + "\n");
  return result;
}

// What this machine cannot do for these nemeses; empty if it can. `isolated`: with namespaces.
std::string missing_for(const std::vector<std::string>& nemeses, bool isolated) {
  for (const std::string& name : nemeses) {
    const fault::Nemesis& nemesis = *fault::find(name);
    if ((nemesis.needs_network || nemesis.needs_mounts) && !isolated)
      return absl::StrCat("nemesis ", name, " needs ", nemesis.needs_network ? "networks" : "disks",
                          " of its own: run it as root");
    if (nemesis.needs_network && !network::why_no_tap().empty())
      return absl::StrCat("nemesis ", name, " needs a switch: ", network::why_no_tap());
    if (nemesis.needs_fake_clocks && fake_clock_library().empty())
      return absl::StrCat("nemesis ", name,
                          " needs the package libfaketime: scripts/setup installs it");
  }
  return "";
}

}  // namespace

RunResult run(const RunOptions& options) {
  const std::string refused = enter_namespaces();
  const std::string missing = missing_for(options.nemeses, refused.empty());
  if (!missing.empty()) throw NotPossible(missing);
  const fs::path folder =
      fs::absolute(options.folder.empty() ? default_folder(options) : options.folder);
  if (fs::exists(folder) && !fs::is_empty(folder) && !fs::exists(folder / "history.jsonl"))
    throw std::runtime_error(folder.string() +
                             " holds something other than a run's results; name another folder");
  fs::remove_all(folder);
  fs::create_directories(folder);
  Run run(options, folder, refused.empty());
  try {
    run.go();
  } catch (...) {
    if (!options.keep_data) run.remove_data();
    throw;
  }
  RunResult result = judge(run.history(), folder);
  if (!options.keep_data) run.remove_data();
  absl::StrAppend(&result.text, "results: ", folder.string(), "\n");
  return result;
}

}  // namespace kv::jepsen
