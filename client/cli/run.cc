#include "client/cli/run.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/string_view.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "client/cli/command_line.h"
#include "client/cli/commands/commands.h"
#include "client/cli/commands/output.h"
#include "client/cli/completion.h"

namespace kv::cli {
namespace {

// Whether errors should be JSON, where the arguments could not be parsed.
bool asks_for_json(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const absl::string_view argument = argv[i];
    if (argument == "-ojson" || argument == "--output=json") return true;
    if ((argument == "-o" || argument == "--output") && i + 1 < argc)
      return absl::string_view(argv[i + 1]) == "json";
  }
  const char* from_environment = std::getenv("KV_OUTPUT");
  return from_environment != nullptr && absl::string_view(from_environment) == "json";
}

ExitCode run_command(const Options& options, Console& console) {
  using Command = ExitCode (*)(const Options&, client::Client&, Console&);
  static const std::map<std::string, Command> kCommands = {
      {"put", run_put},         {"get", run_get},
      {"del", run_del},         {"scan", run_scan},
      {"import", run_import},   {"export", run_export},
      {"status", run_status},   {"incr", run_incr},
      {"set", run_set},         {"map", run_map},
      {"bucket", run_bucket},   {"watch", run_watch},
      {"wait", run_wait},       {"converged", run_converged},
      {"explain", run_explain}, {"conflicts", run_conflicts}};
  const absl::StatusOr<std::unique_ptr<client::Client>> client =
      client::Client::create({.endpoints = options.endpoints});
  if (!client.ok()) return report_usage(client.status(), options.output, console);
  return kCommands.at(options.command)(options, **client, console);
}

// Help and version are asked for by way of an exception, too.
ExitCode end_of_parsing(CommandLine& line, const CLI::ParseError& error, bool json,
                        Console& console) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    std::ostringstream unused;
    line.app().exit(error, console.out, unused);
    return finish_output(kOk, OutputFormat::kRaw, console);
  }
  std::string why = error.what();
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
    why = absl::StrCat("unexpected: ", absl::StrJoin(line.app().remaining(true), " "),
                       "; write -- before a key or value that begins with a dash");
  }
  // Words that are no command are only noticed to lack one.
  const std::vector<std::string> words = line.app().remaining();
  if (line.app().get_subcommands().empty() && !words.empty()) {
    why = absl::StrCat("there is no command \"", words.front(), "\"");
  }
  why.erase(std::remove(why.begin(), why.end(), '\0'), why.end());  // see CommandLine::parse()
  const absl::Status status = absl::InvalidArgumentError(why);
  if (json) return report_usage(status, OutputFormat::kJson, console);
  report_usage(status, OutputFormat::kRaw, console);
  console.err << "see kv --help\n";
  return kUsage;
}

}  // namespace

int run_cli(int argc, const char* const* argv, Console& console) {
  CommandLine line;
  try {
    line.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return end_of_parsing(line, error, asks_for_json(argc, argv), console);
  }
  if (absl::Status status = line.finish(); !status.ok())
    return report_usage(status, line.options().output, console);
  if (line.options().command != "completion") return run_command(line.options(), console);
  console.out << completion_script(line.app(), line.options().shell);
  return finish_output(kOk, line.options().output, console);
}

}  // namespace kv::cli
