#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "jepsen-style-tests/checkers/checkers.h"
#include "jepsen-style-tests/history/history_codec.h"

namespace kv::check {
namespace {

using history::Dot;
using history::History;
using history::Kind;
using history::Operation;
using history::Outcome;
using history::Told;

bool has_some(const History& history, const std::set<std::string>& nemeses) {
  return std::any_of(history.setup.nemeses.begin(), history.setup.nemeses.end(),
                     [&nemeses](const std::string& name) { return nemeses.contains(name); });
}

// After these a node may not know whether it has lost something, though it has not.
bool has_doubtful_disks(const History& history) {
  return has_some(history, {"bit-flips", "copy", "disk-full", "file-limit", "read-errors", "swap",
                            "sync-errors"});
}

// At `node`, or at any if it is empty.
bool lost_disk(const History& history, const std::string& node, std::int64_t from_us,
               std::int64_t to_us) {
  return std::any_of(history.disk_losses.begin(), history.disk_losses.end(),
                     [&](const history::DiskLoss& loss) {
                       return (node.empty() || loss.node == node) && !loss.unsynced_only &&
                              from_us <= loss.at_us && loss.at_us <= to_us;
                     });
}

// A node that has lost its disk takes the newest states of the others, which do not name what they replaced; nor can it name that
// to a third that lacks it. So it is until all are equal.
bool may_come_unnamed(const History& history, const Operation& write) {
  if (has_some(history, {"read-errors"})) return true;  // what cannot be read is taken anew
  std::int64_t equal_before_us = 0;
  std::int64_t equal_after_us = INT64_MAX;
  for (const history::Rest& rest : history.rests) {
    if (!rest.converged) continue;
    if (rest.at_us <= write.start_us) equal_before_us = rest.at_us;
    if (rest.at_us >= write.end_us) equal_after_us = std::min(equal_after_us, rest.at_us);
  }
  return lost_disk(history, "", equal_before_us, equal_after_us);
}

// The writes of a bucket, and who shows what of its keys in the end.
class Bucket {
 public:
  Bucket(const std::vector<KeyOperations>& keys, const std::string& name) {
    for (const KeyOperations& key : keys)
      if (key.bucket == name) add(key);
  }

  const Operation* by_dot(const Dot& dot) const {
    const auto it = by_dot_.find(dot);
    return it == by_dot_.end() ? nullptr : it->second;
  }
  const Operation* put_of(const std::string& key, const std::string& value) const {
    const auto it = puts_.find({key, value});
    return it == puts_.end() ? nullptr : it->second;
  }
  // Whether the key may have been deleted after this put.
  bool may_be_deleted(const Operation& put) const {
    const auto it = deletes_.find(put.key);
    return it != deletes_.end() &&
           std::any_of(it->second.begin(), it->second.end(),
                       [&put](const Operation* op) { return op->hlc == 0 || is_before(put, *op); });
  }
  const std::vector<const Operation*>& writes() const { return writes_; }
  // By key: the answers of this node about what it holds itself.
  std::map<std::string_view, const Operation*> in_the_end(const std::string& node) const {
    std::map<std::string_view, const Operation*> answers;
    for (const Operation* read : last_reads_)
      if (read->node == node && read->replicas == std::vector{node}) answers[read->key] = read;
    return answers;
  }
  bool is_ordered() const { return is_ordered_; }

 private:
  void add(const KeyOperations& key) {
    is_ordered_ = key.policy == "lww";
    for (const Operation* op : key.operations) {
      if (op->final && op->outcome == Outcome::kOk) last_reads_.push_back(op);
      if (!is_write(*op)) continue;
      writes_.push_back(op);
      if (op->dot) by_dot_.emplace(op->dot, op);
      if (op->kind == Kind::kPut) puts_.emplace(std::pair(op->key, op->value), op);
      if (op->kind == Kind::kDelete && op->outcome != Outcome::kNotApplied)
        deletes_[op->key].push_back(op);
    }
  }

