#include "jepsen-style-tests/process/harness/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ostream>
#include <set>
#include <stdexcept>
#include <system_error>

namespace kv::e2e {
namespace {

constexpr int kInputBufferBytes = 4096;

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

int memory_file(const char* name) {
  return checked(memfd_create(name, MFD_CLOEXEC), "memfd_create");
}

int memory_file_with(const std::string& content) {
  const int fd = memory_file("input");
  std::size_t done = 0;
  while (done < content.size())
    done += static_cast<std::size_t>(checked(
        static_cast<int>(write(fd, content.data() + done, content.size() - done)), "write"));
  checked(static_cast<int>(lseek(fd, 0, SEEK_SET)), "lseek");
  return fd;
}

std::string content_of(int fd) {
  struct stat info {};
  checked(fstat(fd, &info), "fstat");
  std::string content(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t got =
        pread(fd, content.data() + done, content.size() - done, static_cast<off_t>(done));
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  content.resize(done);
  return content;
}

std::vector<std::string> environment_with(const std::map<std::string, std::string>& added) {
  static const std::set<std::string> kOfKv = {"KV_ENDPOINTS", "KV_BUCKET", "KV_LEVEL", "KV_TIMEOUT",
                                              "KV_OUTPUT"};
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    if (!kOfKv.contains(name) && !added.contains(name)) result.push_back(text);
  }
  for (const auto& [name, value] : added) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (std::string& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::string shortened(const std::string& text) {
  constexpr std::size_t kMost = 2000;
  return text.size() <= kMost
             ? text
             : text.substr(0, kMost) + "... (" + std::to_string(text.size()) + " bytes)";
}

Duration deadline() {
  const char* replaced = std::getenv("KV_E2E_DEADLINE_MS");
  return Duration{replaced == nullptr ? 60'000 : std::atoll(replaced)};
}

}  // namespace

const Duration kDeadline = deadline();

std::ostream& operator<<(std::ostream& stream, const Result& result) {
  return stream << "exit code " << result.code << "\nstdout: " << shortened(result.out)
                << "\nstderr: " << shortened(result.err);
}

Process::Process(const Command& command) : out_(memory_file("out")), err_(memory_file("err")) {
  int child_input = -1;
  if (command.feeds_input) {
    // A socket and not a pipe: its buffer can be small, and writing to it after the end raises no
    // signal.
    std::array<int, 2> pair{};
    checked(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), "socketpair");
    input_ = pair[0];
    child_input = pair[1];
    setsockopt(input_, SOL_SOCKET, SO_SNDBUF, &kInputBufferBytes, sizeof kInputBufferBytes);
  } else {
    child_input = memory_file_with(command.input);
  }
  std::vector<std::string> arguments = command.argv;
  std::vector<std::string> environment = environment_with(command.env);
  const std::vector<char*> argv = pointers_to(arguments);
  const std::vector<char*> envp = pointers_to(environment);
  const pid_t parent = getpid();
  pid_ = checked(fork(), "fork");
  if (pid_ == 0) {
    // Nothing here may allocate: another thread may have held the lock for that.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    dup2(child_input, STDIN_FILENO);
    dup2(out_, STDOUT_FILENO);
    dup2(err_, STDERR_FILENO);
    execvpe(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(child_input);
  pidfd_ = checked(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)), "pidfd_open");
}

Process::~Process() {
  if (is_running()) {
    signal(SIGKILL);
    wait();
  }
  for (const int fd : {pidfd_, input_, out_, err_})
    if (fd >= 0) close(fd);
}

bool Process::is_running() { return !wait(Duration{0}).has_value(); }

void Process::signal(int number) {
  // Until it is waited for, nobody else can have its pid.
  if (!code_.has_value()) checked(kill(pid_, number), "kill");
}

bool Process::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(input_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void Process::end_input() { checked(shutdown(input_, SHUT_WR), "shutdown"); }

std::string Process::out() const { return content_of(out_); }
std::string Process::err() const { return content_of(err_); }

std::optional<Result> Process::wait(Duration limit) {
  if (!code_.has_value()) {
    pollfd end{.fd = pidfd_, .events = POLLIN, .revents = 0};
    if (checked(poll(&end, 1, static_cast<int>(limit.count())), "poll") == 0) return std::nullopt;
    int status = 0;
    checked(waitpid(pid_, &status, 0), "waitpid");
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return Result{.code = *code_, .out = out(), .err = err()};
}

Result run(const Command& command, Duration limit) {
  Process process(command);
  std::optional<Result> result = process.wait(limit);
  if (result.has_value()) return *std::move(result);
  std::string text;
  for (const std::string& argument : command.argv) text += shortened(argument) + " ";
  throw std::runtime_error("still running after " + std::to_string(limit.count()) + " ms: " + text +
                           "\nstdout: " + shortened(process.out()) +
                           "\nstderr: " + shortened(process.err()));
}

void pause_before_next_look() { poll(nullptr, 0, 20); }

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr)
    throw std::runtime_error(std::string(name) + " is not set: run these tests by ctest");
  return value;
}

}  // namespace kv::e2e
