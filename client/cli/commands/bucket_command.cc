// bucket.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>
#include <vector>

#include "client/cli/commands/commands.h"
#include "client/cli/commands/input.h"
#include "client/cli/commands/output.h"
#include "client/cli/text/human.h"
#include "kv/limits.h"

namespace kv::cli {
namespace {

Json bucket_json(const client::Bucket& bucket) {
  Json json;
  json["name"] = bucket.name;
  json["policy"] = bucket.policy;
  json["ttl_ms"] = bucket.ttl.count();
  if (bucket.n > 0) json["n"] = bucket.n;
  if (!bucket.merge.empty()) json["merge"] = bucket.merge;
  return json;
}

std::string ttl_of(const client::Bucket& bucket) {
  return bucket.ttl.count() == 0 ? "-" : absl::StrCat(bucket.ttl.count(), "ms");
}

void print(const std::vector<client::Bucket>& buckets, const Options& options, Console& console) {
  Table table({"NAME", "POLICY", "TTL"});
  for (const client::Bucket& bucket : buckets) {
    if (options.output == OutputFormat::kJson)
      console.out << to_line(bucket_json(bucket));
    else if (options.output == OutputFormat::kTable)
      table.add({bucket.name, bucket.policy, ttl_of(bucket)});
    else
      console.out << bucket.name << "\t" << bucket.policy << "\t" << ttl_of(bucket) << "\n";
  }
  if (options.output == OutputFormat::kTable) console.out << table.take();
}

// A value a line; blank ones are none.
absl::Status read_samples(const std::string& path, Console& console,
                          std::vector<std::string>& samples) {
  absl::StatusOr<Input> input = open_input(path, console);
  if (!input.ok()) return input.status();
  for (std::string line; std::getline(*input->stream, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) samples.push_back(std::move(line));
  }
  return absl::OkStatus();
}

// As many as fit of the first thousand keys' values, spread evenly over them.
client::Result<std::uint64_t> take_samples(const Options& options, client::Client& client,
                                           std::vector<std::string>& samples) {
  std::vector<std::string> values;
  auto scanned = client.scan({.bucket = options.samples_from,
                              .level = options.level,
                              .timeout = options.timeout,
                              .limit = 1000},
                             [&](client::ScanEntry&& entry) {
                               for (std::string& value : entry.values)
                                 values.push_back(std::move(value));
                               return true;
                             });
  std::size_t bytes = 0;
  for (const std::string& sample : samples) bytes += sample.size();
  const std::size_t room = client::kMaxSamples - std::min(client::kMaxSamples, samples.size());
  const std::size_t taken = std::min(room, values.size());
  for (std::size_t i = 0; i < taken; ++i) {
    const std::string& value = values[i * values.size() / taken];
    bytes += value.size();
    if (bytes <= client::kMaxSamplesBytes) samples.push_back(value);
  }
  return scanned;
}

ExitCode create(const Options& options, client::Client& client, Console& console) {
  client::Bucket bucket{.name = options.bucket_name,
                        .policy = options.policy,
                        .ttl = options.ttl,
                        .n = static_cast<std::uint32_t>(options.n)};
  std::vector<std::string> samples;
  const auto refused = [&](const absl::Status& status) {
    return report(client::Failure{.code = status.code(), .message = std::string(status.message())},
                  true, options.output, console);
  };
  if (!options.merge_file.empty()) {
    absl::StatusOr<std::string> source = read_value(options.merge_file, false, console);
    if (!source.ok()) return refused(source.status());
    bucket.merge = *std::move(source);
  }
  if (!options.samples_file.empty()) {
    const absl::Status read = read_samples(options.samples_file, console, samples);
    if (!read.ok()) return refused(read);
  }
  if (!options.samples_from.empty()) {
    const auto taken = take_samples(options, client, samples);
    if (!taken.ok()) return report(taken.failure(), false, options.output, console);
  }
  const auto created = client.create_bucket(bucket, options.timeout, samples);
  if (!created.ok()) return report(created.failure(), true, options.output, console);
  print({*created}, options, console);
  return finish_output(kOk, options.output, console);
}

}  // namespace

ExitCode run_bucket(const Options& options, client::Client& client, Console& console) {
  if (options.bucket_action == "create") return create(options, client, console);
  auto buckets = client.buckets(options.timeout);
  if (!buckets.ok()) return report(buckets.failure(), false, options.output, console);
  if (options.bucket_action == "show")
    std::erase_if(*buckets,
                  [&](const client::Bucket& each) { return each.name != options.bucket_name; });
  if (buckets->empty()) {
    console.err << absl::StrCat("kv: there is no bucket \"", options.bucket_name, "\"\n");
    return kNotFound;
  }
  print(*buckets, options, console);
  return finish_output(kOk, options.output, console);
}

}  // namespace kv::cli
