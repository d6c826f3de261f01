// The nodes' processes and their disks.
//
// Not thread-safe: everything from one thread, which must live as long as the nodes, for they end with it. Errors are thrown.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "jepsen-style-tests/process/bad_disk/bad_disk.h"
#include "jepsen-style-tests/process/harness/process.h"
#include "jepsen-style-tests/process/jepsen/machine.h"

namespace kv::jepsen {

struct NodesOptions {
  std::filesystem::path
      folder{};          // gets config.toml, and for each node a folder with log and disk/
  std::string binary{};  // kvnode
  std::uint32_t replicas = 3;
  bool fake_clocks = false;  // wall clocks may be set
  bool own_disks = false;    // disks may be filled, and lose power
  bool bad_disks = false;    // disks may fail
};

class Nodes {
 public:
  Nodes(Machine& machine, std::vector<std::string> names, NodesOptions options);
  ~Nodes();
  Nodes(const Nodes&) = delete;
  Nodes& operator=(const Nodes&) = delete;

  const std::vector<std::string>& names() const { return names_; }
  bool is_running(const std::string& node) const;
  // Of one that has ended: its exit code, 128 plus the number of the signal that ended it.
  int exit_code(const std::string& node) const;
  // Whether its log has this since it was last started.
  bool has_logged(const std::string& node, std::string_view text) const;
  // How often its log has this, all its lives together.
  std::size_t times_logged(const std::string& node, std::string_view text) const;
  std::uint64_t resident_bytes(const std::string& node) const;  // 0: it does not run

  // Does not wait until it answers.
  void start(const std::string& node);
  void kill(const std::string& node);                     // returns when it has ended, as does stop
  void kill_at_once(const std::set<std::string>& nodes);  // none outlives another
  void stop(const std::string& node);
  void pause(const std::string& node);
  void resume(const std::string& node);

  // Of a node that does not run:
  void wipe(const std::string& node);
  void copy_data(const std::string& node, const std::string& name);     // aside, under that name
  void restore_data(const std::string& node, const std::string& name);  // and removes the copy
  void take_data(const std::string& node, const std::string& other,
                 const std::string& name);  // a copy of what the other has aside
  void drop_copy(const std::string& node, const std::string& name);
  void lose_power(
      const std::string& node);  // with all that was not synced; the machine's next run is another
  // Flips some bits of a table, the log or the manifest; `draw` decides. Tells where.
  std::string flip_bits(const std::string& node, std::uint64_t draw);

  void fill_disk(const std::string& node);
  void free_disk(const std::string& node);
  bad_disk::Control& disk_control(const std::string& node) { return *controls_.at(node); }
  void set_clock(const std::string& node, std::int64_t offset_ms);  // noticed within a second

  // Of the process that runs now, beyond what it has; the next one has no limit.
  void limit_memory(const std::string& node, std::uint64_t more_bytes);
  void limit_files(const std::string& node, std::uint64_t more);
  void lift_limits(const std::string& node);

  void remove_data();  // of all; nothing runs any more

 private:
  std::filesystem::path folder(const std::string& node) const { return options_.folder / node; }
  std::filesystem::path disk(const std::string& node) const { return folder(node) / "disk"; }
  std::filesystem::path data(const std::string& node) const { return disk(node) / "data"; }
  std::filesystem::path image(const std::string& node) const { return folder(node) / "disk.img"; }
  std::filesystem::path boot(const std::string& node) const { return folder(node) / "boot_id"; }
  std::map<std::string, std::string> environment_of(const std::string& node) const;
  void make_control(const std::string& node);
  void new_boot(const std::string& node);

  Machine& machine_;
  const std::vector<std::string> names_;
  const NodesOptions options_;
  std::map<std::string, std::unique_ptr<e2e::Process>> processes_;
  std::map<std::string, std::uint64_t> log_begins_;     // bytes of the log before the last start
  std::map<std::string, bad_disk::Control*> controls_;  // mapped; until this process ends
  std::uint64_t boots_ = 0;
};

// The library that sets a process's wall clock apart; empty where Debian's package libfaketime is not installed.
std::string fake_clock_library();

}  // namespace kv::jepsen
