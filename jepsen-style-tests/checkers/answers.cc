#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "jepsen-style-tests/checkers/checkers.h"
#include "jepsen-style-tests/history/history_codec.h"

namespace kv::check {
namespace {

using history::Dot;
using history::History;
using history::Kind;
using history::Operation;
using history::Outcome;

bool stalled(const History& history, std::int64_t from_us, std::int64_t to_us) {
  return std::any_of(history.stalls.begin(), history.stalls.end(),
                     [&](const history::Stall& stall) {
                       return stall.start_us <= to_us && from_us <= stall.end_us;
                     });
}

void check_level(const History& history, const Operation& op, Verdict& verdict) {
  const std::uint32_t needed = history::needed_at(op.level, history.setup.replicas);
  const auto is_node = [&history](const std::string& id) {
    return std::find(history.setup.nodes.begin(), history.setup.nodes.end(), id) !=
           history.setup.nodes.end();
  };
  if (is_write(op)) {
    if (op.acks < needed || op.acks > history.setup.replicas)
      verdict.add(Demand::kLevelHonest,
                  absl::StrCat("ok with ", op.acks, " acknowledgements; the level needs ", needed,
                               " of ", history.setup.replicas),
                  {&op});
    if (!op.dot || !is_node(op.coordinator))
      verdict.add(Demand::kLevelHonest, "ok without a dot, or from a coordinator that is no node",
                  {&op});
    return;
  }
  if (op.kind == Kind::kElements) return;  // its answer does not name any
  const std::set<std::string> replicas(op.replicas.begin(), op.replicas.end());
  if (replicas.size() < needed || replicas.size() != op.replicas.size() ||
      !std::all_of(replicas.begin(), replicas.end(), is_node))
    verdict.add(Demand::kLevelHonest,
                absl::StrCat("joins the answers of ", replicas.size(),
                             " distinct nodes; the level needs ", needed),
                {&op});
}

void check_memory(const History& history, Verdict& verdict) {
  std::map<std::string, const history::Memory*> most;  // by node
  for (const history::Memory& memory : history.memory) {
    const history::Memory*& known = most[memory.node];
    if (known == nullptr || known->bytes < memory.bytes) known = &memory;
  }
  for (const auto& [node, memory] : most)
    if (history.setup.memory_bytes > 0 && memory->bytes > history.setup.memory_bytes)
      verdict.add(Demand::kMemory, absl::StrCat(node, " took ", memory->bytes >> 20, " MiB at ",
                                                memory->at_us / 1'000'000, " s; it may take ",
                                                history.setup.memory_bytes >> 20, " MiB"));
}

// Attempts of one request: each may be answered for what another has written.
bool are_one_write(const Operation& a, const Operation& b) {
  return !a.request.empty() && a.request == b.request && a.bucket == b.bucket && a.key == b.key;
}

// The value that each dot was seen with, by the operation that showed it.
using Shown = std::unordered_map<std::string_view, const Operation*>;

}  // namespace

void check_answers(const History& history, const Rules& rules, Verdict& verdict) {
  for (const Operation& op : history.operations) {
    if (op.outcome == Outcome::kOk) check_level(history, op, verdict);
    const std::int64_t latest_us = op.start_us + op.timeout_us + rules.late_us;
    if (op.timeout_us > 0 && op.end_us > latest_us && !stalled(history, op.start_us, op.end_us))
      verdict.add(Demand::kAnswered,
                  absl::StrCat("answered after ", (op.end_us - op.start_us) / 1000,
                               " ms; its deadline was ", op.timeout_us / 1000, " ms"),
                  {&op});
  }
  for (const std::string& death : history.deaths) verdict.add(Demand::kAlive, death);
  check_memory(history, verdict);
}

void check_values(const KeyOperations& key, Verdict& verdict) {
  Shown writes;
  for (const Operation* op : key.operations)
    if (op->kind == Kind::kPut) writes.emplace(op->value, op);
  std::unordered_map<std::string_view, std::pair<Dot, const Operation*>> dots;  // by value
  for (const Operation* op : key.operations)
    if (op->kind == Kind::kPut && op->dot) dots.try_emplace(op->value, op->dot, op);
  for (const Operation* read : key.operations) {
    if (read->kind != Kind::kGet || read->outcome != Outcome::kOk) continue;
    for (std::size_t i = 0; i < read->values.size(); ++i) {
      const std::string& value = read->values[i];
      const auto found = writes.find(value);
      if (found == writes.end()) {
        verdict.add(Demand::kNoPhantom, "a value that nobody wrote to this key", {read});
        continue;
      }
      const Operation& write = *found->second;
      if (write.outcome == Outcome::kNotApplied)
        verdict.add(Demand::kNotApplied, "a value whose write was refused", {&write, read});
      else if (write.start_us > read->end_us)
        verdict.add(Demand::kNoPhantom, "a value from the future", {read, &write});
      if (i >= read->dots.size()) {
        verdict.add(Demand::kDotOnce, "a value without a dot", {read});
        continue;
      }
      const auto [dot, added] = dots.try_emplace(value, read->dots[i], read);
      if (!added && dot->second.first != read->dots[i])
        verdict.add(
            Demand::kDotOnce,
            absl::StrCat("one value under two dots, ", history::to_string(dot->second.first),
                         " and ", history::to_string(read->dots[i])),
            {dot->second.second, read});
    }
  }
}

void check_dots(const History& history, Verdict& verdict) {
  std::vector<std::pair<Dot, const Operation*>> all;
  for (const Operation& op : history.operations)
    if (is_write(op) && op.dot) all.emplace_back(op.dot, &op);
  std::sort(all.begin(), all.end());
  for (std::size_t i = 1; i < all.size(); ++i)
    if (all[i].first == all[i - 1].first && !are_one_write(*all[i].second, *all[i - 1].second))
      verdict.add(Demand::kDotOnce,
                  absl::StrCat("two writes under the dot ", history::to_string(all[i].first)),
                  {all[i - 1].second, all[i].second});
}

}  // namespace kv::check
