// del: one key as a request of its own, several through the pipeline that import uses.
#include <absl/strings/str_cat.h>

#include <optional>
#include <utility>
#include <vector>

#include "client/cli/commands/commands.h"
#include "client/cli/commands/output.h"
#include "client/cli/commands/session_file.h"
#include "client/cli/records/batcher.h"
#include "client/cli/records/tsv.h"
#include "client/cli/text/human.h"
#include "kv/batch_pipeline.h"
#include "kv/codec.h"
#include "kv/limits.h"

namespace kv::cli {
namespace {

constexpr std::size_t kKeysPerRequest = 100;

using Results = std::vector<std::optional<client::OperationResult>>;

// Deletes `keys`; the results have their order. Like a single delete, none is sent a second time.
Results delete_all(const Options& options, client::Client& client) {
  Results results(options.keys.size());
  client::BatchPipeline pipeline(client, {.batch = {.bucket = options.bucket,
                                                    .level = options.level,
                                                    .timeout = options.timeout,
                                                    .durability = options.durability},
                                          .in_flight = options.in_flight,
                                          .retry_for = std::chrono::milliseconds{0}});
  const auto send = [&](RecordBatch batch) {
    std::vector<client::Operation> operations;
    for (Record& record : batch.records) {
      operations.push_back({.kind = client::Operation::Kind::kDelete,
                            .key = std::move(record.key),
                            .request_id = options.request_id});
    }
    // Every position belongs to one batch, so that the pipeline's threads do not meet.
    pipeline.submit(std::move(operations),
                    [&results, positions = std::move(batch.lines)](auto answers) {
                      for (std::size_t i = 0; i < answers.size(); ++i)
                        results[positions[i]] = std::move(answers[i]);
                    });
  };
  Batcher batcher(kKeysPerRequest);
  for (std::size_t i = 0; i < options.keys.size(); ++i) {
    std::optional<RecordBatch> full = batcher.add({.key = options.keys[i]}, i);
    if (full.has_value()) send(*std::move(full));
  }
  send(batcher.take());
  pipeline.drain();
  return results;
}

// Says for each key what became of it.
class DeletePrinter {
 public:
  DeletePrinter(const Options& options, Console& console) : options_(options), console_(console) {}

  void print(const std::string& key, const client::OperationResult& result) {
    if (result.ok()) {
      print_deleted(key, std::get<client::WriteResult>(*result));
    } else {
      print_failed(key, result.failure());
    }
  }

  ExitCode finish() {
    if (options_.output == OutputFormat::kTable && some_deleted_) console_.out << table_.take();
    return finish_output(of_several(code_, some_deleted_), options_.output, console_);
  }

 private:
  void print_deleted(const std::string& key, const client::WriteResult& result) {
    some_deleted_ = true;
    switch (options_.output) {
      case OutputFormat::kRaw:
        console_.err << shown(key, options_.base64) << ": " << write_line(result);
        break;
      case OutputFormat::kJson:
        console_.out << to_line(write_json(key, result, options_.base64));
        break;
      case OutputFormat::kTable:
        table_.add(write_row(key, result, options_.base64));
        break;
    }
  }

  void print_failed(const std::string& key, const client::Failure& failure) {
    code_ = worse(code_, exit_code_of(failure));
    if (options_.output == OutputFormat::kJson) {
      Json json;
      add_bytes(json, "key", key, options_.base64);
      json.update(failure_json(failure, true));
      console_.err << to_line(json);
    } else {
      console_.err << "kv: " << shown(key, options_.base64) << ": " << failure_text(failure)
                   << "\n";
    }
  }

  const Options& options_;
  Console& console_;
  Table table_ = write_table();
  bool some_deleted_ = false;
  ExitCode code_ = kOk;
};

// Before anything is sent, so that a mistake changes nothing.
absl::Status check_keys(const std::vector<std::string>& keys) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const absl::Status status = client::check_key(keys[i]);
    if (status.ok()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("KEY ", i + 1, ": ", status.message(), "; nothing was deleted"));
  }
  return absl::OkStatus();
}

}  // namespace

ExitCode run_del(const Options& options, client::Client& client, Console& console) {
  if (options.keys.size() == 1) {
    const std::string& key = options.keys.front();
    return write_one(options, key, console,
                     [&](const client::WriteOptions& write) { return client.del(key, write); });
  }
  if (absl::Status status = check_keys(options.keys); !status.ok())
    return report_usage(status, options.output, console);
  const Results results = delete_all(options, client);
  DeletePrinter printer(options, console);
  for (std::size_t i = 0; i < results.size(); ++i) printer.print(options.keys[i], *results[i]);
  return printer.finish();
}

}  // namespace kv::cli
