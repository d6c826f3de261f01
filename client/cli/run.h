// The whole of `kv`, from its arguments to its exit code.
#pragma once

#include "client/cli/commands/console.h"

namespace kv::cli {

// `argv[0]` is the program's name. Reads the environment, and files that the arguments name; writes
// to the console only.
int run_cli(int argc, const char* const* argv, Console& console);

}  // namespace kv::cli
