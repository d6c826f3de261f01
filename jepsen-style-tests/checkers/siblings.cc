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

// How many replicas hold something for certain, and how many of them on their disks.
struct Count {
  std::uint32_t any = 0;
  std::uint32_t on_disk = 0;

  static Count acknowledged(const Operation& write, const Losses& since, std::uint32_t replicas) {
    const std::uint32_t acks = std::min(write.acks, replicas);
    const bool disk = write.durability == history::Durability::kDisk;
    return Count{acks, disk ? acks : 0}.after(since);
  }
  Count after(const Losses& losses) const {
    const auto minus = [](std::uint32_t a, std::uint32_t b) { return a - std::min(a, b); };
    const std::uint32_t disks = minus(on_disk, losses.disks);
    return {std::max(minus(any, losses.disks + losses.unsynced), disks), disks};
  }
  void lose(Loss loss) {
    Losses losses;
    losses.add(loss);
    *this = after(losses);
  }
};

class Siblings : public Visitor {
 public:
  Siblings(const history::History& history, const KeyOperations& key, Verdict& verdict)
      : replicas_(history.setup.replicas), verdict_(verdict) {
    for (const Operation* op : key.operations)
      if (op->kind == Kind::kPut) writes_.emplace(op->value, op);
  }

  void begin(std::size_t index, const Operation& op) override {
    Open open{held_, {}};
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

  void lost(Loss loss) override {
    for (auto& [dot, held] : held_) held.count.lose(loss);
    std::erase_if(held_, [](const auto& held) { return held.second.count.any == 0; });
    for (auto& [write, count] : removals_) count.lose(loss);
    for (auto& [index, open] : open_) open.losses.add(loss);
  }

  void equal() override {
    for (auto& [dot, held] : held_) held.count.any = replicas_;
    for (auto& [write, count] : removals_) count.any = count.any > 0 ? replicas_ : 0;
  }

 private:
  struct Held {
    const Operation* write;
    Count count;
  };
  using Versions = std::map<Dot, Held>;
  struct Open {
    Versions held;  // when it began
    Losses losses;  // since
  };

  // A delete without a token takes what its replica has. When it happens is known only if it is acknowledged.
  void removes_anything(const Operation& op) {
    held_.clear();
    for (auto& [index, open] : open_) open.held.clear();  // reads under way may see it
    anything_removed_until_us_ =
        std::max(anything_removed_until_us_, op.outcome == Outcome::kOk ? op.end_us : INT64_MAX);
  }

  void end_of_write(const Operation& write, const Open& open) {
    const Count count = Count::acknowledged(write, open.losses, replicas_);
    if (count.any == 0) return;
    if (!write.seen.empty()) removals_.emplace(&write, count);
    if (write.kind == Kind::kPut && !removers_.contains(write.dot) &&
        write.end_us > anything_removed_until_us_ && write.start_us > anything_removed_until_us_)
      held_.emplace(write.dot, Held{&write, count});
  }

  // Some replica that the read joins has it.
  bool is_certain(const Count& count, const Operation& read) const {
    return count.any + history::needed_at(read.level, replicas_) > replicas_;
  }

  void end_of_read(const Operation& read, const Open& open) {
    std::set<std::string_view> shown(read.values.begin(), read.values.end());
    if (shown.size() != read.values.size())
      verdict_.add(Demand::kContextHonoured, "the same value twice", {&read});
    for (const auto& [dot, held] : open.held)
      if (is_certain(held.count.after(open.losses), read) && !removers_.contains(dot) &&
          !shown.contains(held.write->value))
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
            is_certain(removal->second, read)) {
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
      removers_;                                // writes that have begun, by what they have seen
  std::map<const Operation*, Count> removals_;  // acknowledged removers
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
