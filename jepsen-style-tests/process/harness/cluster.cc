#include "jepsen-style-tests/process/harness/cluster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <stdexcept>

namespace kv::e2e {
namespace {

std::string last_lines(const std::string& text, std::size_t count) {
  std::size_t start = text.size();
  for (std::size_t i = 0; i <= count && start != std::string::npos && start > 0; ++i)
    start = text.rfind('\n', start - 1);
  return start == std::string::npos || start == 0 ? text : text.substr(start + 1);
}

}  // namespace

Cluster::Cluster(const ClusterOptions& options) {
  std::string text = "cluster = \"" + options.name + "\"\n" + options.root;
  for (std::size_t i = 1; i <= options.nodes; ++i) {
    const Node node = {
        .id = "n" + std::to_string(i), .client = reserve_address(), .peer = reserve_address()};
    text += "[[node]]\nid = \"" + node.id + "\"\nclient = \"" + node.client + "\"\npeer = \"" +
            node.peer + "\"\n";
    if (!options.zones.empty()) text += "zone = \"" + options.zones.at(i - 1) + "\"\n";
    nodes_.push_back(node);
  }
  write_file(config(), text + options.settings);
}

const Node& Cluster::node(const std::string& id) const {
  const auto found =
      std::find_if(nodes_.begin(), nodes_.end(), [&](const Node& node) { return node.id == id; });
  if (found == nodes_.end()) throw std::invalid_argument("no node " + id);
  return *found;
}

Kv Cluster::kv() const {
  std::string endpoints;
  for (const Node& node : nodes_) endpoints += (endpoints.empty() ? "" : ",") + node.client;
  return Kv(endpoints);
}

Kv Cluster::at(const std::string& id) const { return Kv(node(id).client); }

std::string Cluster::log(const std::string& id) const { return read_file(folder(id) + "/log"); }

void Cluster::wipe(const std::string& id) {
  stop(id);
  std::filesystem::remove_all(folder(id) + "/data");
}

std::string Cluster::damage_manifest(const std::string& id) {
  stop(id);
  const std::string data = folder(id) + "/data";
  for (const auto& entry : std::filesystem::directory_iterator(data))
    if (entry.path().filename().string().starts_with("MANIFEST"))
      write_file(entry.path(), "no manifest");
  return data;
}

Json Cluster::status_of(const std::string& id) const {
  const Result result = at(id)({"-o", "json", "status", "--timeout", "5s"});
  if (result.code != 0) return nullptr;
  const Json status = Json::parse(result.out);
  for (const Json& node : status.at("nodes"))
    if (node.at("id") == id && node.at("state") != "unreachable") return node;
  return nullptr;
}

void Cluster::await_answer(const std::string& id) const {
  if (!eventually([&] { return status_of(id) != nullptr; }))
    throw std::runtime_error(id + " does not answer; its log ends with\n" +
                             last_lines(log(id), 20));
}

// One look at all nodes. The endpoints name every node, so the answer has them all.
bool Cluster::all_status(bool nothing_owed) const {
  const Result result = kv()({"-o", "json", "status", "--timeout", "5s"});
  if (result.code != 0) return false;
  const Json status = Json::parse(result.out);
  for (const Json& node : status.at("nodes")) {
    if (node.at("state") != "alive") return false;
    for (const Json& peer : node.at("peers")) {
      if (peer.at("alive") != true) return false;
      if (nothing_owed && peer.at("debt_dots") != 0) return false;
    }
  }
  return true;
}

void Cluster::await_connected() const {
  if (!eventually([&] { return all_status(false); }))
    throw std::runtime_error("the nodes do not all hear each other: " + kv()({"status"}).out);
}

void Cluster::await_nothing_owed() const {
  if (!eventually([&] { return all_status(true); }))
    throw std::runtime_error("the nodes still owe each other: " + kv()({"status"}).out);
}

Records Cluster::held_by(const std::string& id) const {
  const Result result = at(id)({"export", "--level", "one"});
  if (result.code != 0) throw std::runtime_error("no export from " + id + ": " + result.err);
  return parse_json_lines(result.out);
}

void Cluster::await_same_everywhere() const {
  std::string different;
  const bool same = eventually([&] {
    const Records first = held_by(nodes_.front().id);
    return std::all_of(nodes_.begin() + 1, nodes_.end(), [&](const Node& node) {
      different = difference(first, held_by(node.id));
      return different.empty();
    });
  });
  if (!same) throw std::runtime_error("the nodes do not hold the same: " + different);
}

void Cluster::show_logs_if_failed() const {
  const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
  const bool failed =
      test != nullptr ? test->result()->Failed() : testing::UnitTest::GetInstance()->Failed();
  if (!failed && std::uncaught_exceptions() == 0) return;
  for (const Node& node : nodes_)
    std::cerr << "--- the end of the log of " << node.id << "\n" << last_lines(log(node.id), 20);
}

}  // namespace kv::e2e
