// set and map: what they hold, piece by piece.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "client/cli/commands/commands.h"
#include "client/cli/commands/output.h"
#include "client/cli/text/human.h"
#include "kv/limits.h"

namespace kv::cli {
namespace {

using client::Leaf;
using client::LeafChange;
using client::LeafEntry;
using client::Operation;

constexpr std::size_t kUpdatesPerRequest = 500;

client::ReadOptions read_options(const Options& options) {
  return {.bucket = options.bucket, .level = options.level, .timeout = options.timeout};
}

// Says for each update what became of it.
class UpdatePrinter {
 public:
  UpdatePrinter(const Options& options, Console& console) : options_(options), console_(console) {}

  void print(const Leaf& leaf, const client::OperationResult& result) {
    if (!result.ok()) return print_failed(leaf, result.failure());
    some_written_ = true;
    const auto& written = std::get<client::WriteResult>(*result);
    if (options_.output == OutputFormat::kJson) {
      Json json = write_json(options_.key, written, options_.base64);
      json.update(leaf_json(leaf, options_.base64));
      console_.out << to_line(json);
    } else {
      console_.err << leaf_line(leaf, options_.base64) << ": " << write_line(written);
    }
  }

  ExitCode finish() {
    return finish_output(of_several(code_, some_written_), options_.output, console_);
  }

 private:
  void print_failed(const Leaf& leaf, const client::Failure& failure) {
    code_ = worse(code_, exit_code_of(failure));
    if (options_.output == OutputFormat::kJson) {
      Json json = leaf_json(leaf, options_.base64);
      json.update(failure_json(failure, true));
      console_.err << to_line(json);
    } else {
      console_.err << "kv: " << leaf_line(leaf, options_.base64) << ": " << failure_text(failure)
                   << "\n";
    }
  }

