#include "jepsen-style-tests/checkers/checkers.h"

namespace kv::check {

Verdict check(const history::History& history, const Rules& rules) {
  Verdict verdict;
  check_answers(history, rules, verdict);
  check_availability(history, rules, verdict);
  if (!history.complete) return verdict;
  check_dots(history, verdict);
  const std::vector<KeyOperations> keys = by_key(history);
  for (const KeyOperations& key : keys) {
    if (key.policy == "lww" || key.policy == "siblings") check_values(key, verdict);
    if (key.policy == "lww") {
      check_register(history, key, rules, verdict);
      check_expiry(history, key, rules, verdict);
      check_sessions(key, verdict);
    }
    if (key.policy == "set") check_elements(history, key, verdict);
    if (key.policy == "siblings") check_siblings(history, key, verdict);
    if (key.policy == "counter") check_counter(history, key, verdict);
  }
  check_watch(history, keys, verdict);
  check_convergence(history, keys, verdict);
  return verdict;
}

}  // namespace kv::check
