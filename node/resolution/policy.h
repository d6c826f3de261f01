// How the versions of a key become its value. A bucket names one policy, for good; the name under which a key is stored says
// which (node/storage/keys.h), so that every replica resolves a key alike without asking anybody.
//
// Two families, which must not be mixed up:
//   - An *ordered* policy keeps one version, the greatest in a total order that puts a write after everything it supersedes.
//     A delete leaves a marker, because an older concurrent write that arrives later must lose to it.
//   - A *causal* policy keeps each version that no write has superseded: a dot store (Almeida, Shoker, Baquero: "Delta State
//     Replicated Data Types", 2018). A delete supersedes what it saw and leaves nothing behind; a concurrent write survives
//     it. What a reader is shown is made of those versions when they are read, so it depends on nothing but the set of them.
//     A write may sum up the versions that it supersedes, which keeps their number small.
//
// Policies are stateless; the references returned here live as long as the program. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "node/resolution/object.h"

namespace kv {

// Stored in keys: a value never changes its meaning.
enum class PolicyKind : char {
  kLww = 'l',       // last write wins
  kSiblings = 's',  // every concurrent value
  kFww = 'f',       // first write wins
  kMax = 'x',       // the greatest number written
  kMin = 'n',       // the smallest number written
  kCounter = 'c',   // the sum of what was added
  kRegister = 'r',  // the latest of concurrent values; deletes spare what they have not seen
  kFlag = 'b',      // on or off; of concurrent changes, on wins
  kSet = 't',       // a set's element: there or not; of concurrent changes, adding wins
  kMap = 'm',       // of registers, counters, flags and sets, nested
  kCustom = 'u',    // siblings, which nodes that coordinate merge by a function of the user's
};

// What a write does to its key, apart from its dot and time.
struct Change {
  std::optional<std::string> value;  // none: a delete
  Clock context;                     // what it supersedes
};

class Policy {
 public:
  virtual ~Policy() = default;

  virtual std::string_view name() const = 0;
  virtual bool is_ordered() const { return false; }

  // Whether a put may say when its value expires. Not where a write sums up others: the sum has no one time.
  virtual bool values_expire() const { return false; }

  // Of several values readers are shown one, and the next write supersedes the others with it. Those were lost.
  virtual bool shows_one() const { return false; }

  // Whether a put adds a number to what is there: made twice, it counts twice.
  virtual bool adds() const { return false; }

  // What becomes of a client's write at the replica that coordinates it and holds `current`. `token`: the context of the
  // token that came with it, or null. `actor`: issues the dot. A refused write has changed nothing: ALREADY_EXISTS,
  // FAILED_PRECONDITION, INVALID_ARGUMENT or OUT_OF_RANGE, and the message says what to do.
  absl::StatusOr<Change> admit(const Object& current, Actor actor, std::optional<std::string> value,
                               const Clock* token) const;

  // Removes the versions that lose. The winner must depend only on the set, never on the order of
  // arrival: for any two sets, resolve(A + B) == resolve(resolve(A) + B), or replicas would
  // diverge.
  virtual void resolve(std::vector<Version>& /*versions*/) const {}

  // What a reader is shown of them.
  virtual std::vector<Version> shown(std::vector<Version> versions) const { return versions; }

 private:
  // A delete is the same everywhere: it supersedes what its token has seen, or without one what its replica holds.
  virtual absl::StatusOr<Change> admit_put(const Object& current, Actor actor, std::string value,
                                           const Clock* token) const = 0;
};

bool is_policy(char kind);  // whether it is the value of a PolicyKind
const Policy& policy(PolicyKind kind);

// By its name, or none.
std::optional<PolicyKind> find_policy(std::string_view name);
std::vector<std::string_view> policy_names();

// True for what is answered to a write that its policy does not admit or whose condition is not met; everything else means that a disk failed.
bool is_refusal(absl::StatusCode code);

}  // namespace kv
