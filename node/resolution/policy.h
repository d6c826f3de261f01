// How the versions of a key become its value. A bucket names one policy, for good.
//
// Policies are stateless; the references returned here live as long as the program. Thread-safe.
#pragma once

#include <string_view>
#include <vector>

#include "node/resolution/object.h"

namespace kv {

class Policy {
 public:
  virtual ~Policy() = default;

  virtual std::string_view name() const = 0;

  // What a write that came without a token supersedes, given the object that the coordinating
  // replica holds.
  virtual Clock implied_context(const Object& current) const = 0;

  // Removes the versions that lose. The winner must depend only on the set, never on the order of
  // arrival: for any two sets, resolve(A + B) == resolve(resolve(A) + B), or replicas would
  // diverge.
  virtual void resolve(std::vector<Version>& versions) const = 0;
};

// Last write wins: keeps the version with the greatest (HLC, dot). A delete's marker is a version
// like any other, because an older concurrent write that arrives later must lose to it.
const Policy& lww_policy();

}  // namespace kv
