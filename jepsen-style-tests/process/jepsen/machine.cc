#include "jepsen-style-tests/process/jepsen/machine.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "jepsen-style-tests/process/harness/place.h"
#include "jepsen-style-tests/process/harness/process.h"

namespace kv::jepsen {
namespace {

constexpr const char* kNamespaces = "/run/netns";

void must(const std::vector<std::string>& command) {
  const e2e::Result result = e2e::run({.argv = command});
  if (result.code == 0) return;
  std::string text;
  for (const std::string& argument : command) text += argument + " ";
  throw std::runtime_error(absl::StrCat(text, "failed: ", result.err));
}

void mount_or_throw(const char* type, const std::string& target, unsigned long flags,
                    const std::string& options) {
  if (mount(type, target.c_str(), type, flags, options.c_str()) != 0)
    throw std::runtime_error(absl::StrCat("cannot mount on ", target, ": ", strerror(errno)));
}

// From fs/ext4/ext4.h, which no package ships: all writing ends, what the journal has not got yet is dropped.
constexpr unsigned long kExt4Shutdown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t kWithoutFlushingTheLog = 2;

// Whether some loop device still holds the file: it lets go a moment after the last mount has.
bool is_attached(const std::string& image) {
  for (const auto& device : std::filesystem::directory_iterator("/sys/block"))
    if (e2e::read_file(device.path() / "loop" / "backing_file").starts_with(image)) return true;
  return false;
}

void mount_image(const std::string& folder, const std::string& image) {
  // Without barriers, for nothing but this file system loses power: a sync need not reach the real disk.
  must({"mount", "-t", "ext4", "-o", "loop,nobarrier", image, folder});
}

std::string hardware_address(std::size_t number) {
  return absl::StrFormat("02:00:0a:4e:00:%02x", number);
}

// Locally administered, and no interface has it.
constexpr const char* kNobody = "02:ff:ff:ff:ff:ff";

std::string address(std::size_t number) { return absl::StrCat("10.78.0.", number); }

}  // namespace

std::string enter_namespaces() {
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0)
    return absl::StrCat("no namespaces: ", strerror(errno), "; run it as root");
  // Nothing that is mounted from here on is seen outside; what is unmounted goes from nodes' own namespaces, too.
  mount_or_throw("none", "/", MS_REC | MS_PRIVATE, "");
  mount_or_throw("none", "/", MS_REC | MS_SHARED, "");
  std::filesystem::create_directories(kNamespaces);
  mount_or_throw("tmpfs", kNamespaces, 0, "mode=755");
  return "";
}

Machine::Machine(std::vector<std::string> nodes, bool isolated)
    : nodes_(std::move(nodes)), isolated_(isolated) {
  if (isolated_)
    make_network();
  else
    for (std::size_t i = 0; i < 2 * nodes_.size(); ++i)
      addresses_.push_back(e2e::reserve_address());
}

void Machine::make_network() {
  must({"ip", "link", "set", "lo", "up"});
  must({"ip", "link", "add", "br0", "type", "bridge"});
  must({"ip", "link", "set", "br0", "up"});
  must({"ip", "address", "add", "10.78.0.254/24", "dev", "br0"});
  for (std::size_t i = 1; i <= nodes_.size(); ++i) {
    const std::string& node = nodes_[i - 1];
    const std::string port = absl::StrCat("p", i);
    must({"ip", "netns", "add", node});
    must({"ip", "link", "add", port, "type", "veth", "peer", "name", "peer0", "address",
          hardware_address(i), "netns", node});
    must({"ip", "link", "set", port, "master", "br0", "up"});
    must({"ip", "-n", node, "link", "set", "lo", "up"});
    must({"ip", "-n", node, "address", "add", address(i) + "/24", "dev", "peer0"});
    must({"ip", "-n", node, "link", "set", "peer0", "up"});
    for (std::size_t j = 1; j <= nodes_.size(); ++j)
      if (i != j)
        must({"ip", "-n", node, "neighbour", "add", address(j), "lladdr", hardware_address(j),
              "dev", "peer0"});
  }
}

std::size_t Machine::number(const std::string& node) const {
  const auto it = std::find(nodes_.begin(), nodes_.end(), node);
  if (it == nodes_.end()) throw std::invalid_argument("no node " + node);
  return static_cast<std::size_t>(it - nodes_.begin()) + 1;
}

std::string Machine::client_address(const std::string& node) const {
  return isolated_ ? address(number(node)) + ":7101" : addresses_.at(2 * number(node) - 2);
}

std::string Machine::peer_address(const std::string& node) const {
  return isolated_ ? address(number(node)) + ":7201" : addresses_.at(2 * number(node) - 1);
}

std::vector<std::string> Machine::at(const std::string& node) const {
  if (!isolated_) return {};
  return {"nsenter", absl::StrCat("--net=", kNamespaces, "/", node), "--"};
}

void Machine::cut(const Cuts& cuts) {
  for (const std::string& from : nodes_)
    for (const std::string& to : nodes_) {
      const bool lost = cuts.contains({from, to});
      if (lost == cuts_.contains({from, to})) continue;
      must({"ip", "-n", from, "neighbour", "replace", address(number(to)), "lladdr",
            lost ? kNobody : hardware_address(number(to)), "dev", "peer0"});
    }
  cuts_ = cuts;
}

void Machine::slow(const std::string& node, std::int64_t kib_per_second) {
  if (kib_per_second == 0)
    must({"tc", "-n", node, "qdisc", "delete", "dev", "peer0", "root"});
  else
    must({"tc", "-n", node, "qdisc", "replace", "dev", "peer0", "root", "tbf", "rate",
          absl::StrCat(kib_per_second, "kibps"), "burst", "16kb", "latency", "200ms"});
}

void Machine::mount_disk(const std::string& folder, const std::string& image, std::int64_t mib) {
  e2e::write_file(image, "");
  std::filesystem::resize_file(image, static_cast<std::uintmax_t>(mib) << 20);
  must({"mkfs.ext4", "-q", "-m", "0", "-E", "nodiscard", image});
  mount_image(folder, image);
}

void Machine::lose_power(const std::string& folder, const std::string& image) {
  const int root = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::uint32_t how = kWithoutFlushingTheLog;
  const bool down = root >= 0 && ioctl(root, kExt4Shutdown, &how) == 0;
  const std::string why = down ? "" : strerror(errno);
  if (root >= 0) close(root);
  if (!down) throw std::runtime_error("cannot shut down the disk at " + folder + ": " + why);
  if (umount(folder.c_str()) != 0 || !e2e::eventually([&] { return !is_attached(image); }))
    throw std::runtime_error("the disk at " + folder + " is still in use");
  mount_image(folder, image);
}

}  // namespace kv::jepsen
