#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <set>

#include "jepsen-style-tests/checkers/checkers.h"

namespace kv::check {
namespace {

using history::Kind;
using history::Operation;
using history::Outcome;

const Operation* later_begun(const Operation* a, const Operation* b) {
  if (a == nullptr || b == nullptr) return a == nullptr ? b : a;
  return a->start_us < b->start_us ? b : a;
}

struct LaterBegun {
  static const Operation* join(const Operation* a, const Operation* b) { return later_begun(a, b); }
};

// An acknowledged removal that had seen the first so many insertions, all of them.
struct Removal {
  std::uint64_t insertions = 0;
  const Operation* op = nullptr;
  static Removal join(const Removal& a, const Removal& b) {
    return a.insertions < b.insertions ? b : a;
  }
};

// One element of one set. An insertion is certain to be shown unless some removal may have seen it, which is any that ended after
// it began. A removal is certain to have removed what every replica had when it began: its replica has seen that.
class Element {
 public:
  struct State {
    Holdings<const Operation*, LaterBegun> inserted;
    Holdings<Removal, Removal> removed;
  };

  explicit Element(std::uint32_t replicas) : state_{Inserted(replicas), Removed(replicas)} {}

  void begin(const Operation& op) {
    if (op.outcome == Outcome::kNotApplied) return;
    if (op.kind == Kind::kInsert) {
      ++insertions_;
      lacking_.emplace(&op, false);
      return;
    }
    removed_until_us_ =
        std::max(removed_until_us_, op.outcome == Outcome::kOk ? op.end_us : INT64_MAX);
    if (lacking_.empty() && !some_lost_) sees_all_[&op] = insertions_;
  }

  void end(const Operation& op, const Losses& since) {
    const auto lacking = lacking_.find(&op);
    if (lacking != lacking_.end()) lacking->second = true;
    if (op.outcome == Outcome::kOk) acknowledged(op, since);
  }

  void lost(Loss loss) {
    state_.inserted.lost(loss);
    state_.removed.lost(loss);
    some_lost_ = true;
  }
  void equal() {
    state_.inserted.equal();
    state_.removed.equal();
    some_lost_ = false;
    std::erase_if(lacking_, [](const auto& insertion) { return insertion.second; });
  }

  const State& state() const { return state_; }
  std::uint64_t insertions() const { return insertions_; }
  std::int64_t removed_until_us() const { return removed_until_us_; }

 private:
  using Inserted = Holdings<const Operation*, LaterBegun>;
  using Removed = Holdings<Removal, Removal>;

  void acknowledged(const Operation& op, const Losses& since) {
    if (op.kind == Kind::kInsert) {
      state_.inserted.acknowledge(
          op, since, [&op](const Operation*& inserted) { inserted = later_begun(inserted, &op); });
      if (op.acks >= state_.inserted.replicas() && since.disks + since.unsynced == 0)
        lacking_.erase(&op);
      return;
    }
    const auto sees = sees_all_.find(&op);
    if (sees == sees_all_.end()) return;
    const Removal removal{sees->second, &op};
    state_.removed.acknowledge(
        op, since, [&](Removal& removed) { removed = Removal::join(removed, removal); });
    sees_all_.erase(sees);
  }

  State state_;
  std::uint64_t insertions_ = 0;              // that have begun
  std::map<const Operation*, bool> lacking_;  // that some replica may lack; whether they have ended
  bool some_lost_ = false;                    // so some replica may lack any, until all are equal
  std::int64_t removed_until_us_ = -1;
  std::map<const Operation*, std::uint64_t> sees_all_;  // removals under way
};

class Elements : public Visitor {
 public:
  Elements(const history::History& history, const KeyOperations& key, Verdict& verdict)
      : replicas_(history.setup.replicas), verdict_(verdict) {
    for (const Operation* op : key.operations)
      if (op->kind == Kind::kInsert || op->kind == Kind::kErase)
        elements_.try_emplace(op->value, replicas_);
  }

  void begin(std::size_t index, const Operation& op) override {
    Open& open = open_[index];
    if (op.kind == Kind::kElements)
      for (const auto& [name, element] : elements_) open.states.emplace(name, element.state());
    else if (is_write(op))
      elements_.at(op.value).begin(op);
  }

  void end(std::size_t index, const Operation& op) override {
    const Open open = std::move(open_.at(index));
    open_.erase(index);
    if (is_write(op))
      elements_.at(op.value).end(op, open.losses);
    else if (op.outcome == Outcome::kOk)
      end_of_read(op, open);
  }

  void lost(Loss loss) override {
    for (auto& [name, element] : elements_) element.lost(loss);
    for (auto& [index, open] : open_) open.losses.add(loss);
  }
  void equal() override {
    for (auto& [name, element] : elements_) element.equal();
  }

 private:
  struct Open {
    std::map<std::string, Element::State> states{};  // when it began; of a read
    Losses losses{};                                 // since
  };

  void end_of_read(const Operation& read, const Open& open) {
    const std::uint32_t count = replicas_ - history::needed_at(read.level, replicas_) + 1;
    const std::set<std::string> shown(read.values.begin(), read.values.end());
    if (shown.size() != read.values.size())
      verdict_.add(Demand::kContextHonoured, "the same element twice", {&read});
    for (const std::string& name : shown)
      if (!elements_.contains(name) || elements_.at(name).insertions() == 0)
        verdict_.add(Demand::kNoPhantom, absl::StrCat("nobody inserted \"", name, "\""), {&read});
    for (const auto& [name, state] : open.states) {
      const Element& element = elements_.at(name);
      const Operation* inserted = state.inserted.certain(count, open.losses);
      const Removal removed = state.removed.certain(count, open.losses);
      if (shown.contains(name)) {
        if (removed.op != nullptr && removed.insertions == element.insertions())
          verdict_.add(Demand::kDeletedStays, "an element is shown that was removed",
                       {removed.op, &read});
      } else if (inserted != nullptr && inserted->start_us > element.removed_until_us()) {
        verdict_.add(read.final ? Demand::kNothingLost : Demand::kRegularRead,
                     absl::StrCat("\"", name, "\" is missing, although nobody removed it"),
                     {inserted, &read});
      }
    }
  }

  const std::uint32_t replicas_;
  std::map<std::string, Element> elements_;
  std::map<std::size_t, Open> open_;
  Verdict& verdict_;
};

}  // namespace

void check_elements(const history::History& history, const KeyOperations& key, Verdict& verdict) {
  Elements visitor(history, key, verdict);
  visit(history, key, visitor);
}

}  // namespace kv::check
