// import: one thread reads and parses, the pipeline's threads send and report.
#include <absl/strings/str_cat.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "client/cli/commands/commands.h"
#include "client/cli/commands/import/screen.h"
#include "client/cli/commands/input.h"
#include "client/cli/commands/output.h"
#include "client/cli/records/batcher.h"
#include "client/cli/text/human.h"
#include "client/cli/text/progress.h"
#include "kv/batch_pipeline.h"

namespace kv::cli {
namespace {

using Milliseconds = std::chrono::milliseconds;

// What goes for one record only; anything else goes for those after it, too, and the import ends.
bool concerns_one_record(const client::Failure& failure) {
  return failure.code == absl::StatusCode::kInvalidArgument &&
         failure.outcome == client::Outcome::kNotApplied;
}

// What the import has come to so far, and everything it says. Thread-safe.
class ImportLog {
 public:
  ImportLog(const Options& options, Console& console)
      : options_(options), console_(console), screen_(console) {}

  void stored(std::uint64_t records, std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    records_ += records;
    bytes_ += bytes;
  }

  void refused(std::uint64_t line, const client::Failure& failure) {
    {
      const std::lock_guard lock(mutex_);
      ++refused_;
      code_ = worse(code_, exit_code_of(failure));
    }
    if (options_.output == OutputFormat::kJson) {
      Json json = {{"line", line}};
      json.update(failure_json(failure, true));
      screen_.message(to_line(json));
      return;
    }
    screen_.message(absl::StrCat("line ", line, ": ", failure_text(failure), "\n"));
  }

  // Each reason once, and not without end.
  void retrying(const client::Failure& failure) {
    {
      const std::lock_guard lock(mutex_);
      if (retry_reasons_.size() >= kMaxRetryReasons ||
          !retry_reasons_.insert(failure.message).second)
        return;
    }
    if (options_.output == OutputFormat::kJson) {
      screen_.message(to_line({{"retrying", failure.message}}));
    } else {
      screen_.message(absl::StrCat("kv: retrying: ", failure.message, "\n"));
    }
  }

  void stopped(std::uint64_t last_line) {
    if (options_.output == OutputFormat::kJson) {
      screen_.message(to_line({{"error", "stopped early"}, {"last_line_sent", last_line}}));
    } else {
      screen_.message(absl::StrCat("kv: stopped: nothing after line ", last_line, " was sent\n"));
    }
  }

  void show_progress(std::uint64_t bytes_read, std::optional<std::uint64_t> total_bytes) {
    if (!screen_.wants_progress()) return;
    Progress progress{.bytes = bytes_read, .total_bytes = total_bytes, .elapsed = elapsed()};
    {
      const std::lock_guard lock(mutex_);
      progress.records = records_;
    }
    screen_.progress(format_progress(progress, console_.width - 1));
  }

  ExitCode finish() {
    screen_.clear();
    const Milliseconds time = elapsed();
    const std::lock_guard lock(mutex_);
    if (options_.output == OutputFormat::kJson) {
      screen_.message(to_line({{"records", records_},
                               {"bytes", bytes_},
                               {"seconds", static_cast<double>(time.count()) / 1000},
                               {"rate", rate(records_, time)},
                               {"refused", refused_}}));
    } else {
      screen_.message(absl::StrCat("imported ", with_commas(records_), " records, ",
                                   human_bytes(bytes_), " in ", human_duration(time), " (",
                                   with_commas(rate(records_, time)), "/s), ",
                                   with_commas(refused_), " refused\n"));
    }
    return of_several(code_, records_ > 0);
  }

 private:
  static constexpr std::size_t kMaxRetryReasons = 20;

  Milliseconds elapsed() const {
    return std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - started_);
  }

  const Options& options_;
  Console& console_;
  Screen screen_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::mutex mutex_;  // of what follows
  std::uint64_t records_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t refused_ = 0;
  ExitCode code_ = kOk;
  std::set<std::string> retry_reasons_;
};

class Import {
 public:
  Import(const Options& options, client::Client& client, Input input, Console& console)
      : input_(std::move(input)),
        reader_(*input_.stream,
                options.format.has_value() ? options.format : format_of_name(options.file),
                options.base64),
        batcher_(options.batch),
        log_(options, console),
        pipeline_(client, {.batch = {.bucket = options.bucket,
                                     .level = options.level,
                                     .timeout = options.timeout,
                                     .durability = options.durability},
                           .in_flight = options.in_flight,
                           .retry_for = options.retry_for,
                           .on_retry = [this](const client::Failure& failure) {
                             log_.retrying(failure);
                           }}) {}

  ExitCode run() {
    while (!stop_) {
      std::optional<NumberedRecord> next = reader_.next();
      log_.show_progress(reader_.bytes_read(), input_.size);
      if (!next.has_value()) break;
      take(*std::move(next));
    }
    if (!stop_) send(batcher_.take());
    pipeline_.drain();
    if (stop_) log_.stopped(last_line_sent_);
    return log_.finish();
  }

  bool reading_failed() const { return reader_.failed(); }

 private:
  // What is kept of a record while it is in flight.
  struct Sent {
    std::string key{};
    std::uint64_t line = 0;
    std::size_t bytes = 0;
  };

  void take(NumberedRecord next) {
    if (!next.record.ok()) {
      log_.refused(next.line, {.code = next.record.status().code(),
                               .message = std::string(next.record.status().message())});
      return;
    }
    std::optional<RecordBatch> full = batcher_.add(*std::move(next.record), next.line);
    if (full.has_value()) send(*std::move(full));
  }

  void send(RecordBatch batch) {
    if (batch.empty()) return;
    keys_.enter(batch);
    // While this thread waited for room the batches before it may have failed for good.
    if (stop_) return;
    last_line_sent_ = batch.lines.back();
    std::vector<Sent> sent;
    std::vector<client::Operation> operations;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      Record& record = batch.records[i];
      sent.push_back({.key = record.key,
                      .line = batch.lines[i],
                      .bytes = record.key.size() + record.value.size()});
      operations.push_back({.key = std::move(record.key), .value = std::move(record.value)});
    }
    pipeline_.submit(std::move(operations),
                     [this, sent = std::move(sent)](auto results) { answered(sent, results); });
  }

  void answered(const std::vector<Sent>& sent,
                const std::vector<client::OperationResult>& results) {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i].ok()) {
        ++records;
        bytes += sent[i].bytes;
        continue;
      }
      log_.refused(sent[i].line, results[i].failure());
      if (!concerns_one_record(results[i].failure())) stop_ = true;
    }
    log_.stored(records, bytes);
    for (const Sent& record : sent) keys_.leave(record.key);
  }

  Input input_;
  RecordReader reader_;
  Batcher batcher_;
  KeysInFlight keys_;
  ImportLog log_;
  std::uint64_t last_line_sent_ = 0;
  std::atomic<bool> stop_{false};
  client::BatchPipeline pipeline_;  // last: its threads use the others
};

}  // namespace

ExitCode run_import(const Options& options, client::Client& client, Console& console) {
  absl::StatusOr<Input> input = open_input(options.file, console);
  if (!input.ok()) return report_usage(input.status(), options.output, console);
  Import import(options, client, *std::move(input), console);
  const ExitCode code = import.run();
  if (!import.reading_failed()) return code;
  report_usage(
      absl::InvalidArgumentError("the input breaks off; what was read before that is imported"),
      options.output, console);
  return worse(code, kUsage);
}

}  // namespace kv::cli
