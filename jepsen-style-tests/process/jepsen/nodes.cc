#include "jepsen-style-tests/process/jepsen/nodes.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "jepsen-style-tests/process/harness/place.h"

namespace kv::jepsen {
namespace {

namespace fs = std::filesystem;

// As of a plain disk. In a file a sync takes no time, and who does not wait for it would hardly be noticed.
constexpr std::uint32_t kSyncMs = 30;

constexpr std::int64_t kDiskMib = 160;  // small, so that it is soon full

// Files may vanish meanwhile where a node runs on what is copied.
void copy_files(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  fs::create_directories(to);
  for (const auto& entry : fs::directory_iterator(from)) {
    std::error_code vanished;
    fs::copy(entry.path(), to / entry.path().filename(), fs::copy_options::recursive, vanished);
  }
}

// A field of /proc/PID/status, in bytes.
std::uint64_t status_bytes(pid_t pid, const std::string& field) {
  std::istringstream status(e2e::read_file(absl::StrCat("/proc/", pid, "/status")));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field + ":")) return std::stoull(line.substr(field.size() + 1)) << 10;
  return 0;
}

void set_limit(pid_t pid, __rlimit_resource what, rlim_t soft) {
  rlimit limit{};
  if (prlimit(pid, what, nullptr, &limit) != 0) return;  // it has just ended
  limit.rlim_cur = std::min(soft, limit.rlim_max);
  prlimit(pid, what, &limit, nullptr);
}

// The files that a node has of one kind: tables, logs, manifests.
std::vector<fs::path> files_of_kind(const fs::path& folder, std::uint64_t kind) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const fs::path& path = entry.path();
    const bool wanted = kind == 0   ? path.extension() == ".sst"
                        : kind == 1 ? path.extension() == ".log"
                                    : path.filename().string().starts_with("MANIFEST");
    if (wanted && entry.file_size() > 0) files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  return files;
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
  // Little memory, so that what has no bound stands out, tables are written, too, and reads go to the disk.
  const std::string settings =
      "[storage]\nwrite_buffer_bytes = \"1MiB\"\nblock_cache_bytes = \"1MiB\"\n"
      "[limits]\nmax_pending_bytes = \"16MiB\"\nmax_replication_in_flight_bytes = \"8MiB\"\n";
  for (const std::string& node : names_) {
    absl::StrAppend(&config, "[[node]]\nid = \"", node, "\"\nclient = \"",
                    machine_.client_address(node), "\"\npeer = \"", machine_.peer_address(node),
                    "\"\n");
    fs::create_directories(disk(node));
    if (options_.own_disks) {
      machine_.mount_disk(disk(node), image(node), kDiskMib);
      new_boot(node);
    }
    if (options_.bad_disks) make_control(node);
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
  std::error_code absent;
  const std::uintmax_t log_bytes = fs::file_size(folder(node) / "log", absent);
  log_begins_[node] = absent ? 0 : log_bytes;
  e2e::Command command{.argv = machine_.at(node), .env = environment_of(node)};
  // Only to this process the machine's present run has the name that we gave it.
  const std::string own_boot = "mount --bind \"$0\" /proc/sys/kernel/random/boot_id && exec \"$@\"";
  if (options_.own_disks)
    for (const std::string& argument : std::vector<std::string>{
             "unshare", "--mount", "--propagation", "slave", "sh", "-c", own_boot, boot(node)})
      command.argv.push_back(argument);
  for (const std::string& argument :
       {options_.binary, std::string("--config"), (options_.folder / "config.toml").string(),
        std::string("--node"), node, std::string("--data-dir"), data(node).string(),
        std::string("--log-file"), (folder(node) / "log").string()})
    command.argv.push_back(argument);
  processes_[node] = std::make_unique<e2e::Process>(command);
}

std::map<std::string, std::string> Nodes::environment_of(const std::string& node) const {
  std::map<std::string, std::string> environment;
  if (options_.fake_clocks)
    environment = {{"LD_PRELOAD", fake_clock_library()},
                   {"FAKETIME_TIMESTAMP_FILE", (folder(node) / "clock").string()},
                   {"FAKETIME_CACHE_DURATION", "1"},
                   {"FAKETIME_DONT_FAKE_MONOTONIC", "1"},
                   {"NO_FAKE_STAT", "1"}};
  if (options_.bad_disks) {
    std::string& preload = environment["LD_PRELOAD"];
    absl::StrAppend(&preload, preload.empty() ? "" : ":",
                    (fs::read_symlink("/proc/self/exe").parent_path() / "libbad_disk.so").string());
    environment[bad_disk::kControlVariable] = (folder(node) / "disk_control").string();
    environment[bad_disk::kFolderVariable] = disk(node).string();
  }
  return environment;
}

