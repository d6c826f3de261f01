#include <signal.h>

#include <fstream>
#include <stdexcept>

#include "jepsen-style-tests/process/harness/cluster.h"

namespace kv::e2e {

namespace {

// Debian's libfaketime, and what makes it change the date alone: timeouts are not to be touched.
std::map<std::string, std::string> clock_of(const std::string& file) {
  std::filesystem::path library;
  for (const auto& folder : std::filesystem::directory_iterator("/usr/lib")) {
    const auto found = folder.path() / "faketime" / "libfaketimeMT.so.1";
    if (std::filesystem::exists(found)) library = found;
  }
  if (library.empty()) throw std::runtime_error("no libfaketime: run scripts/setup");
  return {{"LD_PRELOAD", library},
          {"FAKETIME_TIMESTAMP_FILE", file},
          {"FAKETIME_CACHE_DURATION", "1"},
          {"FAKETIME_DONT_FAKE_MONOTONIC", "1"},
          {"NO_FAKE_STAT", "1"}};
}

}  // namespace

DirectCluster::DirectCluster(const ClusterOptions& options)
    : Cluster(options), own_clocks_(options.own_clocks) {
  // All at once, then each is waited for.
  for (const Node& node : nodes()) {
    std::filesystem::create_directories(folder(node.id));
    if (own_clocks_) set_clock(node.id, 0);
    processes_[node.id] = std::make_unique<Process>(command(node.id));
  }
  await_connected();
}

DirectCluster::~DirectCluster() { show_logs_if_failed(); }

std::string DirectCluster::folder(const std::string& id) const { return dir() / id; }

Command DirectCluster::command(const std::string& id) const {
  return {
      .argv = {kvnode_binary(), "--config", config(), "--node", id, "--data-dir",
               folder(id) + "/data", "--log-file", folder(id) + "/log"},
      .env = own_clocks_ ? clock_of(folder(id) + "/clock") : std::map<std::string, std::string>()};
}

void DirectCluster::set_clock(const std::string& id, int ahead_s) const {
  // Put in place at once: the node must not read half of it.
  const std::string file = folder(id) + "/clock";
  std::ofstream(file + ".new") << (ahead_s < 0 ? "" : "+") << ahead_s << "s\n";
  std::filesystem::rename(file + ".new", file);
}

void DirectCluster::start(const std::string& id) {
  if (process(id).is_running()) return;
  processes_[id] = std::make_unique<Process>(command(id));
  await_answer(id);
}

void DirectCluster::stop(const std::string& id) {
  process(id).signal(SIGTERM);
  if (!process(id).wait().has_value()) throw std::runtime_error(id + " does not end");
}

void DirectCluster::kill(const std::string& id) {
  process(id).signal(SIGKILL);
  process(id).wait();
}

void DirectCluster::pause(const std::string& id) { process(id).signal(SIGSTOP); }
void DirectCluster::resume(const std::string& id) { process(id).signal(SIGCONT); }

}  // namespace kv::e2e
