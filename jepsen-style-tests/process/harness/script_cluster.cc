#include <iostream>
#include <stdexcept>

#include "jepsen-style-tests/process/harness/cluster.h"

namespace kv::e2e {
namespace {

constexpr int kNotAllowed = 4;

}  // namespace

ScriptCluster::ScriptCluster(const ClusterOptions& options, std::map<std::string, std::string> env)
    : Cluster(options), env_(std::move(env)) {
  env_["KV_BUILD_DIR"] = std::filesystem::path(from_environment("KV_BIN_DIR")).parent_path();
  up();
  await_connected();
}

ScriptCluster::~ScriptCluster() {
  show_logs_if_failed();
  const Result result = script({"down"});
  if (result.code != 0) std::cerr << "scripts/cluster down: " << result << "\n";
}

// The name of the folder is what the watcher over temporary folders looks for.
std::string ScriptCluster::folder(const std::string& id) const { return dir() / "cluster/" + id; }

Result ScriptCluster::script(const Arguments& arguments) const {
  Command command{.argv = {from_environment("KV_SOURCE_DIR") + "/scripts/cluster"}, .env = env_};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  command.argv.insert(command.argv.end(), {"--dir", dir() / "cluster"});
  return run(command, 2 * kDeadline);
}

void ScriptCluster::must(const Arguments& arguments) const {
  const Result result = script(arguments);
  if (result.code == 0) return;
  throw std::runtime_error("scripts/cluster " + arguments.front() + ": " + result.out + result.err);
}

pid_t ScriptCluster::pid(const std::string& id) const {
  const std::string text = read_file(folder(id) + "/pid");
  return text.empty() ? 0 : std::stoi(text);
}

bool ScriptCluster::isolate(const std::string& id) const {
  const Result result = script({"isolate", id});
  if (result.code == 0) return true;
  if (result.code != kNotAllowed)
    throw std::runtime_error("scripts/cluster isolate: " + result.err);
  std::cout
      << "[   NOTE   ] no partition is possible here, so the two sides run one after the other.\n"
      << result.err;
  return false;
}

void ScriptCluster::swap_sides(const std::string& id) {
  for (const Node& node : nodes())
    if (node.id != id) stop(node.id);
  start(id);
}

void ScriptCluster::start_others(const std::string& id) {
  for (const Node& node : nodes())
    if (node.id != id) start(node.id);
}

}  // namespace kv::e2e
