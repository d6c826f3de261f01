// scan and export.
#include <absl/strings/str_cat.h>

#include <chrono>

#include "client/cli/commands/commands.h"
#include "client/cli/commands/import/screen.h"
#include "client/cli/commands/output.h"
#include "client/cli/records/json_lines.h"
#include "client/cli/records/tsv.h"
#include "client/cli/text/human.h"
#include "client/cli/text/progress.h"
#include "kv/codec.h"

namespace kv::cli {
namespace {

// Rows of a table that are aligned together.
constexpr std::size_t kTableBlock = 500;

client::ScanOptions scan_options(const Options& options) {
  return {.bucket = options.bucket,
          .level = options.level,
          .timeout = options.timeout,
          .prefix = options.prefix,
          .start = options.start,
          .end = options.end,
          .limit = options.limit};
}

// The entries of a scan in the format asked for.
class ScanPrinter {
 public:
  ScanPrinter(const Options& options, Console& console) : options_(options), console_(console) {}

  // False when standard output takes no more.
  bool print(const client::ScanEntry& entry) {
    if (options_.output == OutputFormat::kJson) {
      console_.out << to_line(scan_json(entry, options_.base64));
      return console_.out.good();
    }
    for (const std::string& value : entry.values) {
      if (options_.output == OutputFormat::kRaw) {
        console_.out << format_tsv({.key = entry.key, .value = value}, options_.base64) << "\n";
        continue;
      }
      table_.add({shown(entry.key, options_.base64), shown(value, options_.base64)});
      if (++rows_ % kTableBlock == 0) console_.out << table_.take();
    }
    return console_.out.good();
  }

  void finish() {
    if (options_.output == OutputFormat::kTable) console_.out << table_.take();
  }

 private:
  const Options& options_;
  Console& console_;
  Table table_{{"KEY", "VALUE"}};
  std::size_t rows_ = 0;
};

class Exporter {
 public:
  Exporter(const Options& options, Console& console)
      : options_(options), console_(console), screen_(console) {}

  // False when standard output takes no more.
  bool write(client::ScanEntry&& entry) {
    if (entry.values.size() > 1) {
      refuse(entry);
      return true;
    }
    if (entry.values.empty()) return true;
    const Record record{.key = std::move(entry.key), .value = std::move(entry.values.front())};
    const bool tsv = options_.format == RecordFormat::kTsv;
    const std::string line =
        tsv ? format_tsv(record, options_.base64) : format_json_line(record, options_.base64);
    console_.out << line << "\n";
    ++progress_.records;
    progress_.bytes += line.size() + 1;
    // On a terminal the lines themselves show how it goes.
    if (!console_.out_is_terminal && screen_.wants_progress()) screen_.progress(progress_line());
    return console_.out.good();
  }

  void finish() {
    screen_.clear();
    tick();
    if (options_.output == OutputFormat::kJson) {
      screen_.message(to_line(
          {{"records", progress_.records}, {"bytes", progress_.bytes}, {"refused", refused_}}));
      return;
    }
    screen_.message(absl::StrCat("exported ", with_commas(progress_.records), " records, ",
                                 human_bytes(progress_.bytes), " in ",
                                 human_duration(progress_.elapsed), "\n"));
  }

  ExitCode code() const { return refused_ == 0 ? kOk : kSiblings; }

 private:
  void tick() {
    progress_.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - started_);
  }

  std::string progress_line() {
    tick();
    return format_progress(progress_, console_.width - 1);
  }

  void refuse(const client::ScanEntry& entry) {
    ++refused_;
    const std::string why =
        absl::StrCat("not exported: the key has ", entry.values.size(), " siblings");
    if (options_.output == OutputFormat::kJson) {
      Json json = {{"error", why}};
      add_bytes(json, "key", entry.key, options_.base64);
      screen_.message(to_line(json));
    } else {
      screen_.message(absl::StrCat("kv: ", escape(entry.key), ": ", why, "\n"));
    }
  }

  const Options& options_;
  Console& console_;
  Screen screen_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  Progress progress_;
  std::uint64_t refused_ = 0;
};

}  // namespace

ExitCode run_scan(const Options& options, client::Client& client, Console& console) {
  ScanPrinter printer(options, console);
  const client::Result<std::uint64_t> count = client.scan(
      scan_options(options), [&](client::ScanEntry&& entry) { return printer.print(entry); });
  printer.finish();
  const ExitCode code = count.ok() ? kOk : report(count.failure(), false, options.output, console);
  return finish_output(code, options.output, console);
}

ExitCode run_export(const Options& options, client::Client& client, Console& console) {
  Exporter exporter(options, console);
  const client::Result<std::uint64_t> count =
      client.scan(scan_options(options),
                  [&](client::ScanEntry&& entry) { return exporter.write(std::move(entry)); });
  exporter.finish();
  const ExitCode code =
      count.ok() ? exporter.code() : report(count.failure(), false, options.output, console);
  return finish_output(code, options.output, console);
}

}  // namespace kv::cli
