// status.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <utility>

#include "client/cli/commands/commands.h"
#include "client/cli/commands/output.h"
#include "client/cli/text/human.h"

namespace kv::cli {
namespace {

// "n2 ok, n3 unreachable, owed 5,003 dots for 12.4 s"
std::string peers_text(const std::vector<client::NodeReport::Peer>& peers) {
  std::vector<std::string> texts;
  for (const client::NodeReport::Peer& peer : peers) {
    std::string text = absl::StrCat(peer.id, peer.alive ? " ok" : " unreachable");
    if (peer.debt_dots > 0) {
      absl::StrAppend(&text, ", owed ", with_commas(peer.debt_dots), " dots for ",
                      human_duration(std::chrono::milliseconds(peer.debt_age_ms)));
    }
    if (peer.transfers_owed > 0)
      absl::StrAppend(&text, " and full transfers of ", with_commas(peer.transfers_owed),
                      " partitions");
    texts.push_back(std::move(text));
  }
  return texts.empty() ? "-" : absl::StrJoin(texts, "; ");
}

std::string status_table(const std::vector<client::NodeStatus>& nodes) {
  Table table({"NODE", "ADDRESS", "STATE", "KEYS", "SKEW", "DISK", "MEMORY", "DOT LOG", "MARKERS",
               "PARTITIONS", "PEERS"});
  for (const client::NodeStatus& node : nodes) {
    const std::string id = node.id.empty() ? "?" : node.id;
    if (!node.report.has_value()) {
      table.add({id, node.address, "unreachable"});
      continue;
    }
    const client::NodeReport& report = *node.report;
    table.add({id, node.address, report.skewed ? "skewed" : "alive", with_commas(report.keys),
               absl::StrCat(report.clock_skew_ms, " ms"), human_bytes(report.disk_bytes),
               human_bytes(report.memory_bytes), with_commas(report.dot_log_entries),
               with_commas(report.markers),
               absl::StrCat(report.partitions, "/", report.partitions_total,
                            report.replicas_unfit == 0
                                ? ""
                                : absl::StrCat(" (", report.replicas_unfit, " damaged)")),
               peers_text(report.peers)});
  }
  return table.take();
}

}  // namespace

ExitCode run_status(const Options& options, client::Client& client, Console& console) {
  const std::vector<client::NodeStatus> nodes = client.status(options.timeout);
  const bool any = std::any_of(nodes.begin(), nodes.end(),
                               [](const auto& node) { return node.report.has_value(); });
  if (!any) {
    std::vector<std::string> reasons;
    reasons.reserve(nodes.size());
    for (const client::NodeStatus& node : nodes) reasons.push_back(node.failure);
    const client::Failure failure{
        .code = absl::StatusCode::kUnavailable,
        .message = absl::StrCat("no node could be reached: ", absl::StrJoin(reasons, "; ")),
        .reached = false};
    return report(failure, false, options.output, console);
  }
  for (const client::NodeStatus& node : nodes)
    if (node.report.has_value() && node.report->merges.broken > 0)
      console.err << absl::StrCat("kv: ", node.id, ": a merge function has broken a law ",
                                  node.report->merges.broken,
                                  " times, and siblings were shown; see the node's log\n");
  for (const client::NodeStatus& node : nodes)
    if (node.report.has_value() && node.report->scrub.different > 0)
      console.err << absl::StrCat("kv: ", node.id, ": scrub has found ",
                                  node.report->scrub.different,
                                  " keys in which replicas differed, and mended ",
                                  node.report->scrub.mended, " here; see the node's log\n");
  console.out << (options.output == OutputFormat::kJson ? to_line(status_json(nodes))
                                                        : status_table(nodes));
  return finish_output(kOk, options.output, console);
}

}  // namespace kv::cli
