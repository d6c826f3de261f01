#include <algorithm>

#include "node/base/simulation.h"
#include "node/resolution/policies.h"

namespace kv {
namespace {

// One mechanism with three names. What is stored is a value of the client's, "true", or nothing at all: that a version is there
// is what an element of a set, or a flag that is on, consists of.
class Register final : public Policy {
 public:
  explicit Register(std::string_view name) : name_(name) {}

  std::string_view name() const override { return name_; }
  bool values_expire() const override { return true; }
  bool shows_one() const override {
    return this == &register_policy();
  }  // the others have no values

  absl::StatusOr<Change> admit_put(const Object& current, Actor /*actor*/, std::string value,
                                   const Clock* token) const override {
    Change change{std::move(value), token != nullptr ? *token : dots_of(current)};
    if (KV_PLANTED(kRegisterKeepsSeen)) change.context = Clock{};
    return change;
  }

  std::vector<Version> shown(std::vector<Version> versions) const override {
    if (versions.size() < 2) return versions;
    const auto latest = std::max_element(versions.begin(), versions.end(), is_earlier);
    return {*latest};
  }

 private:
  const std::string_view name_;
};

}  // namespace

const Policy& register_policy() {
  static const Register policy("register");
  return policy;
}

const Policy& flag_policy() {
  static const Register policy("flag");
  return policy;
}

const Policy& set_policy() {
  static const Register policy("set");
  return policy;
}

// Never resolves anything itself: a map's leaves have policies of their own.
const Policy& map_policy() {
  static const Register policy("map");
  return policy;
}

}  // namespace kv