  bool is_ordered_ = false;
  std::vector<const Operation*> writes_;
  std::vector<const Operation*> last_reads_;
  std::map<Dot, const Operation*> by_dot_;
  std::map<std::pair<std::string, std::string>, const Operation*> puts_;
  std::map<std::string, std::vector<const Operation*>, std::less<>> deletes_;
};

// What one watcher was told from one beginning to the next.
struct Stretch {
  const Told* begin = nullptr;
  std::vector<const Told*> changes{};
  std::int64_t end_us = INT64_MAX;
};

std::vector<Stretch> stretches_of(const History& history, const std::string& node,
                                  const std::string& bucket) {
  std::vector<Stretch> stretches;
  for (const Told& told : history.told) {
    if (told.node != node || told.bucket != bucket) continue;
    if (told.begins) {
      if (!stretches.empty()) stretches.back().end_us = told.at_us;
      stretches.push_back({.begin = &told});
    } else if (!stretches.empty()) {
      stretches.back().changes.push_back(&told);
    }
  }
  return stretches;
}

class Judge {
 public:
  Judge(const History& history, const Bucket& bucket, const Stretch& stretch, Verdict& verdict)
      : history_(history), bucket_(bucket), stretch_(stretch), verdict_(verdict) {}

  void judge_changes() {
    for (const Told* told : stretch_.changes) {
      judge_dots(*told);
      judge_values(*told);
      if (bucket_.is_ordered()) judge_order(*told);
    }
  }

  // Of the last stretch.
  void judge_end() {
    const auto shown = bucket_.in_the_end(stretch_.begin->node);
    std::map<std::string_view, const Told*> last;
    for (const Told* told : stretch_.changes) last[told->key] = told;
    for (const auto& [key, read] : shown) {
      const auto told = last.find(key);
      if (told != last.end())
        judge_last(told->second->values, history::describe(*told->second), *read);
      else if (stretch_.begin->knows_state)
        judge_last(state_of(*read), "it was told of no change since it read the state", *read);
    }
    for (const Operation* write : bucket_.writes())
      if (shown.contains(write->key) && must_have_come(*write) && !dots_.contains(write->dot))
        verdict_.add(Demand::kWatchComplete,
                     absl::StrCat("the watcher of ", stretch_.begin->bucket, " at ",
                                  stretch_.begin->node, " was not told of this write"),
                     {write});
  }

 private:
  void judge_dots(const Told& told) {
    for (const Dot& dot : told.dots) {
      if (!dots_.insert(dot).second)
        verdict_.add(
            Demand::kWatchOnce,
            absl::StrCat(history::describe(told), ": told of ", history::to_string(dot), " again"),
            evidence(bucket_.by_dot(dot)));
      const Operation* write = bucket_.by_dot(dot);
      if (write != nullptr && write->key != told.key)
        verdict_.add(Demand::kWatchOnce,
                     absl::StrCat(history::describe(told), ": a dot of another key"), {write});
    }
  }

  void judge_values(const Told& told) {
    for (std::size_t i = 0; i < told.values.size(); ++i) {
      const Operation* write = bucket_.put_of(told.key, told.values[i]);
      if (write == nullptr)
        verdict_.add(Demand::kNoPhantom,
                     history::describe(told) + ": a value that nobody wrote to this key");
      else if (write->outcome == Outcome::kNotApplied)
        verdict_.add(Demand::kNotApplied,
                     history::describe(told) + ": a value whose write was refused", {write});
      else if (i < told.shown.size() && write->dot && write->dot != told.shown[i])
        verdict_.add(Demand::kWatchOnce,
                     history::describe(told) + ": a value under another dot than its own", {write});
    }
  }

