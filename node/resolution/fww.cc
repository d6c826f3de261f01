#include <algorithm>

#include "absl/strings/str_cat.h"
#include "node/base/simulation.h"
#include "node/resolution/policies.h"

namespace kv {
namespace {

// Writes of one replica never meet: it admits none while it holds a value. Concurrent ones of several stay side by side, at
// most one of each replica and its predecessors, until a delete.
class FirstWriteWins final : public Policy {
 public:
  std::string_view name() const override { return "fww"; }
  bool values_expire() const override { return true; }
  bool shows_one() const override { return true; }

  absl::StatusOr<Change> admit_put(const Object& current, Actor /*actor*/, std::string value,
                                   const Clock* /*token*/) const override {
    if (!has_value(current)) return Change{std::move(value), Clock{}};
    KV_MARK(kExistsAlready);
    const Version first = shown(current.versions).front();
    return absl::AlreadyExistsError(absl::StrCat(
        "the key has a value, and in a bucket of policy fww the first write wins (it is ",
        to_string(first.dot), "); delete it to make room for another"));
  }

  std::vector<Version> shown(std::vector<Version> versions) const override {
    if (versions.size() < 2) return versions;
    const auto first = std::min_element(versions.begin(), versions.end(), is_earlier);
    return {*first};
  }
};

}  // namespace

const Policy& fww_policy() {
  static const FirstWriteWins policy;
  return policy;
}

}  // namespace kv