  const Options& options_;
  Console& console_;
  bool some_written_ = false;
  ExitCode code_ = kOk;
};

// Each leaf is answered on its own; there is no atomicity across them.
ExitCode change(const Options& options, client::Client& client, const std::vector<Leaf>& leaves,
                const LeafChange& what, Console& console) {
  UpdatePrinter printer(options, console);
  for (std::size_t from = 0; from < leaves.size(); from += kUpdatesPerRequest) {
    const std::size_t to = std::min(leaves.size(), from + kUpdatesPerRequest);
    std::vector<Operation> operations;
    for (std::size_t i = from; i < to; ++i)
      operations.push_back({.kind = Operation::Kind::kUpdate,
                            .key = options.key,
                            .leaf = leaves[i],
                            .change = what,
                            .ttl = options.ttl,
                            .request_id = options.request_id});
    const auto results = client.batch(operations, {.bucket = options.bucket,
                                                   .level = options.level,
                                                   .timeout = options.timeout,
                                                   .durability = options.durability});
    for (std::size_t i = from; i < to; ++i)
      printer.print(leaves[i], results.ok() ? (*results)[i - from]
                                            : client::OperationResult(results.failure()));
  }
  return printer.finish();
}

// All that is there at or below a path; the exit code of the read.
ExitCode collect(const Options& options, client::Client& client,
                 const std::vector<std::string>& path, std::vector<LeafEntry>& found,
                 Console& console) {
  const auto read = client.leaves(options.key, path, read_options(options), [&](LeafEntry&& entry) {
    found.push_back(std::move(entry));
    return true;
  });
  return read.ok() ? kOk : report(read.failure(), false, options.output, console);
}

// Removes what a read sees.
ExitCode remove_all(const Options& options, client::Client& client,
                    const std::vector<std::string>& path, Console& console) {
  std::vector<LeafEntry> found;
  const ExitCode code = collect(options, client, path, found, console);
  if (code != kOk) return code;
  std::vector<Leaf> leaves;
  leaves.reserve(found.size());
  for (LeafEntry& entry : found) leaves.push_back(std::move(entry.leaf));
  return change(options, client, leaves, {.kind = LeafChange::Kind::kRemove}, console);
}

ExitCode list_set(const Options& options, client::Client& client, Console& console) {
  std::vector<LeafEntry> found;
  const ExitCode code = collect(options, client, {}, found, console);
  if (code != kOk) return code;
  std::vector<std::string> elements;
  elements.reserve(found.size());
  for (LeafEntry& entry : found) elements.push_back(std::move(entry.leaf.element));
  if (options.output == OutputFormat::kJson) {
    Json json;
    add_bytes(json, "key", options.key, options.base64);
    add_bytes_list(json, "elements", elements, options.base64);
    console.out << to_line(json);
  } else {
    for (const std::string& element : elements)
      console.out << shown(element, options.base64) << "\n";
  }
  return finish_output(elements.empty() ? kNotFound : kOk, options.output, console);
}

std::vector<std::string> path_of(const Options& options) {
  std::vector<std::string> path = options.inside;
  if (!options.field.empty()) path.push_back(options.field);
  return path;
}

ExitCode get_map(const Options& options, client::Client& client, Console& console) {
  std::vector<LeafEntry> found;
  const std::vector<std::string> path = path_of(options);
  const ExitCode code = collect(options, client, path, found, console);
  if (code != kOk) return code;
  const bool is_one =
      found.size() == 1 && found[0].leaf.path == path && found[0].leaf.element.empty();
  if (options.output == OutputFormat::kJson) {
    Json json;
    add_bytes(json, "key", options.key, options.base64);
    json["leaves"] = Json::array();
    for (const LeafEntry& entry : found) {
      Json one = leaf_json(entry.leaf, options.base64);
      if (entry.leaf.element.empty()) add_bytes(one, "value", entry.value, options.base64);
      json["leaves"].push_back(std::move(one));
    }
    console.out << to_line(json);
  } else if (is_one && !options.field.empty()) {
    console.out << found[0].value;
    if (console.out_is_terminal) console.out << "\n";
  } else {
    for (const LeafEntry& entry : found) {
      console.out << leaf_line(entry.leaf, options.base64);
      if (entry.leaf.element.empty()) console.out << "\t" << shown(entry.value, options.base64);
      console.out << "\n";
    }
  }
  if (found.empty() && options.output != OutputFormat::kJson) console.err << "kv: not found\n";
  return finish_output(found.empty() ? kNotFound : kOk, options.output, console);
}

}  // namespace

ExitCode run_set(const Options& options, client::Client& client, Console& console) {
  if (options.action == "ls") return list_set(options, client, console);
  if (options.elements.empty()) return remove_all(options, client, {}, console);
  std::vector<Leaf> leaves;
  for (const std::string& element : options.elements) leaves.push_back({.element = element});
  const auto kind =
      options.action == "add" ? LeafChange::Kind::kPresent : LeafChange::Kind::kAbsent;
  return change(options, client, leaves, {.kind = kind}, console);
}

ExitCode run_map(const Options& options, client::Client& client, Console& console) {
  if (options.action == "get") return get_map(options, client, console);
  if (options.action == "rm" && !options.value.has_value())
    return remove_all(options, client, path_of(options), console);
  Leaf leaf{.path = path_of(options), .policy = options.leaf_policy};
  LeafChange what{.kind =
                      options.action == "rm" ? LeafChange::Kind::kAbsent : LeafChange::Kind::kPut};
  const std::string& value = *options.value;
  if (options.leaf_policy == "set") {
    leaf.element = value;
    if (options.action == "put") what.kind = LeafChange::Kind::kPresent;
  } else if (options.leaf_policy == "counter") {
    what = {.kind = LeafChange::Kind::kAdd, .amount = options.amount};
  } else if (options.leaf_policy == "flag") {
    what.kind = value == "true" ? LeafChange::Kind::kPresent : LeafChange::Kind::kAbsent;
  } else {
    what.value = value;
  }
  return change(options, client, {leaf}, what, console);
}

}  // namespace kv::cli
