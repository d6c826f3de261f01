#include <signal.h>

#include <stdexcept>

#include "jepsen-style-tests/process/harness/cluster.h"

namespace kv::e2e {

DirectCluster::DirectCluster(const ClusterOptions& options) : Cluster(options) {
  // All at once, then each is waited for.
  for (const Node& node : nodes()) {
    std::filesystem::create_directories(folder(node.id));
    processes_[node.id] = std::make_unique<Process>(command(node.id));
  }
  await_connected();
}

DirectCluster::~DirectCluster() { show_logs_if_failed(); }

std::string DirectCluster::folder(const std::string& id) const { return dir() / id; }

Command DirectCluster::command(const std::string& id) const {
  return {.argv = {kvnode_binary(), "--config", config(), "--node", id, "--data-dir",
                   folder(id) + "/data", "--log-file", folder(id) + "/log"}};
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
