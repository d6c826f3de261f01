#include "jepsen-style-tests/process/jepsen/clients.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "jepsen-style-tests/history/history_codec.h"
#include "jepsen-style-tests/process/jepsen/followers/followers.h"

namespace kv::jepsen {
namespace {

using Json = nlohmann::json;

constexpr const char* kResume = "resume";
constexpr const char* kPause = "pause";
constexpr const char* kSurge = "surge ";
constexpr const char* kAwaitFollowers = "await-followers";
constexpr const char* kDone = "done\n";
constexpr std::chrono::seconds kMark{60};  // how long followers may take to be told of it

// What was added to a file, in whole lines; `read_bytes` moves on.
history::History read_on(const std::filesystem::path& path, const history::Setup& setup,
                         std::uintmax_t& read_bytes) {
  std::ifstream file(path);
  file.seekg(static_cast<std::streamoff>(read_bytes));
  std::string added{std::istreambuf_iterator<char>(file), {}};
  added.resize(added.rfind('\n') + 1);
  std::stringstream text;
  if (read_bytes > 0) text << history::to_line(setup) << '\n';
  text << added;
  read_bytes += added.size();
  auto history = history::read(text);
  if (!history.ok())
    throw std::runtime_error(absl::StrCat(path.string(), ": ", history.status().message()));
  return *std::move(history);
}

}  // namespace

Clients::Clients(const Machine& machine, const std::vector<std::string>& places,
                 const Endpoints& endpoints, const CrowdOptions& options, std::uint32_t most_times,
                 std::uint64_t seed, const std::filesystem::path& folder, Recorder& recorder)
    : recorder_(recorder) {
  const std::size_t count = std::max<std::size_t>(places.size(), 1);
  for (std::size_t i = 0; i < count; ++i) {
    Group group{.file = folder / absl::StrCat("clients-", i + 1, ".jsonl")};
    const Json orders = {{"workload", recorder.history().setup.workload},
                         {"nodes", recorder.history().setup.nodes},
                         {"replicas", recorder.history().setup.replicas},
                         {"endpoints", endpoints},
                         {"clients", options.clients},
                         {"most_times", most_times},
                         {"first", i},
                         {"step", count},
                         {"rate", options.rate},
                         {"timeout_ms", options.timeout.count()},
                         {"seed", seed},
                         {"begin_us", recorder.begin_us()},
                         {"file", group.file.string()}};
    e2e::Command command{.argv = {}, .feeds_input = true};
    if (!places.empty()) command.argv = machine.at(places[i]);
    command.argv.push_back(std::filesystem::read_symlink("/proc/self/exe"));
    command.argv.emplace_back("clients");
    group.process = std::make_unique<e2e::Process>(command);
    group.process->feed(orders.dump() + "\n");
    groups_.push_back(std::move(group));
  }
}

void Clients::tell(const std::string& order) {
  for (Group& group : groups_)
    if (!group.process->feed(order + "\n"))
      throw std::runtime_error("clients have ended: " + group.process->err());
}

void Clients::resume() { tell(kResume); }

void Clients::surge(std::uint32_t times) { tell(absl::StrCat(kSurge, times)); }

void Clients::pause() {
  tell(kPause);
  await_done(std::chrono::duration_cast<std::chrono::seconds>(e2e::kDeadline));
}

void Clients::await_followers() {
  tell(kAwaitFollowers);
  await_done(2 * kMark);
}

void Clients::await_done(std::chrono::seconds limit) {
  ++done_;
  for (Group& group : groups_) {
    const bool done = e2e::eventually(
        [&] {
          return group.process->out().size() == done_ * std::string_view(kDone).size() ||
                 !group.process->is_running();
        },
        limit);
    if (!done || !group.process->is_running())
      throw std::runtime_error("clients do not do as they are told: " + group.process->err());
  }
  collect();
}

void Clients::collect() {
  std::vector<history::Operation> all;
  for (Group& group : groups_) {
    history::History added = read_on(group.file, recorder_.history().setup, group.read_bytes);
    std::move(added.operations.begin(), added.operations.end(), std::back_inserter(all));
    for (history::Told& told : added.told) recorder_.add(std::move(told));
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.end_us < b.end_us; });
  for (history::Operation& op : all) recorder_.add(std::move(op));
}

namespace {

// Of all nodes those that are followed from here: the first, and each so many after it.
Endpoints followed(const Endpoints& endpoints, std::size_t first, std::size_t step) {
  Endpoints some;
  std::size_t i = 0;
  for (const auto& [node, address] : endpoints)
    if (i++ % step == first) some[node] = address;
  return some;
}

}  // namespace

int work_as_clients() {
  std::string line;
  std::getline(std::cin, line);
  const Json orders = Json::parse(line);
  const auto& workload = *workload::find(orders.at("workload").get<std::string>());
  Recorder recorder(
      orders.at("file").get<std::string>(),
      {.workload = workload.name, .nodes = orders.at("nodes"), .replicas = orders.at("replicas")},
      std::chrono::steady_clock::time_point(
          std::chrono::microseconds(orders.at("begin_us").get<std::int64_t>())));
  const auto endpoints = orders.at("endpoints").get<Endpoints>();
  const auto seed = orders.at("seed").get<std::uint64_t>();
  Crowd crowd(workload, endpoints,
              {.clients = orders.at("clients"),
               .rate = orders.at("rate"),
               .timeout = std::chrono::milliseconds(orders.at("timeout_ms").get<std::int64_t>()),
               .first = orders.at("first"),
               .step = orders.at("step")},
              orders.at("most_times"), seed, recorder);
  Followers followers(workload, followed(endpoints, orders.at("first"), orders.at("step")), seed,
                      recorder);
  while (std::getline(std::cin, line)) {
    if (line == kResume) crowd.resume();
    if (line.starts_with(kSurge))
      crowd.surge(static_cast<std::uint32_t>(std::stoul(line.substr(std::string(kSurge).size()))));
    if (line == kPause) crowd.pause();
    if (line == kAwaitFollowers) followers.await_mark(kMark);
    if (line != kPause && line != kAwaitFollowers) continue;
    recorder.flush();
    std::cout << kDone << std::flush;
  }
  return 0;
}

}  // namespace kv::jepsen
