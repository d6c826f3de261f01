// The session that --session FILE keeps from one command to the next, as one line of base64url.
// Not thread-safe; two commands that use one file at the same time lose what one of them saw.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>

#include <string>
#include <utility>

#include "client/cli/commands/console.h"
#include "client/cli/commands/exit_code.h"
#include "client/cli/commands/options.h"
#include "kv/types.h"

namespace kv::cli {

class SessionFile {
 public:
  // `path`: empty where --session was not given; everything here is then nothing.
  explicit SessionFile(std::string path) : path_(std::move(path)) {}

  // Before the request. A file that does not exist begins a session; kInvalidArgument for one that holds something else.
  absl::Status load();

  client::Session* session() { return path_.empty() ? nullptr : &session_; }

  // After the request: replaces the file as a whole, if the session has changed. Passes on `code`, unless the file could not
  // be written: then says so and returns kUsage.
  ExitCode save(ExitCode code, const Options& options, Console& console);

 private:
  absl::Status write() const;

  const std::string path_;
  client::Session session_;
  std::string loaded_;
};

// The only write of a command: `send` makes it, with the options and the session that it is given. Prints what became of it.
ExitCode write_one(
    const Options& options, const std::string& key, Console& console,
    absl::FunctionRef<client::Result<client::WriteResult>(const client::WriteOptions&)> send);

}  // namespace kv::cli
