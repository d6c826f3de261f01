// conflicts.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <chrono>

#include "client/cli/commands/commands.h"
#include "client/cli/commands/output.h"
#include "client/cli/text/human.h"
#include "kv/codec.h"

namespace kv::cli {
namespace {

using client::Conflict;

Json conflict_json(const Options& options, const Conflict& conflict) {
  Json json;
  json["dot"] = client::format_dot(conflict.dot);
  json["bucket"] = conflict.bucket;
  add_bytes(json, "key", conflict.key, options.base64);
  if (!conflict.path.empty()) add_bytes_list(json, "path", conflict.path, options.base64);
  json["hlc"] = conflict.hlc;
  if (conflict.marker) {
    json["marker"] = true;
  } else {
    json["value_bytes"] = conflict.value_bytes;
    json["value_kept"] = conflict.value_kept;
  }
  if (conflict.value.has_value()) add_bytes(json, "value", *conflict.value, options.base64);
  if (conflict.expires_ms > 0) json["expires_ms"] = conflict.expires_ms;
  json["winner"] = client::format_dot(conflict.winner);
  json["winner_hlc"] = conflict.winner_hlc;
  json["noted_ms"] = conflict.noted_ms;
  json["nodes"] = conflict.nodes;
  return json;
}

std::string name_of(const Options& options, const Conflict& conflict) {
  std::vector<std::string> parts{shown(conflict.key, options.base64)};
  for (const std::string& field : conflict.path) parts.push_back(shown(field, options.base64));
  return absl::StrJoin(parts, "/");
}

std::string what_of(const Conflict& conflict) {
  if (conflict.marker) return "a delete";
  return absl::StrCat("a value of ", conflict.value_bytes, " bytes",
                      conflict.value_kept ? "" : ", not kept");
}

void tell_unreachable(const client::ConflictList& list, Console& console) {
  if (!list.unreachable.empty())
    console.err << "kv: no answer from " << joined(list.unreachable)
                << "; what only they have noted is missing\n";
}

ExitCode list(const Options& options, client::Client& client, Console& console) {
  const auto found = client.conflicts({.bucket = options.all_buckets ? "" : options.bucket,
                                       .key = options.key,
                                       .limit = options.limit,
                                       .timeout = options.timeout});
  if (!found.ok()) return report(found.failure(), false, options.output, console);
  Table table({"DOT", "BUCKET", "KEY", "LOST", "WINNER", "NOTED BY"});
  for (const Conflict& conflict : found->conflicts) {
    const std::string dot = client::format_dot(conflict.dot);
    const std::string winner = client::format_dot(conflict.winner);
    if (options.output == OutputFormat::kJson)
      console.out << to_line(conflict_json(options, conflict));
    else if (options.output == OutputFormat::kTable)
      table.add({dot, conflict.bucket, name_of(options, conflict), what_of(conflict), winner,
                 joined(conflict.nodes)});
    else
      console.out << dot << "\t" << name_of(options, conflict) << "\t" << what_of(conflict) << "\t"
                  << winner << "\n";
  }
  if (options.output == OutputFormat::kTable) console.out << table.take();
  tell_unreachable(*found, console);
  if (found->more) console.err << "kv: there are more; narrow it to a bucket or a key\n";
  return finish_output(kOk, options.output, console);
}

ExitCode gone(const std::string& why, const Options& options, Console& console) {
  client::Failure failure{.code = absl::StatusCode::kNotFound, .message = why};
  if (options.output == OutputFormat::kJson)
    console.err << to_line(failure_json(failure, false));
  else
    console.err << "kv: " << why << "\n";
  return kNotFound;
}

ExitCode show(const Options& options, const Conflict& conflict, Console& console) {
  if (options.output == OutputFormat::kJson) {
    console.out << to_line(conflict_json(options, conflict));
    return finish_output(kOk, options.output, console);
  }
  console.err << name_of(options, conflict) << " in bucket " << conflict.bucket << ": "
              << what_of(conflict) << ", lost to " << client::format_dot(conflict.winner) << "\n";
  if (conflict.value.has_value()) {
    console.out << (options.base64 ? client::encode_base64(*conflict.value) : *conflict.value);
    if (console.out_is_terminal) console.out << "\n";
  } else if (!conflict.marker) {
    return gone("the value was too large to be kept", options, console);
  }
  return finish_output(kOk, options.output, console);
}

// What is left of its time; 0 for ever, negative: it has ended.
std::chrono::milliseconds time_left(const Conflict& conflict) {
  if (conflict.expires_ms == 0) return std::chrono::milliseconds(0);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto left = std::chrono::milliseconds(conflict.expires_ms) -
                    std::chrono::duration_cast<std::chrono::milliseconds>(now);
  return left.count() > 0 ? left : std::chrono::milliseconds(-1);
}

// In the place of what a read has just seen, and of nothing else.
client::Result<client::WriteResult> put_back(const Options& options, client::Client& client,
                                             const Conflict& conflict,
                                             std::vector<client::Dot>& replaced) {
  client::WriteOptions write{.bucket = conflict.bucket,
                             .level = options.level,
                             .timeout = options.timeout,
                             .ttl = time_left(conflict)};
  if (!conflict.path.empty())
    return client.update(conflict.key, {conflict.path, "register", ""},
                         {.kind = client::LeafChange::Kind::kPut, .value = *conflict.value}, write);
  const auto current =
      client.get(conflict.key,
                 {.bucket = conflict.bucket, .level = options.level, .timeout = options.timeout});
  if (!current.ok()) return current.failure();
  replaced = current->dots;
  write.token = current->token;
  write.condition = client::Condition::kIfCurrent;
  if (conflict.marker) {
    write.ttl = {};
    return client.del(conflict.key, write);
  }
  return client.put(conflict.key, *conflict.value, write);
}

ExitCode restore(const Options& options, client::Client& client, const Conflict& conflict,
                 Console& console) {
  if (!conflict.marker && !conflict.value.has_value())
    return gone(absl::StrCat("the value was too large to be kept: ", conflict.value_bytes,
                             " bytes; nothing is restored"),
                options, console);
  if (time_left(conflict).count() < 0)
    return gone("the time to live of what was lost has ended; nothing is restored", options,
                console);
  std::vector<client::Dot> replaced;
  const auto result = put_back(options, client, conflict, replaced);
  if (!result.ok()) return report(result.failure(), true, options.output, console);
  std::vector<std::string> names;
  names.reserve(replaced.size());
  for (const client::Dot& dot : replaced) names.push_back(client::format_dot(dot));
  if (options.output == OutputFormat::kJson) {
    Json json = write_json(conflict.key, *result, options.base64);
    json["restored"] = client::format_dot(conflict.dot);
    json["replaced"] = names;
    console.out << to_line(json);
  } else {
    console.err << write_line(*result) << "restored " << what_of(conflict) << " of "
                << name_of(options, conflict)
                << (names.empty() ? "" : ", in the place of " + joined(names)) << "\n";
  }
  return finish_output(kOk, options.output, console);
}

}  // namespace

ExitCode run_conflicts(const Options& options, client::Client& client, Console& console) {
  if (options.action == "list") return list(options, client, console);
  const auto found = client.conflicts({.dot = options.dot, .timeout = options.timeout});
  if (!found.ok()) return report(found.failure(), false, options.output, console);
  if (found->conflicts.empty()) {
    tell_unreachable(*found, console);
    return gone(
        absl::StrCat("no node has noted that ", client::format_dot(options.dot), " was lost"),
        options, console);
  }
  const Conflict& conflict = found->conflicts.front();
  return options.action == "show" ? show(options, conflict, console)
                                  : restore(options, client, conflict, console);
}

}  // namespace kv::cli
