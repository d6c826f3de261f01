// The parts of --help that are prose: examples, environment, exit codes.
#pragma once

#include <string>

namespace kv::cli {

// After the list of commands.
extern const char kAppFooter[];

// After the flags of one command; empty for an unknown one.
std::string command_footer(const std::string& command);

}  // namespace kv::cli
