#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <set>

#include "jepsen-style-tests/checkers/checkers.h"

namespace kv::check {
namespace {

using history::Operation;
using history::Outcome;

// A set: the order in which siblings are shown means nothing.
std::multiset<std::string> values_of(const Operation& read) {
  return {read.values.begin(), read.values.end()};
}

void check_key(const history::History& history, const KeyOperations& key, Verdict& verdict) {
  std::map<std::string, const Operation*> answers;  // by node
  for (const Operation* op : key.operations)
    if (op->final && !is_write(*op)) answers[op->node] = op;
  for (const std::string& node : history.setup.nodes) {
    const auto answer = answers.find(node);
    if (answer == answers.end()) {
      verdict.add(Demand::kConverges,
                  absl::StrCat("nobody asked ", node, " for ", key.bucket, "/", key.key,
                               " in the end: this history proves nothing"));
      return;
    }
    if (answer->second->outcome != Outcome::kOk)
      return verdict.add(Demand::kConverges, "a node does not answer in the end", {answer->second});
  }
  const Operation& first = *answers.begin()->second;
  for (const auto& [node, answer] : answers)
    if (values_of(*answer) != values_of(first))
      return verdict.add(Demand::kConverges, "two nodes give different answers", {&first, answer});
}

}  // namespace

void check_convergence(const history::History& history, const std::vector<KeyOperations>& keys,
                       Verdict& verdict) {
  for (const history::Rest& rest : history.rests)
    if (!rest.converged)
      verdict.add(Demand::kConverges, absl::StrCat("at ", rest.at_us / 1e6, " s: ", rest.text));
  for (const KeyOperations& key : keys) check_key(history, key, verdict);
}

}  // namespace kv::check
