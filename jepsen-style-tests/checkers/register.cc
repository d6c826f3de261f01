#include <absl/strings/str_cat.h>

#include <map>
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

class Register : public Visitor {
 public:
  Register(const history::History& history, const KeyOperations& key, Verdict& verdict)
      : greatest_(history.setup.replicas), verdict_(verdict) {
    for (const Operation* op : key.operations) {
      if (op->kind == Kind::kPut) writes_.emplace(op->value, op);
      if (is_write(*op) && op->dot) by_dot_.emplace(op->dot, op);
    }
  }

  void begin(std::size_t index, const Operation& op) override {
    open_.emplace(index, Open{greatest_, 0});
    if (op.kind != Kind::kDelete || op.outcome == Outcome::kNotApplied) return;
    if (op.hlc == 0)
      delete_of_unknown_time_ = true;
    else
      greatest_delete_ = later(greatest_delete_, &op);
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

  void disk_lost() override {
    greatest_.disk_lost();
    for (auto& [index, open] : open_) ++open.disks_lost;
  }
  void equal() override { greatest_.equal(); }

 private:
  using Greatest = Holdings<const Operation*>;
  struct Open {
    Greatest greatest;             // when it began
    std::uint32_t disks_lost = 0;  // since
  };

  // What at least `count` replicas held when the operation began, and hold still.
  const Operation* certain(const Open& open, std::uint32_t count) const {
    count += open.disks_lost;
    return count <= open.greatest.replicas() ? open.greatest.at(count) : nullptr;
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
    const Operation* everywhere = certain(open, greatest_.replicas());
    if (everywhere != nullptr && order(*everywhere) >= order(write))
      verdict_.add(Demand::kCausalOrder,
                   "a write that is ordered before what every replica had when it began",
                   {everywhere, &write});
    const std::uint32_t acks = std::min(write.acks, greatest_.replicas());
    for (std::uint32_t count = 1; count + open.disks_lost <= acks; ++count)
      greatest_.at(count) = later(greatest_.at(count), &write);
  }

  void end_of_read(const Operation& read, const Open& open) {
    const std::uint32_t replicas = greatest_.replicas();
    const Operation* required =
        certain(open, replicas - history::needed_at(read.level, replicas) + 1);
    if (read.values.size() > 1)
      verdict_.add(Demand::kContextHonoured, "more than one value of a register", {&read});
    if (required == nullptr) return;
    if (read.values.empty()) {
      const bool deleted =
          required->kind == Kind::kDelete || delete_of_unknown_time_ ||
          (greatest_delete_ != nullptr && order(*required) < order(*greatest_delete_));
      if (!deleted) stale(read, *required, "nothing, although nobody deleted it");
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
  const Operation* greatest_delete_ = nullptr;  // of those that have begun
  bool delete_of_unknown_time_ = false;
  std::map<std::size_t, Open> open_;
  std::unordered_map<std::string_view, const Operation*> writes_;  // puts, by value
  std::map<Dot, const Operation*> by_dot_;
  Verdict& verdict_;
};

}  // namespace

void check_register(const history::History& history, const KeyOperations& key, Verdict& verdict) {
  Register visitor(history, key, verdict);
  visit(history, key, visitor);
}

}  // namespace kv::check
