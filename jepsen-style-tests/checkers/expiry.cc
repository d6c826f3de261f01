#include <absl/strings/str_cat.h>

#include <algorithm>
#include <unordered_map>

#include "jepsen-style-tests/checkers/checkers.h"

namespace kv::check {

using history::Kind;
using history::Operation;
using history::Outcome;

ClocksOff::ClocksOff(const history::History& history) {
  constexpr std::int64_t kUntilNoticedUs = 2'000'000;
  for (std::size_t i = 0; i < history.conditions.size(); ++i) {
    if (history.conditions[i].clocks_off.empty()) continue;
    const std::int64_t until_us =
        i + 1 < history.conditions.size() ? history.conditions[i + 1].at_us : INT64_MAX / 2;
    spells_.emplace_back(history.conditions[i].at_us, until_us + kUntilNoticedUs);
  }
}

bool ClocksOff::between(std::int64_t from_us, std::int64_t to_us) const {
  return std::any_of(spells_.begin(), spells_.end(), [&](const auto& spell) {
    return spell.first <= to_us && from_us <= spell.second;
  });
}

void check_expiry(const history::History& history, const KeyOperations& key, const Rules& rules,
                  Verdict& verdict) {
  std::unordered_map<std::string_view, const Operation*> expiring;  // puts, by value
  for (const Operation* op : key.operations)
    if (op->kind == Kind::kPut && op->ttl_us > 0) expiring.emplace(op->value, op);
  if (expiring.empty()) return;
  const ClocksOff clocks_off(history);
  for (const Operation* read : key.operations) {
    if (is_write(*read) || read->outcome != Outcome::kOk) continue;
    for (const std::string& value : read->values) {
      const auto found = expiring.find(value);
      if (found == expiring.end()) continue;
      const Operation& write = *found->second;
      // Its time counts from when a node took it: by the answer, or by nobody knows when.
      if (write.outcome != Outcome::kOk) continue;
      const std::int64_t gone_us = write.end_us + write.ttl_us;
      if (read->start_us <= gone_us + rules.clock_tolerance_us ||
          clocks_off.between(write.start_us, read->end_us))
        continue;
      verdict.add(Demand::kExpired,
                  absl::StrCat("a value is shown ", (read->start_us - gone_us) / 1000,
                               " ms after it has expired"),
                  {&write, read});
    }
  }
}

}  // namespace kv::check
