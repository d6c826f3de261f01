// Completion scripts, made from the command line's own description. Pure.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace kv::cli {

// Precondition: `shell` is "bash", "zsh" or "fish". Flags and commands come with their descriptions
// where the shell shows them; values are completed where they are one of a few, or a file.
std::string completion_script(const CLI::App& app, const std::string& shell);

}  // namespace kv::cli
