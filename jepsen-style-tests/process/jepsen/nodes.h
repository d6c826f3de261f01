// The nodes' processes and their disks.
//
// Not thread-safe: everything from one thread, which must live as long as the nodes, for they end with it. Errors are thrown.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "jepsen-style-tests/process/harness/process.h"
#include "jepsen-style-tests/process/jepsen/machine.h"

namespace kv::jepsen {

struct NodesOptions {
  std::filesystem::path
      folder{};          // gets config.toml, and for each node a folder with log and disk/
  std::string binary{};  // kvnode
  std::uint32_t replicas = 3;
  bool fake_clocks = false;  // wall clocks may be set
  bool small_disks = false;  // disks may be filled
};

class Nodes {
 public:
  Nodes(Machine& machine, std::vector<std::string> names, NodesOptions options);
  ~Nodes();
  Nodes(const Nodes&) = delete;
  Nodes& operator=(const Nodes&) = delete;

  const std::vector<std::string>& names() const { return names_; }
  bool is_running(const std::string& node) const;

  // Does not wait until it answers.
  void start(const std::string& node);
  void kill(const std::string& node);  // returns when it has ended, as does stop
  void stop(const std::string& node);
  void pause(const std::string& node);
  void resume(const std::string& node);

  // Of a node that does not run:
  void wipe(const std::string& node);
  void copy_data(const std::string& node, const std::string& name);     // aside, under that name
  void restore_data(const std::string& node, const std::string& name);  // and removes the copy
  void take_data_of(const std::string& node, const std::string& other);

  void fill_disk(const std::string& node);
  void free_disk(const std::string& node);
  void set_clock(const std::string& node, std::int64_t offset_ms);  // noticed within a second
  void remove_data();                                               // of all; nothing runs any more

 private:
  std::filesystem::path folder(const std::string& node) const { return options_.folder / node; }
  std::filesystem::path disk(const std::string& node) const { return folder(node) / "disk"; }
  std::filesystem::path data(const std::string& node) const { return disk(node) / "data"; }

  Machine& machine_;
  const std::vector<std::string> names_;
  const NodesOptions options_;
  std::map<std::string, std::unique_ptr<e2e::Process>> processes_;
};

// The library that sets a process's wall clock apart; empty where Debian's package libfaketime is not installed.
std::string fake_clock_library();

}  // namespace kv::jepsen
