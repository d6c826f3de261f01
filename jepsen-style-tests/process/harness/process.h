// Runs a program as a person at a shell would, and keeps what it prints.
//
// A program ends with the object that started it, and with this process, however either ends:
// nothing outlives a test. Not thread-safe; programs are started from the main thread, because the
// kernel ends them with the thread that started them. Errors of the machine (no memory, no such
// program) are thrown.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kv::e2e {

using Duration = std::chrono::milliseconds;

// Long enough for a busy machine; what works takes a fraction of it. KV_E2E_DEADLINE_MS in the environment replaces it, for
// runs that are expected to fail.
extern const Duration kDeadline;

struct Command {
  std::vector<std::string> argv{};
  std::map<std::string, std::string>
      env{};                 // added to this process's, without what `kv` reads from it
  std::string input{};       // standard input, whole
  bool feeds_input = false;  // standard input comes from feed(), in pieces
};

// How a program ended. Prints itself in a failed assertion.
struct Result {
  int code = -1;  // its exit code; 128 plus the number of the signal that ended it
  std::string out{};
  std::string err{};
};
std::ostream& operator<<(std::ostream& stream, const Result& result);

class Process {
 public:
  explicit Process(const Command& command);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool is_running();
  void signal(int number);

  // With `feeds_input`. feed() blocks until the program has taken all but the last few KiB; false
  // when it takes no more.
  bool feed(std::string_view bytes);
  void end_input();

  // What was printed so far.
  std::string out() const;
  std::string err() const;

  // Empty when it still runs after that time.
  std::optional<Result> wait(Duration limit = kDeadline);

 private:
  int pid_ = -1;
  int pidfd_ = -1;
  int input_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::optional<int> code_{};
};

// Runs it to its end; ends it, and throws, when that takes longer than `limit`.
Result run(const Command& command, Duration limit = kDeadline);

// Returns after a moment: what loops over a condition calls between two looks.
void pause_before_next_look();

// Whether the condition came true in time.
template <typename Condition>
bool eventually(Condition condition, Duration limit = kDeadline) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    pause_before_next_look();
  }
  return true;
}

// An environment variable that ctest sets for these tests; throws when it is absent.
std::string from_environment(const char* name);

}  // namespace kv::e2e
