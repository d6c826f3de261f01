// kvnode: flags, then one node until it is told to stop.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "node/adapters/config/config.h"
#include "node/adapters/config/values.h"
#include "node/adapters/log/log.h"
#include "node/server.h"

namespace {

constexpr int kUsage = 2;
constexpr int kFailed = 1;

struct Flags {
  std::string config;
  std::string node;
  std::string data_dir;
  std::string log_file;
  std::string client_netns;
  std::vector<std::string> peer_addresses;
  bool list_nodes = false;
};

void declare(CLI::App& app, Flags& flags) {
  app.add_option("--config", flags.config, "the cluster's configuration file (TOML)")->required();
  app.add_option("--node", flags.node, "which of its nodes to be");
  app.add_option("--data-dir", flags.data_dir, "where this node keeps its data; created if absent");
  app.add_option("--log-file", flags.log_file,
                 "append the log to this file instead of standard error");
  app.add_option("--peer-address", flags.peer_addresses,
                 "ID=HOST:PORT, instead of the peer address in the file; may be repeated");
  app.add_option(
      "--client-netns", flags.client_netns,
      "listen for clients in this network namespace (a path such as /proc/1/ns/net; needs root)");
  app.add_flag("--list-nodes", flags.list_nodes,
               "print the configured nodes, one a line (id, client address, peer address, zone or "
               "-), and end");
  app.footer(
      "Stops in order on SIGTERM and SIGINT: takes no more requests, finishes those under way, "
      "syncs.\n"
      "Exit codes: 0 stopped in order, 1 could not start (the last line of the log says why), 2 "
      "usage or configuration.");
}

std::string ids_of(const kv::Config& config) {
  std::string ids;
  for (const kv::ConfigNode& node : config.nodes) ids += (ids.empty() ? "" : ", ") + node.id;
  return ids;
}

kv::ConfigNode* find_node(kv::Config& config, const std::string& id) {
  for (kv::ConfigNode& node : config.nodes)
    if (node.id == id) return &node;
  return nullptr;
}

bool override_addresses(const Flags& flags, kv::Config& config) {
  for (const std::string& text : flags.peer_addresses) {
    const std::size_t equals = std::min(text.find('='), text.size());
    kv::ConfigNode* node = find_node(config, text.substr(0, equals));
    const std::string address = text.substr(std::min(equals + 1, text.size()));
    if (node != nullptr && kv::is_address(address)) {
      node->peer = address;
      continue;
    }
    std::cerr << "kvnode: --peer-address " << text << ": expected ID=HOST:PORT, where ";
    if (node == nullptr) {
      std::cerr << "ID is the id of a configured node, which is one of " << ids_of(config) << "\n";
    } else {
      std::cerr << "HOST is a name, an IPv4 address or an IPv6 address in brackets, and PORT is 1 "
                   "to 65535; not \""
                << address << "\"\n";
    }
    return false;
  }
  return true;
}

bool names_node(const Flags& flags, kv::Config& config) {
  if (find_node(config, flags.node) != nullptr) return true;
  std::cerr << "kvnode: --node " << flags.node << ": " << flags.config
            << " names no such node; it has " << ids_of(config) << "\n";
  return false;
}

int run(const Flags& flags, const kv::Config& config) {
  // Taken before any thread starts, so that they all leave the signals to this one.
  boost::asio::io_context io;
  boost::asio::signal_set signals(io, SIGTERM, SIGINT);
  const absl::Status log =
      kv::log::init({config.log.format, config.log.level, flags.node, flags.log_file});
  if (!log.ok()) {
    std::cerr << "kvnode: " << log.message() << "\n";
    return kFailed;
  }
  auto server = kv::Server::start({config, flags.node, flags.data_dir, flags.client_netns});
  if (!server.ok()) {
    kv::log::error(std::string(server.status().message()));
    if (!flags.log_file.empty()) std::cerr << "kvnode: " << server.status().message() << "\n";
    return kFailed;
  }
  signals.async_wait([](const boost::system::error_code&, int) {});
  io.run();
  kv::log::info("stopping");
  (*server)->stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("kvnode: one node of a Dunlin cluster", "kvnode");
  Flags flags;
  declare(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  auto config = kv::load_config(flags.config);
  if (!config.ok()) {
    std::cerr << config.status().message() << "\n";
    return kUsage;
  }
  if (!override_addresses(flags, *config)) return kUsage;
  if (flags.list_nodes) {
    std::cout << kv::list_nodes(*config);
    return 0;
  }
  if (flags.node.empty() || flags.data_dir.empty()) {
    std::cerr << "kvnode: --node and --data-dir are needed; kvnode --help tells more\n";
    return kUsage;
  }
  if (!names_node(flags, *config)) return kUsage;
  return run(flags, *config);
}
