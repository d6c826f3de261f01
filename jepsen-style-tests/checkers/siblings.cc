#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "jepsen-style-tests/checkers/checkers.h"

namespace kv::check {
namespace {

using history::Dot;
using history::Kind;
using history::Operation;
using history::Outcome;

class Siblings : public Visitor {
 public:
  Siblings(const history::History& history, const KeyOperations& key, Verdict& verdict)
      : replicas_(history.setup.replicas), verdict_(verdict) {
    for (const Operation* op : key.operations)
      if (op->kind == Kind::kPut) writes_.emplace(op->value, op);
  }

  void begin(std::size_t index, const Operation& op) override {
    Open open{held_, 0};
    if (is_write(op) && op.outcome != Outcome::kNotApplied) {
      // From now on what it has seen may be gone.
      for (const Dot& dot : op.seen) {
        removers_[dot].push_back(&op);
        held_.erase(dot);
      }
      if (op.kind == Kind::kDelete && op.seen.empty()) removes_anything(op);
    }
    open_.emplace(index, std::move(open));
  }

  void end(std::size_t index, const Operation& op) override {
    const Open open = std::move(open_.at(index));
    open_.erase(index);
    if (op.outcome != Outcome::kOk) return;
    if (is_write(op))
      end_of_write(op, open);
    else
      end_of_read(op, open);
  }

  void disk_lost() override {
    for (auto it = held_.begin(); it != held_.end();)
      it = --it->second.count == 0 ? held_.erase(it) : std::next(it);
    for (auto& [write, count] : removals_) count -= count > 0 ? 1 : 0;
    for (auto& [index, open] : open_) ++open.disks_lost;
  }

  void equal() override {
    for (auto& [dot, held] : held_) held.count = replicas_;
    for (auto& [write, count] : removals_) count = count > 0 ? replicas_ : 0;
  }

 private:
  struct Held {
    const Operation* write;
    std::uint32_t count;  // replicas that hold it for certain
  };
  using Versions = std::map<Dot, Held>;
  struct Open {
    Versions held;                 // when it began
    std::uint32_t disks_lost = 0;  // since
  };

  // A delete without a token takes what its replica has. When it happens is known only if it is acknowledged.
  void removes_anything(const Operation& op) {
    held_.clear();
    anything_removed_until_us_ =
        std::max(anything_removed_until_us_, op.outcome == Outcome::kOk ? op.end_us : INT64_MAX);
  }

  void end_of_write(const Operation& write, const Open& open) {
    if (write.acks <= open.disks_lost) return;
    const std::uint32_t count = std::min(write.acks - open.disks_lost, replicas_);
    if (!write.seen.empty()) removals_.emplace(&write, count);
    if (write.kind == Kind::kPut && !removers_.contains(write.dot) &&
        write.end_us > anything_removed_until_us_ && write.start_us > anything_removed_until_us_)
      held_.emplace(write.dot, Held{&write, count});
  }

  bool is_certain(std::uint32_t count, const Open& open, const Operation& read) const {
    return count >= open.disks_lost &&
           count - open.disks_lost + history::needed_at(read.level, replicas_) > replicas_;
  }

  void end_of_read(const Operation& read, const Open& open) {
    std::set<std::string_view> shown(read.values.begin(), read.values.end());
    if (shown.size() != read.values.size())
      verdict_.add(Demand::kContextHonoured, "the same value twice", {&read});
    for (const auto& [dot, held] : open.held)
      if (is_certain(held.count, open, read) && !removers_.contains(dot) &&
          read.end_us > anything_removed_until_us_ && !shown.contains(held.write->value))
        verdict_.add(read.final ? Demand::kNothingLost : Demand::kRegularRead,
                     "a value is missing that no write has replaced", {held.write, &read});
    for (const std::string& value : read.values) {
      const auto write = writes_.find(value);
      if (write == writes_.end()) continue;  // made up, which is found elsewhere
      const auto removers = removers_.find(write->second->dot);
      if (removers == removers_.end()) continue;
      for (const Operation* remover : removers->second) {
        const auto removal = removals_.find(remover);
        if (removal != removals_.end() && remover->end_us < read.start_us &&
            is_certain(removal->second + open.disks_lost, open, read)) {
          verdict_.add(
              remover->kind == Kind::kDelete ? Demand::kDeletedStays : Demand::kContextHonoured,
              "a value is shown that an acknowledged write replaced",
              {write->second, remover, &read});
          break;
        }
      }
    }
  }

  const std::uint32_t replicas_;
  Versions held_;  // acknowledged, and not seen by any write that has begun
  std::map<Dot, std::vector<const Operation*>>
      removers_;  // writes that have begun, by what they have seen
  std::map<const Operation*, std::uint32_t>
      removals_;  // acknowledged removers, and how many replicas hold them
  std::int64_t anything_removed_until_us_ = -1;
  std::map<std::size_t, Open> open_;
  std::unordered_map<std::string_view, const Operation*> writes_;
  Verdict& verdict_;
};

}  // namespace

void check_siblings(const history::History& history, const KeyOperations& key, Verdict& verdict) {
  Siblings visitor(history, key, verdict);
  visit(history, key, visitor);
}

}  // namespace kv::check
