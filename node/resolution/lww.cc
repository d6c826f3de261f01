#include <algorithm>

#include "node/base/simulation.h"
#include "node/resolution/policies.h"

namespace kv {
namespace {

class LastWriteWins final : public Policy {
 public:
  std::string_view name() const override { return "lww"; }
  bool is_ordered() const override { return true; }
  bool values_expire() const override { return true; }

  absl::StatusOr<Change> admit_put(const Object& current, Actor /*actor*/, std::string value,
                                   const Clock* token) const override {
    return Change{std::move(value), token != nullptr ? *token : dots_of(current)};
  }

  void resolve(std::vector<Version>& versions) const override {
    if (versions.size() < 2) return;
    const auto winner =
        std::max_element(versions.begin(), versions.end(), [](const Version& a, const Version& b) {
          if (a.hlc == b.hlc) KV_MARK(kTimeTied);
          if (KV_PLANTED(kTieByArrival)) return a.hlc < b.hlc;
          if (KV_PLANTED(kTieReversed) && a.hlc == b.hlc) return b.dot < a.dot;
          return is_earlier(a, b);
        });
    std::iter_swap(versions.begin(), winner);
    versions.erase(versions.begin() + 1, versions.end());
  }
};

}  // namespace

const Policy& lww_policy() {
  static const LastWriteWins policy;
  return policy;
}

}  // namespace kv
