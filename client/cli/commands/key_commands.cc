// put, get and incr.
#include <absl/strings/str_cat.h>

#include "client/cli/commands/commands.h"
#include "client/cli/commands/input.h"
#include "client/cli/commands/output.h"
#include "client/cli/commands/session_file.h"
#include "client/cli/records/tsv.h"
#include "client/cli/text/human.h"
#include "kv/codec.h"

namespace kv::cli {
namespace {

// Results go out exactly as stored; a newline would be one byte too many, except where a person
// reads.
void print_line(const std::string& bytes, Console& console) {
  console.out << bytes;
  if (console.out_is_terminal) console.out << "\n";
}

ExitCode print_raw_value(const Options& options, const client::GetResult& result,
                         Console& console) {
  if (!result.agreed && result.replicas.size() > 1) {
    console.err << "kv: the replicas asked (" << joined(result.replicas)
                << ") did not hold the same versions; this is the newest\n";
  }
  if (result.values.empty()) {
    console.err << "kv: not found\n";
    return kNotFound;
  }
  if (result.values.size() > 1) {
    console.err << "kv: the key has " << result.values.size()
                << " siblings; see them with -o json\n";
    return kSiblings;
  }
  const std::string& value = result.values.front();
  print_line(options.base64 ? client::encode_base64(value) : value, console);
  return kOk;
}

ExitCode print_token(const Options& options, const client::GetResult& result, Console& console) {
  const std::string token = client::encode_token(result.token);
  if (options.output == OutputFormat::kJson) {
    Json json;
    add_bytes(json, "key", options.key, options.base64);
    json["token"] = token;
    console.out << to_line(json);
  } else {
    print_line(token, console);
  }
  return result.values.empty() ? kNotFound : kOk;
}

ExitCode print_get(const Options& options, const client::GetResult& result, Console& console) {
  if (options.token_only) return print_token(options, result, console);
  if (options.output == OutputFormat::kRaw) return print_raw_value(options, result, console);
  if (options.output == OutputFormat::kJson) {
    console.out << to_line(get_json(options.key, result, options.base64));
    return result.values.empty() ? kNotFound : kOk;
  }
  Table table({"KEY", "REPLICAS", "AGREED", "VALUE"});
  for (const std::string& value : result.values) {
    table.add({shown(options.key, options.base64), joined(result.replicas),
               result.agreed ? "yes" : "no", shown(value, options.base64)});
  }
  if (result.values.empty()) {
    console.err << "kv: not found\n";
    return kNotFound;
  }
  console.out << table.take();
  return kOk;
}

}  // namespace

ExitCode run_put(const Options& options, client::Client& client, Console& console) {
  const absl::StatusOr<std::string> value = options.value.has_value()
                                                ? *options.value
                                                : read_value(options.file, options.base64, console);
  if (!value.ok()) return report_usage(value.status(), options.output, console);
  return write_one(options, options.key, console, [&](const client::WriteOptions& write) {
    return client.put(options.key, *value, write);
  });
}

ExitCode run_incr(const Options& options, client::Client& client, Console& console) {
  return write_one(options, options.key, console, [&](const client::WriteOptions& write) {
    return client.add(options.key, options.amount, write);
  });
}

ExitCode run_get(const Options& options, client::Client& client, Console& console) {
  SessionFile session(options.session_file);
  if (absl::Status loaded = session.load(); !loaded.ok())
    return report_usage(loaded, options.output, console);
  const client::Result<client::GetResult> result =
      client.get(options.key, {.bucket = options.bucket,
                               .level = options.level,
                               .timeout = options.timeout,
                               .session = session.session()});
  if (!result.ok()) return report(result.failure(), false, options.output, console);
  const ExitCode code =
      finish_output(print_get(options, *result, console), options.output, console);
  return session.save(code, options, console);
}

}  // namespace kv::cli