  // Of the writes that the node has processed, it shows the last.
  void judge_order(const Told& told) {
    const Operation*& latest = latest_[told.key];
    for (const Dot& dot : told.dots) {
      const Operation* write = bucket_.by_dot(dot);
      if (write != nullptr && write->hlc > 0 && (latest == nullptr || is_before(*latest, *write)))
        latest = write;
    }
    if (latest == nullptr) return;
    if (told.values.empty()) {
      if (latest->kind == Kind::kPut && !bucket_.may_be_deleted(*latest))
        verdict_.add(Demand::kWatchOrder,
                     history::describe(told) + ": shows nothing, after it was told of a value",
                     {latest});
      return;
    }
    const Operation* shown = bucket_.put_of(told.key, told.values.front());
    if (shown != nullptr && shown->hlc > 0 && is_before(*shown, *latest))
      verdict_.add(Demand::kWatchOrder,
                   history::describe(told) + ": shows what is older than it was told of",
                   {shown, latest});
  }

  std::vector<std::string> state_of(const Operation& read) const {
    const auto it = stretch_.begin->state.find(read.key);
    return it == stretch_.begin->state.end() ? std::vector<std::string>{} : it->second;
  }

  void judge_last(std::vector<std::string> told, const std::string& what, const Operation& read) {
    std::vector<std::string> held = read.values;
    std::sort(told.begin(), told.end());
    std::sort(held.begin(), held.end());
    if (told != held)
      verdict_.add(Demand::kWatchComplete,
                   absl::StrCat("the watcher of ", read.bucket, " at ", read.node,
                                " takes something else for the state than its node does: ", what),
                   {&read});
  }

  // It began after the watch did, and is certain to come to every node, by its name.
  bool must_have_come(const Operation& write) const {
    if (write.outcome != Outcome::kOk || !write.dot || write.start_us <= stretch_.begin->at_us)
      return false;
    const auto lost = std::count_if(
        history_.disk_losses.begin(), history_.disk_losses.end(),
        [&write](const history::DiskLoss& loss) { return loss.at_us >= write.start_us; });
    return write.acks > lost && !may_come_unnamed(history_, write);
  }

  static std::vector<const Operation*> evidence(const Operation* op) {
    return op == nullptr ? std::vector<const Operation*>{} : std::vector{op};
  }

  const History& history_;
  const Bucket& bucket_;
  const Stretch& stretch_;
  Verdict& verdict_;
  std::set<Dot> dots_;  // told of so far
  std::map<std::string_view, const Operation*>
      latest_;  // told of so far, of those whose time is known
};

void check_watcher(const History& history, const Bucket& bucket, const std::string& node,
                   const std::string& name, Verdict& verdict) {
  const std::vector<Stretch> stretches = stretches_of(history, node, name);
  if (stretches.empty())
    return verdict.add(Demand::kWatchComplete,
                       absl::StrCat("the watch of ", name, " at ", node, " has never begun"));
  const bool is_doubtful = has_doubtful_disks(history);
  for (const Stretch& stretch : stretches) {
    const Told& begin = *stretch.begin;
    const bool may_have_lost =
        is_doubtful ||
        std::any_of(history.disk_losses.begin(), history.disk_losses.end(), [&](const auto& loss) {
          return loss.node == node && loss.at_us < begin.at_us;
        });
    if (!begin.why.empty() && !may_have_lost)
      verdict.add(Demand::kWatchHonest,
                  history::describe(begin) + ", although its node has lost nothing");
    if (lost_disk(history, node, begin.at_us, stretch.end_us)) continue;
    Judge judge(history, bucket, stretch, verdict);
    judge.judge_changes();
    if (&stretch == &stretches.back()) judge.judge_end();
  }
}

}  // namespace

void check_watch(const History& history, const std::vector<KeyOperations>& keys, Verdict& verdict) {
  for (const std::string& name : history.setup.watched) {
    const Bucket bucket(keys, name);
    for (const std::string& node : history.setup.nodes)
      check_watcher(history, bucket, node, name, verdict);
  }
}

}  // namespace kv::check
