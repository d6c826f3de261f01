#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

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
  void take(std::int64_t amount) { (amount > 0 ? up : down) -= amount; }
  static Sums join(const Sums& a, const Sums& b) {
    return {std::max(a.up, b.up), std::min(a.down, b.down)};
  }
};

// Additions that are sent again under a request id are one: it is acknowledged when one of its attempts is, and may have been
// made when one of them may have been. Two nodes that do not hear each other may both make it, and one of them takes it back once
// they do; so until all replicas have become equal it may show several times. For good it may only if a disk was lost since the
// replicas were last equal before its first attempt, or if clocks were wrong, on which the window of requests depends: no more is
// promised.
class Requests {
 public:
  Requests(const history::History& history, const KeyOperations& key)
      : copies_(history.setup.replicas + static_cast<std::int64_t>(history.disk_losses.size())),
        elsewhere_(history.setup.nodes.size() > history.setup.replicas),
        clocks_off_(std::any_of(history.conditions.begin(), history.conditions.end(),
                                [](const auto& at) { return !at.clocks_off.empty(); })) {
    for (const Operation* op : key.operations) {
      if (op->request.empty()) continue;
      Request& request = requests_[op->request];
      ++request.attempts;
      request.amount = op->amount;
      request.all_ok &= op->outcome == Outcome::kOk;
    }
  }

  // Of an attempt that may be made; whether it is the first.
  bool begin(const Operation& op) {
    Request& request = requests_.at(op.request);
    const bool is_first = !std::exchange(request.has_begun, true);
    if (is_first) request.losses_before = losses_at_equal_;
    ++request.open;
    if (request.attempts > 1 || !request.all_ok || elsewhere_ || losses_ > 0) unsettle(request);
    return is_first;
  }
  void end(const Operation& op) { --requests_.at(op.request).open; }

  // What was lost since the first attempt began, for the first answer that is ok; none: there was one before.
  std::optional<Losses> acknowledge(const Operation& op) {
    Request& request = requests_.at(op.request);
    if (std::exchange(request.is_acknowledged, true)) return std::nullopt;
    return request.losses;
  }

  void lost(Loss loss) {
    ++losses_;
    for (auto& [id, request] : requests_) {
      if (request.has_begun) request.losses.add(loss);
      if (request.open > 0) unsettle(request);
    }
  }

  void equal() {
    std::erase_if(unsettled_, [this](Request* request) {
      if (request->open > 0) return false;
      if (losses_ != request->losses_before || clocks_off_) return true;
      request->is_unsettled = false;
      more_.take(more_of(*request));
      return true;
    });
    losses_at_equal_ = losses_;
  }

  // By how much a read may differ from what each once makes.
  const Sums& more() const { return more_; }

 private:
  struct Request {
    std::uint32_t attempts = 0;
    bool all_ok = true;
    bool has_begun = false;
    bool is_acknowledged = false;
    bool is_unsettled = false;  // it may show more than once
    std::uint32_t open = 0;     // attempts under way
    std::int64_t amount = 0;
    std::uint32_t losses_before = 0;  // until the replicas were last equal before it
    Losses losses{};                  // since it began
  };

  std::int64_t more_of(const Request& request) const { return request.amount * (copies_ - 1); }

  // Not of one that was answered at once by a node that holds its key and has not been emptied: that has made it, and nobody else.
  void unsettle(Request& request) {
    if (std::exchange(request.is_unsettled, true)) return;
    unsettled_.push_back(&request);
    more_.add(more_of(request));
  }

  const std::int64_t copies_;
  const bool elsewhere_;
  const bool clocks_off_;
  std::map<std::string_view, Request> requests_;
  std::vector<Request*> unsettled_;
  Sums more_;
  std::uint32_t losses_ = 0;
  std::uint32_t losses_at_equal_ = 0;
};

class Counter : public Visitor {
 public:
  Counter(const history::History& history, const KeyOperations& key, Verdict& verdict)
      : held_(history.setup.replicas), requests_(history, key), verdict_(verdict) {}

  void begin(std::size_t index, const Operation& op) override {
    open_.emplace(index, Open{held_, {}, requests_.more()});
    if (!is_write(op) || op.outcome == Outcome::kNotApplied) return;
    if (op.request.empty() || requests_.begin(op)) sent_.add(op.amount);
  }

  void end(std::size_t index, const Operation& op) override {
    const Open open = open_.at(index);
    open_.erase(index);
    if (is_write(op) && op.outcome != Outcome::kNotApplied && !op.request.empty())
      requests_.end(op);
    if (op.outcome != Outcome::kOk) return;
    if (!is_write(op)) return end_of_read(op, open);
    const std::optional<Losses> losses =
        op.request.empty() ? open.losses : requests_.acknowledge(op);
    if (losses.has_value())
      held_.acknowledge(op, *losses, [&op](Sums& sums) { sums.add(op.amount); });
  }

  void lost(Loss loss) override {
    held_.lost(loss);
    requests_.lost(loss);
    for (auto& [index, open] : open_) open.losses.add(loss);
  }
  void equal() override {
    held_.equal();
    requests_.equal();
  }

 private:
  struct Open {
    Holdings<Sums, Sums> held;  // when it began
    Losses losses;              // since
    Sums more;                  // then
  };

  void end_of_read(const Operation& read, const Open& open) {
    const std::uint32_t replicas = held_.replicas();
    const Sums certain =
        open.held.certain(replicas - history::needed_at(read.level, replicas) + 1, open.losses);
    const Sums more = Sums::join(open.more, requests_.more());
    const std::int64_t least = certain.up + sent_.down + more.down;
    const std::int64_t most = certain.down + sent_.up + more.up;
    std::int64_t shown = 0;
    if (read.values.size() > 1 ||
        (read.values.size() == 1 && !absl::SimpleAtoi(read.values[0], &shown)))
      return verdict_.add(Demand::kNumberRight, "no number", {&read});
    if (shown < least || shown > most)
      verdict_.add(read.final && shown < least ? Demand::kNothingLost : Demand::kNumberRight,
                   absl::StrCat(shown, " is not from ", least, " to ", most), {&read});
  }

  Holdings<Sums, Sums> held_;  // of acknowledged additions
  Sums sent_;                  // each once
  Requests requests_;
  std::map<std::size_t, Open> open_;
  Verdict& verdict_;
};

}  // namespace

void check_counter(const history::History& history, const KeyOperations& key, Verdict& verdict) {
  Counter visitor(history, key, verdict);
  visit(history, key, visitor);
}

}  // namespace kv::check
