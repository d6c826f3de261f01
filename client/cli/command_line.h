// The command line as CLI11 sees it: every command, flag and default in one place. The completion
// scripts are made from the same description. Not thread-safe. Throws only what CLI11 throws
// (CLI::ParseError); run_cli() catches it.
#pragma once

#include <absl/status/status.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "client/cli/commands/options.h"

namespace kv::cli {

class CommandLine {
 public:
  CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  CLI::App& app() { return app_; }

  // `argv[0]` is the program's name.
  void parse(int argc, const char* const* argv);

  // After parse(): decodes and checks what single flags cannot. kInvalidArgument names the flag.
  absl::Status finish();

  // After finish().
  const Options& options() const { return options_; }

 private:
  void add_global_flags();
  void add_key_commands();
  void add_scan_commands();
  void add_import();
  void add_bucket();
  void add_collections();
  void add_inspection();
  void add_others();

  CLI::App* add_command(const std::string& name, const std::string& description);
  void add_key(CLI::App* command);
  void add_keys(CLI::App* command);
  void add_token(CLI::App* command);
  void add_session(CLI::App* command);
  void add_request_id(CLI::App* command);
  void add_durability(CLI::App* command);
  void add_base64(CLI::App* command, const std::string& what);
  void add_format(CLI::App* command, const std::string& fallback);

  absl::Status finish_request_id() const;
  absl::Status finish_put();
  absl::Status finish_set();
  absl::Status finish_map();
  absl::Status finish_del();
  absl::Status finish_bucket();
  absl::Status finish_watch();
  absl::Status finish_conflicts();
  absl::Status finish_condition();
  absl::Status take_dot(const std::string& text);
  absl::Status decode_bytes();

  CLI::App app_;
  Options options_;

  // As given, where finish() decodes them.
  std::string endpoints_ = "127.0.0.1:7101,127.0.0.1:7102,127.0.0.1:7103";
  std::string value_;
  std::string map_value_;
  std::string token_;
  std::string subject_;  // of conflicts: a key or a dot
  bool if_absent_ = false;
  bool if_current_ = false;
  CLI::Option* level_option_ = nullptr;
  CLI::Option* value_option_ = nullptr;
  CLI::Option* file_option_ = nullptr;
  CLI::Option* ttl_option_ = nullptr;
  std::vector<CLI::Option*> request_id_options_;
  CLI::Option* watched_key_ = nullptr;
  CLI::Option* watched_prefix_ = nullptr;
};

}  // namespace kv::cli
