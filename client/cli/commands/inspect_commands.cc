// wait, converged and explain.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "client/cli/commands/commands.h"
#include "client/cli/commands/output.h"
#include "client/cli/text/human.h"
#include "kv/codec.h"

namespace kv::cli {
namespace {

using client::Explanation;

Json dots_json(const std::vector<client::Dot>& dots) {
  Json json = Json::array();
  for (const client::Dot& dot : dots) json.push_back(client::format_dot(dot));
  return json;
}

std::string dots_text(const std::vector<client::Dot>& dots) {
  std::vector<std::string> texts;
  texts.reserve(dots.size());
  for (const client::Dot& dot : dots) texts.push_back(client::format_dot(dot));
  return texts.empty() ? "-" : absl::StrJoin(texts, ", ");
}

Json receipt_json(const Options& options, const client::Receipt& receipt) {
  Json json;
  json["dot"] = client::format_dot(options.dot);
  json["satisfied"] = receipt.satisfied;
  if (receipt.known) json["partition"] = receipt.partition;
  json["replicas"] = Json::array();
  for (const auto& replica : receipt.replicas)
    json["replicas"].push_back(
        {{"id", replica.id}, {"applied", replica.applied}, {"durable", replica.durable}});
  return json;
}

std::string receipt_text(const client::Receipt& receipt) {
  if (!receipt.known) return "no node that answers has it";
  std::vector<std::string> texts;
  for (const auto& replica : receipt.replicas)
    texts.push_back(absl::StrCat(replica.id, replica.durable   ? " on disk"
                                             : replica.applied ? " has it"
                                                               : " lacks it"));
  return absl::StrJoin(texts, ", ");
}

// What a reader who hears all these replicas is shown: of the versions that none of them knows to be gone, those that a
// policy would choose.
std::vector<client::Dot> winners_of(const Explanation& explanation) {
  std::map<client::Dot, std::uint64_t, bool (*)(const client::Dot&, const client::Dot&)> alive(
      [](const client::Dot& a, const client::Dot& b) {
        return std::tie(a.actor, a.counter) < std::tie(b.actor, b.counter);
      });
  const auto contains = [](const std::vector<client::Dot>& dots, const client::Dot& dot) {
    return std::find(dots.begin(), dots.end(), dot) != dots.end();
  };
  const auto gone_at = [&](const Explanation::Replica& replica, const client::Dot& dot) {
    return replica.reached && !contains(replica.lacks, dot) &&
           std::none_of(replica.versions.begin(), replica.versions.end(),
                        [&](const Explanation::Version& version) { return version.dot == dot; });
  };
  for (const Explanation::Replica& holder : explanation.replicas)
    for (const Explanation::Version& version : holder.versions)
      if (contains(holder.shown, version.dot) || explanation.policy == "counter")
        if (std::none_of(explanation.replicas.begin(), explanation.replicas.end(),
                         [&](const auto& replica) { return gone_at(replica, version.dot); }))
          alive[version.dot] = version.hlc;
  std::vector<client::Dot> winners;
  winners.reserve(alive.size());
  for (const auto& [dot, hlc] : alive) winners.push_back(dot);
  const auto by_time = [&](const client::Dot& a, const client::Dot& b) {
    return std::make_tuple(alive[a], a.actor, a.counter) <
           std::make_tuple(alive[b], b.actor, b.counter);
  };
  if (winners.empty()) return winners;
  if (explanation.policy == "lww")
    return {*std::max_element(winners.begin(), winners.end(), by_time)};
  if (explanation.policy == "fww")
    return {*std::min_element(winners.begin(), winners.end(), by_time)};
  return winners;
}

std::string why_of(const std::string& policy) {
  if (policy == "lww") return "the latest write, by time and then by dot";
  if (policy == "fww") return "the earliest of the writes that none supersedes";
  if (policy == "max") return "the greatest number of those that no write supersedes";
  if (policy == "min") return "the smallest number of those that no write supersedes";
  if (policy == "counter") return "the sum of what each actor has added";
  return "no write supersedes any of them";
}

Json explanation_json(const Options& options, const Explanation& explanation) {
  Json json;
  add_bytes(json, "key", options.key, options.base64);
  json["policy"] = explanation.policy;
  json["partition"] = explanation.partition;
  json["replicas"] = Json::array();
  for (const Explanation::Replica& replica : explanation.replicas) {
    Json one;
    one["node"] = replica.node;
    one["state"] = replica.reached ? "alive" : "unreachable";
    if (replica.reached) {
      one["clock_covers_all"] = replica.clock_covers_all;
      one["lacks"] = dots_json(replica.lacks);
      one["context_dots"] = replica.context_dots;
      one["versions"] = Json::array();
      for (const Explanation::Version& version : replica.versions) {
        Json each;
        each["dot"] = client::format_dot(version.dot);
        each["hlc"] = version.hlc;
        if (version.value.has_value())
          add_bytes(each, "value", *version.value, options.base64);
        else
          each["marker"] = true;
        if (version.expires_ms > 0) each["expires_ms"] = version.expires_ms;
        one["versions"].push_back(std::move(each));
      }
    }
    json["replicas"].push_back(std::move(one));
  }
  json["winners"] = dots_json(winners_of(explanation));
  json["why"] = why_of(explanation.policy);
  return json;
}

std::string time_text(std::uint64_t hlc) { return absl::StrCat(hlc >> 16, ".", hlc & 0xffff); }

void print_explanation(const Options& options, const Explanation& explanation, Console& console) {
  Table table({"NODE", "DOT", "TIME (MS)", "VALUE", "LACKS"});
  for (const Explanation::Replica& replica : explanation.replicas) {
    const std::string lacks = dots_text(replica.lacks);
    if (!replica.reached)
      table.add({replica.node, "unreachable"});
    else if (replica.versions.empty())
      table.add({replica.node, "-", "-", "nothing", lacks});
    for (const Explanation::Version& version : replica.versions)
      table.add({replica.node, client::format_dot(version.dot), time_text(version.hlc),
                 version.value.has_value() ? shown(*version.value, options.base64) : "(a delete)",
                 lacks});
  }
  const std::vector<client::Dot> winners = winners_of(explanation);
  console.out << "partition " << explanation.partition << ", policy " << explanation.policy << "\n"
              << table.take()
              << (winners.empty()
                      ? std::string("A reader is shown nothing: no version is left.\n")
                      : absl::StrCat("A reader of all of them is shown ", dots_text(winners), ": ",
                                     why_of(explanation.policy), ".\n"));
}

}  // namespace

ExitCode run_wait(const Options& options, client::Client& client, Console& console) {
  const auto receipt =
      client.wait(options.dot, options.level_given ? options.level : client::Level::kAll,
                  options.durability, options.timeout);
  if (!receipt.ok()) return report(receipt.failure(), false, options.output, console);
  if (options.output == OutputFormat::kJson)
    console.out << to_line(receipt_json(options, *receipt));
  else
    console.err << (receipt->satisfied ? "ok: " : "kv: timed out: ") << receipt_text(*receipt)
                << "\n";
  return finish_output(receipt->satisfied ? kOk : kTimedOut, options.output, console);
}

ExitCode run_converged(const Options& options, client::Client& client, Console& console) {
  const auto result = client.converged(options.timeout, options.wait);
  if (!result.ok()) return report(result.failure(), false, options.output, console);
  if (options.output == OutputFormat::kJson) {
    Json json;
    json["converged"] = result->converged;
    json["partitions_behind"] = result->partitions_behind;
    json["unreachable"] = result->unreachable;
    console.out << to_line(json);
  } else if (result->converged) {
    console.err << "converged: the clocks of all replicas are equal\n";
  } else {
    console.err << "kv: not converged; partitions whose replicas differ or did not answer: "
                << result->partitions_behind.size()
                << (result->unreachable.empty()
                        ? ""
                        : absl::StrCat("; no answer from ", joined(result->unreachable)))
                << "\n";
  }
  return finish_output(result->converged ? kOk : kTimedOut, options.output, console);
}

ExitCode run_explain(const Options& options, client::Client& client, Console& console) {
  const auto explanation = client.explain(
      options.key, {.bucket = options.bucket, .level = options.level, .timeout = options.timeout});
  if (!explanation.ok()) return report(explanation.failure(), false, options.output, console);
  if (options.output == OutputFormat::kJson)
    console.out << to_line(explanation_json(options, *explanation));
  else
    print_explanation(options, *explanation, console);
  return finish_output(kOk, options.output, console);
}

}  // namespace kv::cli
