#include "absl/strings/str_cat.h"
#include "node/base/limits.h"
#include "node/base/simulation.h"
#include "node/resolution/policies.h"

namespace kv {
namespace {

class Siblings final : public Policy {
 public:
  explicit Siblings(bool merged) : merged_(merged) {}

  std::string_view name() const override { return merged_ ? "custom" : "siblings"; }
  bool values_expire() const override { return !merged_; }

  absl::StatusOr<Change> admit_put(const Object& current, Actor /*actor*/, std::string value,
                                   const Clock* token) const override {
    Change change{std::move(value), token != nullptr ? *token : Clock{}};
    if (KV_PLANTED(kBlindPutSupersedes) && token == nullptr) change.context = dots_of(current);
    if (KV_PLANTED(kMergedPutTakesAll) && merged_) change.context.join(dots_of(current));
    const absl::Status room = check_room(current, change);
    if (!room.ok()) return room;
    return change;
  }

  void resolve(std::vector<Version>& versions) const override {
    if (KV_PLANTED(kSiblingDropped) && versions.size() > 2) versions.pop_back();
  }

 private:
  const bool merged_;

  static absl::Status check_room(const Object& current, const Change& change) {
    std::size_t siblings = 0;
    std::size_t bytes = change.value->size();
    for (const Version& version : current.versions) {
      if (change.context.contains(version.dot)) continue;
      ++siblings;
      bytes += version.value.has_value() ? version.value->size() : 0;
    }
    if (siblings == 0) return absl::OkStatus();  // a value alone has its own limit
    if (siblings < kMaxSiblings && bytes <= kMaxSiblingBytes) return absl::OkStatus();
    KV_MARK(kSiblingsRefused);
    return absl::FailedPreconditionError(
        absl::StrCat("the key would have ", siblings + 1, " siblings of ", bytes,
                     " bytes; the limits are ", kMaxSiblings, " and ", kMaxSiblingBytes,
                     " bytes. Read it and write with the token of that read"));
  }
};

}  // namespace

const Policy& siblings_policy() {
  static const Siblings policy(false);
  return policy;
}

const Policy& custom_policy() {
  static const Siblings policy(true);
  return policy;
}

}  // namespace kv
