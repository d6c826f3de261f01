#include <absl/strings/str_cat.h>

#include <map>
#include <optional>
#include <unordered_map>

#include "jepsen-style-tests/checkers/checkers.h"

namespace kv::check {
namespace {

using history::Dot;
using history::Kind;
using history::Operation;
using history::Outcome;

// Where a write stands in the order of lww. Only of writes whose time is known.
std::pair<std::uint64_t, Dot> order(const Operation& write) { return {write.hlc, write.dot}; }

const Operation* later(const Operation* a, const Operation* b) {
  if (a == nullptr || b == nullptr) return a == nullptr ? b : a;
  return order(*a) < order(*b) ? b : a;
}

struct Later {
  static const Operation* join(const Operation* a, const Operation* b) { return later(a, b); }
};

class Register : public Visitor {
 public:
  Register(const history::History& history, const KeyOperations& key, const Rules& rules,
           Verdict& verdict)
      : greatest_(history.setup.replicas),
        clock_tolerance_us_(rules.clock_tolerance_us),
        verdict_(verdict) {
    for (const Operation* op : key.operations) {
      if (op->kind == Kind::kPut) writes_.emplace(op->value, op);
      if (is_write(*op) && op->dot) by_dot_.emplace(op->dot, op);
      if (op->ttl_us > 0 && !clocks_off_.has_value()) clocks_off_.emplace(history);
    }
  }

  void begin(std::size_t index, const Operation& op) override {
    open_.emplace(index, Open{greatest_, {}});
    if (op.outcome == Outcome::kNotApplied) return;
    if (op.kind == Kind::kDelete) ends_values(op);
    if (op.kind == Kind::kPut && op.ttl_us > 0)
      expiring_.emplace(op.start_us + op.ttl_us - clock_tolerance_us_, &op);
  }

  void end(std::size_t index, const Operation& op) override {
    const Open open = open_.at(index);
    open_.erase(index);
    if (op.outcome != Outcome::kOk) return;
    if (is_write(op))
      end_of_write(op, open);
    else
      end_of_read(op, open);
  }

  void lost(Loss loss) override {
    greatest_.lost(loss);
    for (auto& [index, open] : open_) open.losses.add(loss);
  }
  void equal() override { greatest_.equal(); }

 private:
  using Greatest = Holdings<const Operation*, Later>;
  struct Open {
    Greatest greatest;  // when it began
    Losses losses;      // since
  };

  // From now on nothing may be shown where this is the greatest.
  void ends_values(const Operation& op) {
    if (op.hlc == 0)
      end_of_unknown_time_ = true;
    else
      greatest_end_ = later(greatest_end_, &op);
  }

  void expire_until(std::int64_t at_us) {
    for (; !expiring_.empty() && expiring_.begin()->first <= at_us;
         expiring_.erase(expiring_.begin()))
      ends_values(*expiring_.begin()->second);
  }

  void end_of_write(const Operation& write, const Open& open) {
    if (write.hlc == 0 || !write.dot) return;
    for (const Dot& dot : write.seen) {
      const auto seen = by_dot_.find(dot);
      if (seen != by_dot_.end() && seen->second != &write && order(*seen->second) >= order(write))
        if (seen->second->hlc > 0)
          verdict_.add(Demand::kCausalOrder,
                       "a write that is ordered before what its token had seen",
                       {seen->second, &write});
    }
    const Operation* everywhere = open.greatest.certain(greatest_.replicas(), open.losses);
    if (everywhere != nullptr && order(*everywhere) >= order(write))
      verdict_.add(Demand::kCausalOrder,
                   "a write that is ordered before what every replica had when it began",
                   {everywhere, &write});
    greatest_.acknowledge(write, open.losses,
                          [&write](const Operation*& held) { held = later(held, &write); });
  }

  void end_of_read(const Operation& read, const Open& open) {
    expire_until(read.end_us);
    const std::uint32_t replicas = greatest_.replicas();
    const Operation* required =
        open.greatest.certain(replicas - history::needed_at(read.level, replicas) + 1, open.losses);
    if (read.values.size() > 1)
      verdict_.add(Demand::kContextHonoured, "more than one value of a register", {&read});
    if (required == nullptr) return;
    if (read.values.empty()) {
      if (required->ttl_us > 0 && clocks_off_->between(required->start_us, read.end_us)) return;
      const bool ended = required->kind == Kind::kDelete || end_of_unknown_time_ ||
                         (greatest_end_ != nullptr && order(*required) <= order(*greatest_end_));
      if (!ended) stale(read, *required, "nothing, although nobody deleted it");
      return;
    }
    for (const std::string& value : read.values) {
      const auto write = writes_.find(value);  // else it is made up, which is found elsewhere
      if (write == writes_.end() || write->second->hlc == 0) continue;
      if (order(*write->second) < order(*required)) stale(read, *required, "an earlier value");
    }
  }

  void stale(const Operation& read, const Operation& required, const char* what) {
    const Demand demand = required.kind == Kind::kDelete ? Demand::kDeletedStays
                          : read.final                   ? Demand::kNothingLost
                                                         : Demand::kRegularRead;
    const auto write = read.values.empty() ? writes_.end() : writes_.find(read.values.front());
    std::vector<const Operation*> evidence{&required, &read};
    if (write != writes_.end()) evidence.insert(evidence.begin(), write->second);
    verdict_.add(demand, absl::StrCat("a read shows ", what), evidence);
  }

  // The greatest acknowledged write that so many replicas hold for certain.
  Greatest greatest_;
  // Deletes that have begun, and puts whose value may have expired.
  const Operation* greatest_end_ = nullptr;
  bool end_of_unknown_time_ = false;
  std::multimap<std::int64_t, const Operation*> expiring_;  // by the earliest time at which it may
  const std::int64_t clock_tolerance_us_;
  std::optional<ClocksOff> clocks_off_;  // where something expires
  std::map<std::size_t, Open> open_;
  std::unordered_map<std::string_view, const Operation*> writes_;  // puts, by value
  std::map<Dot, const Operation*> by_dot_;
  Verdict& verdict_;
};

}  // namespace

void check_register(const history::History& history, const KeyOperations& key, const Rules& rules,
                    Verdict& verdict) {
  Register visitor(history, key, rules, verdict);
  visit(history, key, visitor);
}

}  // namespace kv::check
