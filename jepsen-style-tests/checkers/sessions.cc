#include <algorithm>
#include <map>
#include <unordered_map>

#include "jepsen-style-tests/checkers/checkers.h"

namespace kv::check {
namespace {

using history::Kind;
using history::Operation;
using history::Outcome;

// What one session has done with the key, in its order.
class Session {
 public:
  // `shown`: the write whose value a read shows, if it is known. `may_be_gone`: a value may have been deleted or have expired.
  void add(const Operation& op, const Operation* shown, bool may_be_gone, Verdict& verdict) {
    if (is_write(op)) {
      if (latest_ != nullptr && op.hlc > 0 && !is_before(*latest_, op))
        verdict.add(Demand::kSession, "a write is ordered before what its session had seen",
                    {latest_, &op});
      latest_ = op.hlc > 0 ? &op : latest_;
      return;
    }
    if (op.values.empty()) {
      if (latest_ != nullptr && latest_->kind == Kind::kPut && !may_be_gone)
        verdict.add(Demand::kSession, "a read shows nothing, after its session had seen a value",
                    {latest_, &op});
      return;
    }
    if (shown == nullptr || shown->hlc == 0) return;
    if (latest_ != nullptr && is_before(*shown, *latest_))
      verdict.add(Demand::kSession, "a read shows what is older than its session had seen",
                  {shown, latest_, &op});
    else
      latest_ = shown;
  }

 private:
  const Operation* latest_ = nullptr;  // of what it wrote and saw
};

}  // namespace

void check_sessions(const KeyOperations& key, Verdict& verdict) {
  std::vector<const Operation*> in_sessions;
  std::unordered_map<std::string_view, const Operation*> writes;  // puts, by value
  bool may_be_gone = false;
  for (const Operation* op : key.operations) {
    if (op->session > 0 && op->outcome == Outcome::kOk) in_sessions.push_back(op);
    if (op->kind == Kind::kPut) writes.emplace(op->value, op);
    may_be_gone |= op->kind == Kind::kDelete || op->ttl_us > 0;
  }
  std::stable_sort(
      in_sessions.begin(), in_sessions.end(),
      [](const Operation* a, const Operation* b) { return a->start_us < b->start_us; });
  std::map<std::uint64_t, Session> sessions;
  for (const Operation* op : in_sessions) {
    const auto shown = op->values.empty() ? writes.end() : writes.find(op->values.front());
    sessions[op->session].add(*op, shown == writes.end() ? nullptr : shown->second, may_be_gone,
                              verdict);
  }
}

}  // namespace kv::check
