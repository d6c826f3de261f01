#include "client/cli/commands/output.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>

#include "client/cli/records/tsv.h"
#include "client/cli/text/utf8.h"
#include "kv/codec.h"

namespace kv::cli {
namespace {

Json peers_json(const std::vector<client::NodeReport::Peer>& peers) {
  Json list = Json::array();
  for (const client::NodeReport::Peer& peer : peers) {
    list.push_back({{"id", peer.id},
                    {"alive", peer.alive},
                    {"debt_dots", peer.debt_dots},
                    {"debt_age_ms", peer.debt_age_ms},
                    {"transfers_owed", peer.transfers_owed},
                    {"clock_skew_ms", peer.clock_skew_ms}});
  }
  return list;
}

Json node_json(const client::NodeStatus& node) {
  Json json = {{"id", node.id}, {"address", node.address}};
  if (!node.report.has_value()) {
    json["state"] = "unreachable";
    json["error"] = node.failure;
    return json;
  }
  const client::NodeReport& report = *node.report;
  json["state"] = report.skewed ? "skewed" : "alive";
  json["cluster"] = report.cluster;
  json["uptime_ms"] = report.uptime_ms;
  json["keys"] = report.keys;
  json["clock_skew_ms"] = report.clock_skew_ms;
  json["disk_bytes"] = report.disk_bytes;
  json["memory_bytes"] = report.memory_bytes;
  json["dot_log_entries"] = report.dot_log_entries;
  json["max_dot_log_entries"] = report.max_dot_log_entries;
  json["markers"] = report.markers;
  json["replicas_unfit"] = report.replicas_unfit;
  json["replicas_discarded"] = report.replicas_discarded;
  json["partitions"] = report.partitions;
  json["partitions_total"] = report.partitions_total;
  json["n"] = report.n;
  json["peers"] = peers_json(report.peers);
  const client::NodeReport::AntiEntropy& totals = report.anti_entropy;
  json["anti_entropy"] = {
      {"pages_sent", totals.pages_sent},     {"pages_received", totals.pages_received},
      {"bytes_sent", totals.bytes_sent},     {"bytes_received", totals.bytes_received},
      {"objects_sent", totals.objects_sent}, {"full_transfers", totals.full_transfers}};
  const client::NodeReport::Reads& reads = report.reads;
  json["reads"] = {{"asked", reads.asked},
                   {"hedges", reads.hedges},
                   {"spares", reads.spares},
                   {"repairs", reads.repairs},
                   {"repairs_skipped", reads.repairs_skipped}};
  const client::NodeReport::Merges& merges = report.merges;
  json["merges"] = {
      {"merged", merges.merged}, {"refused", merges.refused}, {"broken", merges.broken}};
  const client::NodeReport::Scrub& scrub = report.scrub;
  json["scrub"] = {{"bytes", scrub.bytes},
                   {"skipped", scrub.skipped},
                   {"different", scrub.different},
                   {"mended", scrub.mended},
                   {"passes", scrub.passes}};
  return json;
}

}  // namespace

std::string to_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void add_bytes(Json& json, const std::string& name, const std::string& bytes, bool base64) {
  if (base64 || !is_utf8(bytes)) {
    json[name + "_base64"] = client::encode_base64(bytes);
  } else {
    json[name] = bytes;
  }
}

void add_bytes_list(Json& json, const std::string& name, const std::vector<std::string>& list,
                    bool base64) {
  const bool text = !base64 && std::all_of(list.begin(), list.end(),
                                           [](const std::string& s) { return is_utf8(s); });
  Json& added = json[text ? name : name + "_base64"] = Json::array();
  for (const std::string& bytes : list)
    added.push_back(text ? bytes : client::encode_base64(bytes));
}

Json write_json(const std::string& key, const client::WriteResult& result, bool base64) {
  Json json;
  add_bytes(json, "key", key, base64);
  json["dot"] = client::format_dot(result.dot);
  json["token"] = client::encode_token(result.token);
  json["acks"] = result.acks;
  json["coordinator"] = result.coordinator;
  return json;
}

std::string write_line(const client::WriteResult& result) {
  return absl::StrCat("ok dot=", client::format_dot(result.dot), " acks=", result.acks, "\n");
}

Table write_table() { return Table({"KEY", "DOT", "ACKS", "COORDINATOR"}); }

std::vector<std::string> write_row(const std::string& key, const client::WriteResult& result,
                                   bool base64) {
  return {shown(key, base64), client::format_dot(result.dot), absl::StrCat(result.acks),
          result.coordinator};
}

Json get_json(const std::string& key, const client::GetResult& result, bool base64) {
  Json json;
  add_bytes(json, "key", key, base64);
  add_bytes_list(json, "values", result.values, base64);
  json["token"] = client::encode_token(result.token);
  json["replicas"] = result.replicas;
  json["agreed"] = result.agreed;
  return json;
}

Json scan_json(const client::ScanEntry& entry, bool base64) {
  Json json;
  add_bytes(json, "key", entry.key, base64);
  if (entry.values.size() == 1) {
    add_bytes(json, "value", entry.values.front(), base64);
  } else {
    add_bytes_list(json, "values", entry.values, base64);
  }
  return json;
}

Json leaf_json(const client::Leaf& leaf, bool base64) {
  Json json;
  if (!leaf.path.empty()) add_bytes_list(json, "path", leaf.path, base64);
  if (!leaf.policy.empty()) json["policy"] = leaf.policy;
  if (!leaf.element.empty()) add_bytes(json, "element", leaf.element, base64);
  return json;
}

std::string leaf_line(const client::Leaf& leaf, bool base64) {
  std::string line;
  const auto add = [&](const std::string& part) {
    absl::StrAppend(&line, line.empty() ? "" : "\t", shown(part, base64));
  };
  for (const std::string& field : leaf.path) add(field);
  if (!leaf.element.empty()) add(leaf.element);
  return line;
}

Json watch_json(const client::WatchUpdate& update, bool base64) {
  Json json = Json::object();
  if (update.event.has_value()) {
    const client::WatchEvent& event = *update.event;
    add_bytes(json, "key", event.key, base64);
    if (event.leaf.has_value()) json.update(leaf_json(*event.leaf, base64));
    json["dots"] = Json::array();
    for (const client::Dot& dot : event.dots) json["dots"].push_back(client::format_dot(dot));
    std::vector<std::string> values;
    for (const auto& version : event.shown) values.push_back(version.value);
    add_bytes_list(json, "values", values, base64);
    json["deleted"] = event.shown.empty();
    Json expires = Json::array();
    for (const auto& version : event.shown)
      if (version.expires_ms > 0) expires.push_back(version.expires_ms);
    if (!expires.empty()) json["expires_ms"] = std::move(expires);
  }
  json["token"] = client::encode_token(update.token);
  return json;
}

Json status_json(const std::vector<client::NodeStatus>& nodes) {
  Json list = Json::array();
  for (const client::NodeStatus& node : nodes) list.push_back(node_json(node));
  return {{"nodes", list}};
}

Json failure_json(const client::Failure& failure, bool is_write) {
  Json json = {{"error", failure.message}, {"code", absl::StatusCodeToString(failure.code)}};
  if (is_write)
    json["outcome"] = failure.outcome == client::Outcome::kUnknown ? "unknown" : "not_applied";
  if (failure.dot.has_value()) {
    json["dot"] = client::format_dot(*failure.dot);
    json["token"] = client::encode_token(failure.token);
  }
  return json;
}

std::string joined(const std::vector<std::string>& list) { return absl::StrJoin(list, ", "); }

std::string shown(const std::string& bytes, bool base64) {
  return base64 ? client::encode_base64(bytes) : escape(bytes);
}

std::string failure_text(const client::Failure& failure) {
  const bool unknown = failure.outcome == client::Outcome::kUnknown;
  const std::string dot =
      failure.dot.has_value() ? absl::StrCat(" (dot ", client::format_dot(*failure.dot), ")") : "";
  return absl::StrCat(unknown ? "outcome unknown" : "refused", dot, ": ", failure.message);
}

ExitCode print_write(const Options& options, const std::string& key,
                     const client::Result<client::WriteResult>& result, Console& console) {
  if (!result.ok()) return report(result.failure(), true, options.output, console);
  switch (options.output) {
    case OutputFormat::kRaw:
      console.err << write_line(*result);
      break;
    case OutputFormat::kJson:
      console.out << to_line(write_json(key, *result, options.base64));
      break;
    case OutputFormat::kTable: {
      Table table = write_table();
      table.add(write_row(key, *result, options.base64));
      console.out << table.take();
      break;
    }
  }
  return finish_output(kOk, options.output, console);
}

ExitCode report(const client::Failure& failure, bool is_write, OutputFormat output,
                Console& console) {
  if (output == OutputFormat::kJson) {
    console.err << to_line(failure_json(failure, is_write));
  } else {
    const bool unknown = failure.outcome == client::Outcome::kUnknown;
    console.err << "kv: " << (unknown ? "outcome unknown: " : "") << failure.message << "\n";
    if (failure.dot.has_value()) console.err << "dot " << client::format_dot(*failure.dot) << "\n";
  }
  return exit_code_of(failure);
}

ExitCode report_usage(const absl::Status& status, OutputFormat output, Console& console) {
  const client::Failure failure{.code = status.code(), .message = std::string(status.message())};
  report(failure, false, output, console);
  return kUsage;
}

ExitCode finish_output(ExitCode code, OutputFormat output, Console& console) {
  console.out.flush();
  if (console.out.good()) return code;
  return report_usage(absl::DataLossError("standard output could not be written"), output, console);
}

}  // namespace kv::cli
