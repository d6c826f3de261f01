// Reads values from files and standard input.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <optional>
#include <string>

#include "client/cli/commands/console.h"

namespace kv::cli {

// The whole of `path`, or of standard input for "-". `base64`: it is base64, perhaps with a newline
// at its end. kInvalidArgument when it cannot be read, or is larger than a value may be.
absl::StatusOr<std::string> read_value(const std::string& path, bool base64, Console& console);

// The whole of a file that keeps a session. kInvalidArgument when it cannot be read, or is larger than one can be.
absl::StatusOr<std::string> read_session(const std::string& path);

// An open file, or standard input for "-".
struct Input {
  std::unique_ptr<std::istream> file{};  // null: standard input
  std::istream* stream = nullptr;
  std::optional<std::uint64_t> size{};  // where it is known
};

absl::StatusOr<Input> open_input(const std::string& path, Console& console);

}  // namespace kv::cli
