// One node: every part made, connected, started and stopped in the right order.
//
// Not thread-safe: one thread opens it, waits, and stops it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "node/adapters/config/config.h"

namespace kv {

struct ServerOptions {
  Config config;
  std::string node;  // its id in the configuration
  std::string data_dir;
  std::string client_netns;  // network namespace to listen for clients in; empty: the process's own
};

class Server {
 public:
  // Opens the data directory, recovers, connects and listens. The error says what could not be done and what to do.
  static absl::StatusOr<std::unique_ptr<Server>> start(const ServerOptions& options);
  ~Server();

  // Takes no more requests, finishes those under way, syncs, and records the clean stop.
  void stop();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kv