void Nodes::make_control(const std::string& node) {
  const fs::path path = folder(node) / "disk_control";
  e2e::write_file(path, std::string(sizeof(bad_disk::Control), '\0'));
  const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
  void* mapped = file < 0 ? MAP_FAILED
                          : mmap(nullptr, sizeof(bad_disk::Control), PROT_READ | PROT_WRITE,
                                 MAP_SHARED, file, 0);
  if (file >= 0) close(file);
  if (mapped == MAP_FAILED) throw std::runtime_error("cannot map " + path.string());
  controls_[node] = static_cast<bad_disk::Control*>(mapped);
  if (options_.own_disks) controls_[node]->sync_ms = kSyncMs;
}

void Nodes::new_boot(const std::string& node) {
  e2e::write_file(boot(node), absl::StrFormat("00000000-0000-4000-8000-%012x\n", ++boots_));
}

int Nodes::exit_code(const std::string& node) const {
  const auto ended = processes_.at(node)->wait(e2e::Duration{0});
  return ended.has_value() ? ended->code : -1;
}

bool Nodes::has_logged(const std::string& node, std::string_view text) const {
  return e2e::read_file(folder(node) / "log").find(text, log_begins_.at(node)) != std::string::npos;
}

std::size_t Nodes::times_logged(const std::string& node, std::string_view text) const {
  const std::string log = e2e::read_file(folder(node) / "log");
  std::size_t times = 0;
  for (std::size_t at = log.find(text); at != std::string::npos; at = log.find(text, at + 1))
    ++times;
  return times;
}

std::uint64_t Nodes::resident_bytes(const std::string& node) const {
  return is_running(node) ? status_bytes(processes_.at(node)->pid(), "VmRSS") : 0;
}

void Nodes::limit_memory(const std::string& node, std::uint64_t more_bytes) {
  if (!is_running(node)) return;
  const pid_t pid = processes_.at(node)->pid();
  set_limit(pid, RLIMIT_DATA, status_bytes(pid, "VmData") + more_bytes);
}

void Nodes::limit_files(const std::string& node, std::uint64_t more) {
  if (!is_running(node)) return;
  const pid_t pid = processes_.at(node)->pid();
  // Descriptors are given from below, so that what counts is the number of the highest one.
  std::uint64_t highest = 0;
  for (const auto& entry : fs::directory_iterator(absl::StrCat("/proc/", pid, "/fd")))
    highest = std::max<std::uint64_t>(highest, std::stoull(entry.path().filename().string()));
  set_limit(pid, RLIMIT_NOFILE, highest + 1 + more);
}

void Nodes::lift_limits(const std::string& node) {
  if (!is_running(node)) return;
  set_limit(processes_.at(node)->pid(), RLIMIT_DATA, RLIM_INFINITY);
  set_limit(processes_.at(node)->pid(), RLIMIT_NOFILE, RLIM_INFINITY);
}

void Nodes::kill(const std::string& node) {
  if (!is_running(node)) return;
  processes_.at(node)->signal(SIGKILL);
  if (!processes_.at(node)->wait().has_value()) throw std::runtime_error(node + " does not die");
}

void Nodes::kill_at_once(const std::set<std::string>& nodes) {
  for (const std::string& node : nodes)
    if (is_running(node)) processes_.at(node)->signal(SIGKILL);
  for (const std::string& node : nodes) kill(node);
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

void Nodes::take_data(const std::string& node, const std::string& other, const std::string& name) {
  copy_files(disk(other) / name, data(node));
}

void Nodes::drop_copy(const std::string& node, const std::string& name) {
  fs::remove_all(disk(node) / name);
}

void Nodes::lose_power(const std::string& node) {
  machine_.lose_power(disk(node), image(node));
  new_boot(node);
}

std::string Nodes::flip_bits(const std::string& node, std::uint64_t draw) {
  std::vector<fs::path> files;
  for (std::uint64_t i = 0; i < 3 && files.empty(); ++i)
    files = files_of_kind(data(node), (draw + i) % 3);
  if (files.empty()) return "nothing";
  draw /= 3;
  const fs::path& path = files[draw % files.size()];
  std::string content = e2e::read_file(path);
  // Next to each other, as where a sector is damaged.
  const std::size_t first = draw / files.size() % content.size();
  for (std::size_t i = first; i < std::min(first + 1 + draw % 8, content.size()); ++i)
    content[i] = static_cast<char>(content[i] ^ (1 << (i % 8)));
  e2e::write_file(path, content);
  return absl::StrCat(path.filename().string(), " at ", first);
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
    fs::remove(image(node), busy);
  }
}

}  // namespace kv::jepsen
