#include "jepsen-style-tests/process/harness/place.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "jepsen-style-tests/process/harness/process.h"

namespace kv::e2e {
namespace {

namespace fs = std::filesystem;

constexpr int kFirstPort = 12'000;
constexpr int kPorts = 20'000;

// Waits for the end of standard input, which comes when the test process is no more, however it
// ended.
constexpr const char* kWatcher = R"sh(
cat >/dev/null
for cluster in "$1"/*/cluster; do
  if [ -f "$cluster/nodes.tsv" ]; then "$2" down --dir "$cluster"; fi
done
rm -rf "$1"
)sh";

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// The watcher has a session and a parent of its own, so that what ends this process's children
// misses it.
void start_watcher(const std::string& folder, const std::string& script) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
  const pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    setsid();
    if (fork() != 0) _exit(0);
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(ends[0], STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    execl("/bin/sh", "sh", "-c", kWatcher, "watcher", folder.c_str(), script.c_str(), nullptr);
    _exit(127);
  }
  waitpid(pid, nullptr, 0);
  close(ends[0]);  // the other end stays open for as long as this process lives
}

const fs::path& process_folder() {
  static const fs::path folder = [] {
    // First what may be missing, so that nothing is left behind.
    const std::string script = from_environment("KV_SOURCE_DIR") + "/scripts/cluster";
    std::string path = (fs::temp_directory_path() / "kv-e2e-XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr) fail("mkdtemp " + path);
    start_watcher(path, script);
    return fs::path(path);
  }();
  return folder;
}

// A name in the kernel's own table, which forgets it with this process.
bool claim_name(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  const std::size_t size = offsetof(sockaddr_un, sun_path) + 1 + name.size();
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)) == 0)
    return true;
  close(fd);
  return false;
}

bool is_free(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return bound;
}

}  // namespace

TempDir::TempDir() {
  std::string path = (process_folder() / "XXXXXX").string();
  if (mkdtemp(path.data()) == nullptr) fail("mkdtemp " + path);
  path_ = path;
}

TempDir::~TempDir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

int reserve_port() {
  static int next = static_cast<int>(getpid() * 37L % kPorts);
  for (int tries = 0; tries < kPorts; ++tries) {
    const int port = kFirstPort + next;
    next = (next + 1) % kPorts;
    if (claim_name("kv-e2e-port-" + std::to_string(port)) && is_free(port)) return port;
  }
  throw std::runtime_error("no free port");
}

std::string reserve_address() { return "127.0.0.1:" + std::to_string(reserve_port()); }

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void write_file(const fs::path& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace kv::e2e
