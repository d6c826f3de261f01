#include "node/resolution/policy.h"

#include <algorithm>
#include <array>

#include "node/base/check.h"
#include "node/resolution/policies.h"

namespace kv {
namespace {

constexpr std::array kKinds{PolicyKind::kLww,      PolicyKind::kSiblings, PolicyKind::kFww,
                            PolicyKind::kMax,      PolicyKind::kMin,      PolicyKind::kCounter,
                            PolicyKind::kRegister, PolicyKind::kFlag,     PolicyKind::kSet,
                            PolicyKind::kMap,      PolicyKind::kCustom};

}  // namespace

const Policy& policy(PolicyKind kind) {
  switch (kind) {
    case PolicyKind::kLww:
      return lww_policy();
    case PolicyKind::kSiblings:
      return siblings_policy();
    case PolicyKind::kFww:
      return fww_policy();
    case PolicyKind::kMax:
      return max_policy();
    case PolicyKind::kMin:
      return min_policy();
    case PolicyKind::kCounter:
      return counter_policy();
    case PolicyKind::kRegister:
      return register_policy();
    case PolicyKind::kFlag:
      return flag_policy();
    case PolicyKind::kSet:
      return set_policy();
    case PolicyKind::kMap:
      return map_policy();
    case PolicyKind::kCustom:
      return custom_policy();
  }
  KV_CHECK(false, "kinds are checked where they enter");
}

absl::StatusOr<Change> Policy::admit(const Object& current, Actor actor,
                                     std::optional<std::string> value, const Clock* token) const {
  if (value.has_value()) return admit_put(current, actor, *std::move(value), token);
  return Change{std::nullopt, token != nullptr ? *token : dots_of(current)};
}

bool is_policy(char kind) {
  return std::any_of(kKinds.begin(), kKinds.end(),
                     [&](PolicyKind known) { return static_cast<char>(known) == kind; });
}

std::optional<PolicyKind> find_policy(std::string_view name) {
  for (const PolicyKind kind : kKinds)
    if (policy(kind).name() == name) return kind;
  return std::nullopt;
}

std::vector<std::string_view> policy_names() {
  std::vector<std::string_view> names;
  names.reserve(kKinds.size());
  for (const PolicyKind kind : kKinds) names.push_back(policy(kind).name());
  return names;
}

bool is_refusal(absl::StatusCode code) {
  return code == absl::StatusCode::kAlreadyExists || code == absl::StatusCode::kAborted ||
         code == absl::StatusCode::kFailedPrecondition ||
         code == absl::StatusCode::kInvalidArgument || code == absl::StatusCode::kOutOfRange;
}

}  // namespace kv
