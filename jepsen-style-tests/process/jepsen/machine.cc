#include "jepsen-style-tests/process/jepsen/machine.h"

#include <absl/strings/str_cat.h>
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

void must(const std::vector<std::string>& command, const std::string& input = "") {
  const e2e::Result result = e2e::run({.argv = command, .input = input});
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

constexpr network::Ports kPorts{.peers = 7201, .clients = 7101};
constexpr std::uint8_t kFirstPlace = 101;
constexpr std::uint8_t kOurs = 254;
constexpr std::uint8_t kSwitch = 255;  // of its hardware address only

// Locally administered.
network::Mac hardware_address(std::uint8_t number) {
  return {0x02, 0x00, 0x0a, 0x4e, 0x00, number};
}
std::string hardware_text(std::uint8_t number) {
  return network::to_string(hardware_address(number));
}
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

Machine::Machine(std::vector<std::string> nodes, std::vector<std::string> places, bool isolated,
                 std::uint64_t seed)
    : nodes_(std::move(nodes)), isolated_(isolated) {
  if (!isolated_) {
    for (std::size_t i = 0; i < 2 * nodes_.size(); ++i)
      addresses_.push_back(e2e::reserve_address());
    return;
  }
  for (const std::string& node : nodes_)
    ends_.push_back({node, static_cast<std::uint8_t>(ends_.size() + 1)});
  for (std::uint8_t next = kFirstPlace; const std::string& place : places)
    ends_.push_back({place, next++});
  make_network(seed);
}

void Machine::make_network(std::uint64_t seed) {
  must({"ip", "link", "set", "lo", "up"});
  must({"ip", "link", "add", "br0", "address", hardware_text(kOurs), "type", "bridge"});
  must({"ip", "link", "set", "br0", "up"});
  must({"ip", "address", "add", address(kOurs) + "/24", "dev", "br0"});
  for (std::size_t i = 0; i < ends_.size(); ++i) plug_in(ends_[i], absl::StrCat("p", i + 1));
  if (!network::why_no_tap().empty()) return;
  std::vector<network::End> ends;
  for (const End& end : ends_)
    ends.push_back({end.name, hardware_address(end.number), 0x0a4e0000U + end.number});
  switch_ = std::make_unique<network::Tap>("switch0", network::Switch(ends, kPorts, seed));
  // The bridge must not learn from it where the ends are, for all of them seem to be there.
  must({"ip", "link", "set", "switch0", "master", "br0", "up"});
  must({"ip", "link", "set", "switch0", "type", "bridge_slave", "learning", "off"});
  must({"bridge", "fdb", "add", hardware_text(kSwitch), "dev", "switch0", "master", "static"});
}

void Machine::plug_in(const End& end, const std::string& port) {
  must({"ip", "netns", "add", end.name});
  must({"ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "address",
        hardware_text(end.number), "netns", end.name});
  must({"ip", "link", "set", port, "master", "br0", "up"});
  std::string batch = absl::StrCat("link set lo up\naddress add ", address(end.number),
                                   "/24 dev eth0\nlink set eth0 up\n");
  for (const End& other : ends_)
    if (other.number != end.number)
      absl::StrAppend(&batch, "neighbour add ", address(other.number), " lladdr ",
                      hardware_text(other.number), " dev eth0\n");
  must({"ip", "-n", end.name, "-batch", "-"}, batch);
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

std::vector<std::string> Machine::at(const std::string& end) const {
  if (!isolated_) return {};
  return {"nsenter", absl::StrCat("--net=", kNamespaces, "/", end), "--"};
}

void Machine::hurt(std::size_t id, const Directions& directions, const fault::Link& link) {
  if (switch_ == nullptr) throw std::logic_error("no switch");
  switch_->hurt(id, directions, link);
  hurt_[id] = directions;
  divert();
}

void Machine::heal(std::size_t id) {
  hurt_.erase(id);
  divert();
  switch_->heal(id);
}

void Machine::divert() {
  Directions all;
  for (const auto& [id, directions] : hurt_) all.insert(directions.begin(), directions.end());
  for (const End& from : ends_) {
    std::string batch;
    for (const End& to : ends_) {
      const std::pair direction(from.name, to.name);
      if (all.contains(direction) != diverted_.contains(direction))
        absl::StrAppend(&batch, "neighbour replace ", address(to.number), " lladdr ",
                        hardware_text(all.contains(direction) ? kSwitch : to.number),
                        " dev eth0\n");
    }
    if (!batch.empty()) must({"ip", "-n", from.name, "-batch", "-"}, batch);
  }
  diverted_ = std::move(all);
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
