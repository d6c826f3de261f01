#include "jepsen-style-tests/process/jepsen/nodes.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <stdexcept>

#include "jepsen-style-tests/process/harness/place.h"

namespace kv::jepsen {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSmallDiskMib = 160;

// Files may vanish meanwhile where a node runs on what is copied.
void copy_files(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  fs::create_directories(to);
  for (const auto& entry : fs::directory_iterator(from)) {
    std::error_code vanished;
    fs::copy(entry.path(), to / entry.path().filename(), fs::copy_options::recursive, vanished);
  }
}

}  // namespace

std::string fake_clock_library() {
  for (const char* triple : {"x86_64-linux-gnu", "aarch64-linux-gnu"}) {
    const std::string path = absl::StrCat("/usr/lib/", triple, "/faketime/libfaketimeMT.so.1");
    if (fs::exists(path)) return path;
  }
  return "";
}

Nodes::Nodes(Machine& machine, std::vector<std::string> names, NodesOptions options)
    : machine_(machine), names_(std::move(names)), options_(std::move(options)) {
  std::string config =
      absl::StrCat("cluster = \"jepsen\"\npartitions = 16\nreplicas = ", options_.replicas, "\n");
  const std::string settings =
      "[storage]\nwrite_buffer_bytes = \"1MiB\"\n";  // so that tables are written, too
  for (const std::string& node : names_) {
    absl::StrAppend(&config, "[[node]]\nid = \"", node, "\"\nclient = \"",
                    machine_.client_address(node), "\"\npeer = \"", machine_.peer_address(node),
                    "\"\n");
    fs::create_directories(disk(node));
    if (options_.small_disks) machine_.mount_small_disk(disk(node), kSmallDiskMib);
    if (options_.fake_clocks) set_clock(node, 0);
  }
  e2e::write_file(options_.folder / "config.toml", config + settings);
}

Nodes::~Nodes() = default;

bool Nodes::is_running(const std::string& node) const {
  const auto it = processes_.find(node);
  return it != processes_.end() && it->second->is_running();
}

void Nodes::start(const std::string& node) {
  if (is_running(node)) return;
  fs::create_directories(data(node));
  e2e::Command command{.argv = machine_.at(node)};
  for (const std::string& argument :
       {options_.binary, std::string("--config"), (options_.folder / "config.toml").string(),
        std::string("--node"), node, std::string("--data-dir"), data(node).string(),
        std::string("--log-file"), (folder(node) / "log").string()})
    command.argv.push_back(argument);
  if (options_.fake_clocks)
    command.env = {{"LD_PRELOAD", fake_clock_library()},
                   {"FAKETIME_TIMESTAMP_FILE", (folder(node) / "clock").string()},
                   {"FAKETIME_CACHE_DURATION", "1"},
                   {"FAKETIME_DONT_FAKE_MONOTONIC", "1"},
                   {"NO_FAKE_STAT", "1"}};
  processes_[node] = std::make_unique<e2e::Process>(command);
}

void Nodes::kill(const std::string& node) {
  if (!is_running(node)) return;
  processes_.at(node)->signal(SIGKILL);
  if (!processes_.at(node)->wait().has_value()) throw std::runtime_error(node + " does not die");
}

void Nodes::stop(const std::string& node) {
  if (!is_running(node)) return;
  processes_.at(node)->signal(SIGTERM);
  if (!processes_.at(node)->wait().has_value()) throw std::runtime_error(node + " does not end");
}

void Nodes::pause(const std::string& node) {
  if (is_running(node)) processes_.at(node)->signal(SIGSTOP);
}

void Nodes::resume(const std::string& node) {
  if (is_running(node)) processes_.at(node)->signal(SIGCONT);
}

void Nodes::wipe(const std::string& node) { fs::remove_all(data(node)); }

void Nodes::copy_data(const std::string& node, const std::string& name) {
  copy_files(data(node), disk(node) / name);
}

void Nodes::restore_data(const std::string& node, const std::string& name) {
  fs::remove_all(data(node));
  fs::rename(disk(node) / name, data(node));
}

void Nodes::take_data_of(const std::string& node, const std::string& other) {
  copy_files(data(other), data(node));
}

void Nodes::fill_disk(const std::string& node) {
  const fs::path ballast = disk(node) / "ballast";
  const int fd = open(ballast.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  struct statvfs space {};
  if (fd < 0 || fstatvfs(fd, &space) != 0)
    throw std::runtime_error("no ballast on the disk of " + node);
  // What another thread takes meanwhile leaves less than was asked for: then a little less is taken.
  for (auto blocks = static_cast<off_t>(space.f_bavail); blocks > 0; blocks -= blocks / 100 + 1)
    if (posix_fallocate(fd, 0, blocks * static_cast<off_t>(space.f_frsize)) == 0) break;
  close(fd);
}

void Nodes::free_disk(const std::string& node) { fs::remove(disk(node) / "ballast"); }

void Nodes::set_clock(const std::string& node, std::int64_t offset_ms) {
  const fs::path file = folder(node) / "clock";
  e2e::write_file(fs::path(file) += ".new",
                  absl::StrFormat("%+.3f\n", static_cast<double>(offset_ms) / 1000));
  fs::rename(fs::path(file) += ".new", file);
}

void Nodes::remove_data() {
  for (const std::string& node : names_) {
    std::error_code busy;  // a mount, whose files are gone all the same
    fs::remove_all(disk(node), busy);
  }
}

}  // namespace kv::jepsen
