#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>

#include "jepsen-style-tests/checkers/checkers.h"

namespace kv::check {
namespace {

using history::Operation;
using history::Outcome;

// Additions up and down apart: what may or may not be in the sum widens its bounds to one side each.
struct Sums {
  std::int64_t up = 0;
  std::int64_t down = 0;
  void add(std::int64_t amount) { (amount > 0 ? up : down) += amount; }
  static Sums join(const Sums& a, const Sums& b) {
    return {std::max(a.up, b.up), std::min(a.down, b.down)};
  }
};

class Counter : public Visitor {
 public:
  Counter(const history::History& history, Verdict& verdict)
      : held_(history.setup.replicas), verdict_(verdict) {}

  void begin(std::size_t index, const Operation& op) override {
    open_.emplace(index, Open{held_, {}});
    if (is_write(op) && op.outcome != Outcome::kNotApplied) sent_.add(op.amount);
  }

  void end(std::size_t index, const Operation& op) override {
    const Open open = open_.at(index);
    open_.erase(index);
    if (op.outcome != Outcome::kOk) return;
    if (!is_write(op)) return end_of_read(op, open);
    held_.acknowledge(op, open.losses, [&op](Sums& sums) { sums.add(op.amount); });
  }

  void lost(Loss loss) override {
    held_.lost(loss);
    for (auto& [index, open] : open_) open.losses.add(loss);
  }
  void equal() override { held_.equal(); }

 private:
  struct Open {
    Holdings<Sums, Sums> held;  // when it began
    Losses losses;              // since
  };

  void end_of_read(const Operation& read, const Open& open) {
    const std::uint32_t replicas = held_.replicas();
    const Sums certain =
        open.held.certain(replicas - history::needed_at(read.level, replicas) + 1, open.losses);
    const std::int64_t least = certain.up + sent_.down;
    const std::int64_t most = certain.down + sent_.up;
    std::int64_t shown = 0;
    if (read.values.size() > 1 ||
        (read.values.size() == 1 && !absl::SimpleAtoi(read.values[0], &shown)))
      return verdict_.add(Demand::kNumberRight, "no number", {&read});
    if (shown < least || shown > most)
      verdict_.add(read.final && shown < least ? Demand::kNothingLost : Demand::kNumberRight,
                   absl::StrCat(shown, " is not from ", least, " to ", most), {&read});
  }

  Holdings<Sums, Sums> held_;  // of acknowledged additions
  Sums sent_;
  std::map<std::size_t, Open> open_;
  Verdict& verdict_;
};

}  // namespace

void check_counter(const history::History& history, const KeyOperations& key, Verdict& verdict) {
  Counter visitor(history, verdict);
  visit(history, key, visitor);
}

}  // namespace kv::check
