#include "client/cli/commands/testing/cli_fixture.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "client/cli/run.h"

namespace kv::cli {
namespace {

void clear_environment() {
  for (const char* name : {"KV_ENDPOINTS", "KV_BUCKET", "KV_LEVEL", "KV_TIMEOUT", "KV_OUTPUT"})
    ::unsetenv(name);
}

}  // namespace

InputFile::InputFile(const std::string& content, const std::string& suffix)
    : path_(::testing::TempDir() + "kv_cli_XXXXXX" + suffix) {
  const int descriptor = ::mkstemps(path_.data(), static_cast<int>(suffix.size()));
  if (descriptor < 0) {
    std::perror(path_.c_str());
    std::abort();
  }
  ::close(descriptor);
  std::ofstream(path_, std::ios::binary) << content;
}

InputFile::~InputFile() { remove(); }

void InputFile::remove() const { std::remove(path_.c_str()); }

CliTest::CliTest() { clear_environment(); }
CliTest::~CliTest() { clear_environment(); }

void CliTest::set_environment(const std::string& name, const std::string& value) {
  ::setenv(name.c_str(), value.c_str(), 1);
}

CliResult CliTest::run(std::vector<std::string> arguments, const std::string& in) {
  std::istringstream input(in);
  std::ostringstream out;
  std::ostringstream err;
  Console console{.in = input,
                  .out = out,
                  .err = err,
                  .out_is_terminal = out_is_terminal_,
                  .err_is_terminal = err_is_terminal_};
  std::vector<const char*> argv = {"kv"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  const int code = run_cli(static_cast<int>(argv.size()), argv.data(), console);
  return {.code = code, .out = out.str(), .err = err.str()};
}

}  // namespace kv::cli
