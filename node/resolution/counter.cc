#include <algorithm>
#include <cstdint>

#include "absl/numeric/int128.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "node/base/simulation.h"
#include "node/resolution/policies.h"

namespace kv {
namespace {

// Only ever read from what admit() wrote.
std::int64_t number_in(const Version& version) {
  std::int64_t number = 0;
  return version.value.has_value() && absl::SimpleAtoi(*version.value, &number) ? number : 0;
}

class Counter final : public Policy {
 public:
  std::string_view name() const override { return "counter"; }
  bool adds() const override { return true; }

  absl::StatusOr<Change> admit_put(const Object& current, Actor actor, std::string value,
                                   const Clock* /*token*/) const override {
    std::int64_t sum = 0;
    if (!absl::SimpleAtoi(value, &sum))
      return absl::InvalidArgumentError(
          "the value is no whole number of 64 bits, which is what is added to a counter");
    Clock own;
    for (const Version& version : current.versions) {
      if (version.dot.actor != actor && !KV_PLANTED(kCounterTakesAll)) continue;
      // The sum holds all that its actor added before. A replica may have missed some of those versions and hold an earlier
      // one, which must not be added to this.
      own.add_run(version.dot.actor,
                  {KV_PLANTED(kCounterLeavesGaps) ? version.dot.counter : 1, version.dot.counter});
      if (__builtin_add_overflow(sum, number_in(version), &sum))
        return absl::OutOfRangeError("the counter would leave the range of 64 bits");
    }
    return Change{absl::StrCat(sum), std::move(own)};
  }

  // One version, named by the latest of them. A sum beyond 64 bits stays at their end.
  std::vector<Version> shown(std::vector<Version> versions) const override {
    std::erase_if(versions, [](const Version& version) { return !version.value.has_value(); });
    if (versions.empty()) return versions;
    const auto latest = std::max_element(versions.begin(), versions.end(), is_earlier);
    Version sum{latest->dot, latest->hlc, {}};
    absl::int128 total = 0;
    for (const Version& version : versions) total += number_in(version);
    total = std::clamp(total, absl::int128(INT64_MIN), absl::int128(INT64_MAX));
    sum.value = absl::StrCat(static_cast<std::int64_t>(total));
    return {std::move(sum)};
  }
};

}  // namespace

const Policy& counter_policy() {
  static const Counter policy;
  return policy;
}

}  // namespace kv
