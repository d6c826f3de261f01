// watch: changes as they become visible at one node.
#include <absl/strings/str_cat.h>

#include <string>
#include <utility>

#include "client/cli/commands/commands.h"
#include "client/cli/commands/output.h"
#include "kv/codec.h"

namespace kv::cli {
namespace {

class WatchPrinter {
 public:
  WatchPrinter(const Options& options, Console& console) : options_(options), console_(console) {}

  // False when standard output takes no more.
  bool print(const client::WatchUpdate& update) {
    if (!std::exchange(begun_, true) && update.partitions < update.partitions_total)
      console_.err << "kv: this node holds " << update.partitions << " of "
                   << update.partitions_total
                   << " partitions, and tells of changes of their keys only\n";
    if (options_.output == OutputFormat::kJson) {
      if (update.event.has_value() || update.token != token_)
        console_.out << to_line(watch_json(update, options_.base64));
    } else if (update.event.has_value()) {
      print_lines(*update.event);
    }
    token_ = update.token;
    console_.out.flush();
    return console_.out.good();
  }

  const std::string& token() const { return token_; }

 private:
  void print_lines(const client::WatchEvent& event) {
    std::string name = shown(event.key, options_.base64);
    if (event.leaf.has_value())
      absl::StrAppend(&name, "\t", leaf_line(*event.leaf, options_.base64));
    if (event.shown.empty()) console_.out << name << "\n";
    for (const auto& version : event.shown)
      console_.out << name << "\t" << shown(version.value, options_.base64) << "\n";
  }

  const Options& options_;
  Console& console_;
  bool begun_ = false;
  std::string token_;
};

}  // namespace

ExitCode run_watch(const Options& options, client::Client& client, Console& console) {
  client::WatchOptions watch{.bucket = options.bucket,
                             .prefix = options.prefix,
                             .token = options.token,
                             .timeout = options.timeout};
  if (!options.prefix_given) watch.key = options.key;
  WatchPrinter printer(options, console);
  const client::Result<std::uint64_t> seen =
      client.watch(watch, [&](const client::WatchUpdate& update) { return printer.print(update); });
  if (seen.ok()) return finish_output(kOk, options.output, console);
  const ExitCode code = report(seen.failure(), false, options.output, console);
  if (seen.failure().code == absl::StatusCode::kOutOfRange) return kCondition;
  if (options.output != OutputFormat::kJson && !printer.token().empty())
    console.err << "to go on: --from " << client::encode_token(printer.token()) << "\n";
  return code;
}

}  // namespace kv::cli
