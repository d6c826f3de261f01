#include "client/cli/commands/session_file.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "client/cli/commands/input.h"
#include "client/cli/commands/output.h"
#include "kv/codec.h"

namespace kv::cli {

absl::Status SessionFile::load() {
  if (path_.empty()) return absl::OkStatus();
  if (::access(path_.c_str(), F_OK) != 0 && errno == ENOENT) return absl::OkStatus();
  absl::StatusOr<std::string> text = read_session(path_);
  if (!text.ok()) return text.status();
  absl::string_view line = *text;
  absl::ConsumeSuffix(&line, "\n");
  absl::StatusOr<std::string> bytes = client::decode_token(line);
  if (!bytes.ok())
    return absl::InvalidArgumentError(absl::StrCat(
        path_, " holds no session: ", bytes.status().message(), "; remove it to begin one"));
  session_.bytes = *std::move(bytes);
  loaded_ = session_.bytes;
  return absl::OkStatus();
}

// Whoever reads the file sees the old session or the new one, also if this process is killed.
absl::Status SessionFile::write() const {
  const std::string next = absl::StrCat(path_, ".", ::getpid(), ".new");
  std::ofstream file(next, std::ios::binary | std::ios::trunc);
  file << client::encode_token(session_.bytes) << "\n";
  file.close();
  if (!file.fail() && std::rename(next.c_str(), path_.c_str()) == 0) return absl::OkStatus();
  const int error = errno;
  std::remove(next.c_str());
  return absl::InvalidArgumentError(
      absl::StrCat("the session could not be written to ", path_, ": ", std::strerror(error),
                   "; the request was made, and the next one with this file may miss it"));
}

ExitCode SessionFile::save(ExitCode code, const Options& options, Console& console) {
  if (path_.empty() || session_.bytes == loaded_) return code;
  const absl::Status written = write();
  return written.ok() ? code : report_usage(written, options.output, console);
}

ExitCode write_one(
    const Options& options, const std::string& key, Console& console,
    absl::FunctionRef<client::Result<client::WriteResult>(const client::WriteOptions&)> send) {
  SessionFile session(options.session_file);
  if (absl::Status loaded = session.load(); !loaded.ok())
    return report_usage(loaded, options.output, console);
  const ExitCode code =
      print_write(options, key, send(write_options(options, session.session())), console);
  return session.save(code, options, console);
}

}  // namespace kv::cli
