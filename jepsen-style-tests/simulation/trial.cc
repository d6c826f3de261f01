#include "jepsen-style-tests/simulation/trial.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "node/base/check.h"

namespace kv::sim {
namespace {

using Json = nlohmann::json;

struct Child {
  Plan plan;
  pid_t pid = 0;
  int results = -1;  // read end
  int errors = -1;   // what it prints to standard error
  std::string bytes;
};

Json to_json(const Outcome& outcome) {
  Json violations = Json::array();
  for (const auto& [check, found] : outcome.violations.found())
    violations.push_back({static_cast<int>(check), found.at_ms, found.text});
  return {{"violations", violations},
          {"trace", outcome.trace},
          {"us", outcome.simulated_us},
          {"equal_after_ms", outcome.equal_after_ms},
          {"acknowledged", outcome.acknowledged},
          {"done", outcome.done},
          {"transcript", outcome.transcript},
          {"marks", simulation::marks_reached}};
}

TrialResult from_json(const Json& json) {
  TrialResult result;
  for (const Json& each : json.at("violations"))
    result.outcome.violations.add(static_cast<Check>(each.at(0).get<int>()), each.at(1),
                                  each.at(2));
  result.outcome.trace = json.at("trace");
  result.outcome.simulated_us = json.at("us");
  result.outcome.equal_after_ms = json.at("equal_after_ms");
  result.outcome.acknowledged = json.at("acknowledged");
  result.outcome.done = json.at("done");
  result.outcome.transcript = json.at("transcript").get<std::vector<std::string>>();
  result.marks = json.at("marks");
  return result;
}

// The heap in one piece, which the kernel backs with large pages: grown by and by, page after page, it takes a fifth of a run's
// time. What is not touched costs nothing.
void reserve_heap() {
  constexpr std::size_t kHeapBytes = 64 << 20;
  void* volatile heap = std::malloc(kHeapBytes);  // volatile: or the compiler leaves both out
  std::free(heap);
}

[[noreturn]] void be_child(const Plan& plan, bool with_transcript, int results, int errors) {
  dup2(errors, STDERR_FILENO);
  reserve_heap();
  simulation::marks_reached = {};
  Run run(plan, with_transcript);  // never taken apart: the process ends first
  const std::string text = to_json(run.play()).dump(-1, ' ', false, Json::error_handler_t::replace);
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t n = write(results, text.data() + sent, text.size() - sent);
    if (n <= 0) std::exit(1);
    sent += static_cast<std::size_t>(n);
  }
  std::exit(0);  // what counts branches (scripts/build trained) writes its counts now
}

Child launch(Plan plan, bool with_transcript) {
  Child child;
  child.plan = std::move(plan);
  int ends[2];
  const int piped = pipe(ends);
  child.errors = memfd_create("errors", 0);
  KV_CHECK(piped == 0 && child.errors >= 0, "a process can have a pipe");
  std::fflush(nullptr);  // or the child would print it, too
  child.pid = fork();
  KV_CHECK(child.pid >= 0, "a process can be started");
  if (child.pid == 0) {
    close(ends[0]);
    be_child(child.plan, with_transcript, ends[1], child.errors);
  }
  close(ends[1]);
  child.results = ends[0];
  return child;
}

std::string read_errors(int file) {
  std::string text(2000, '\0');
  const ssize_t n = pread(file, text.data(), text.size(), 0);
  text.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return text;
}

TrialResult collect(Child& child) {
  int status = 0;
  rusage used{};
  wait4(child.pid, &status, 0, &used);
  close(child.results);
  TrialResult result;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    result = from_json(Json::parse(child.bytes));
  else
    result.outcome.violations.add(Check::kAssertion, 0, read_errors(child.errors));
  close(child.errors);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  result.cpu_s = seconds(used.ru_utime) + seconds(used.ru_stime);
  return result;
}

// False at the end of what the child has to say.
bool read_some(Child& child) {
  char buffer[1 << 16];
  const ssize_t n = read(child.results, buffer, sizeof buffer);
  if (n <= 0) return false;
  child.bytes.append(buffer, static_cast<std::size_t>(n));
  return true;
}

}  // namespace

TrialResult try_plan(const Plan& plan, bool with_transcript) {
  Child child = launch(plan, with_transcript);
  while (read_some(child)) continue;
  return collect(child);
}

void try_plans(std::size_t jobs, const std::function<bool(Plan&)>& next,
               const std::function<void(const Plan&, const TrialResult&)>& done) {
  std::vector<Child> children;
  bool more = true;
  while (more || !children.empty()) {
    while (more && children.size() < jobs) {
      Plan plan;
      more = next(plan);
      if (more) children.push_back(launch(std::move(plan), false));
    }
    std::vector<pollfd> waiting;
    waiting.reserve(children.size());
    for (const Child& child : children) waiting.push_back({child.results, POLLIN, 0});
    if (children.empty() || poll(waiting.data(), waiting.size(), -1) <= 0) continue;
    for (std::size_t i = waiting.size(); i-- > 0;) {
      if (waiting[i].revents == 0 || read_some(children[i])) continue;
      const TrialResult result = collect(children[i]);
      done(children[i].plan, result);
      children.erase(children.begin() + static_cast<long>(i));
    }
  }
}

Plan shrink(Plan plan, Check check) {
  const auto still_fails = [&](const std::vector<Action>& actions) {
    Plan shorter = plan;
    shorter.actions = actions;
    return try_plan(shorter, false).outcome.violations.found().contains(check);
  };
  for (std::size_t length = plan.actions.size() / 2; length > 0; length /= 2) {
    for (std::size_t from = 0; from < plan.actions.size();) {
      std::vector<Action> rest = plan.actions;
      const std::size_t to = std::min(from + length, rest.size());
      rest.erase(rest.begin() + static_cast<long>(from), rest.begin() + static_cast<long>(to));
      if (still_fails(rest))
        plan.actions = std::move(rest);
      else
        from = to;
    }
  }
  return plan;
}

}  // namespace kv::sim
