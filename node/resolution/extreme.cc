#include <algorithm>

#include "absl/strings/str_cat.h"
#include "node/base/limits.h"
#include "node/base/simulation.h"
#include "node/resolution/decimal.h"
#include "node/resolution/policies.h"

namespace kv {
namespace {

std::string_view text_of(const Version& version) {
  return version.value.has_value() ? std::string_view(*version.value) : std::string_view();
}

class Extreme final : public Policy {
 public:
  Extreme(std::string_view name, bool greatest) : name_(name), greatest_(greatest) {}

  std::string_view name() const override { return name_; }

  absl::StatusOr<Change> admit_put(const Object& current, Actor /*actor*/, std::string value,
                                   const Clock* /*token*/) const override {
    if (!is_decimal(value))
      return absl::InvalidArgumentError(absl::StrCat(
          "the value is no decimal number; a bucket of policy ", std::string(name_),
          " takes digits with a sign and a point, up to ", kMaxDecimalBytes, " bytes"));
    Change change{std::move(value), dots_of(current)};
    for (const Version& version : current.versions)
      if (is_better(text_of(version), *change.value) && !KV_PLANTED(kExtremeForgets))
        change.value = version.value;
    return change;
  }

  std::vector<Version> shown(std::vector<Version> versions) const override {
    if (versions.size() < 2) return versions;
    const auto best = std::max_element(
        versions.begin(), versions.end(), [this](const Version& a, const Version& b) {
          if (is_better(text_of(a), text_of(b)) || is_better(text_of(b), text_of(a)))
            return is_better(text_of(b), text_of(a));
          return is_earlier(a, b);
        });
    return {*best};
  }

 private:
  bool is_better(std::string_view a, std::string_view b) const {
    const std::weak_ordering order = compare_decimals(a, b);
    return greatest_ ? order > 0 : order < 0;
  }

  const std::string_view name_;
  const bool greatest_;
};

}  // namespace

const Policy& max_policy() {
  static const Extreme policy("max", true);
  return policy;
}

const Policy& min_policy() {
  static const Extreme policy("min", false);
  return policy;
}

}  // namespace kv
