// What a replica stores under one key, and how two replicas' views of it become one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "node/base/hlc.h"
#include "node/base/time.h"
#include "node/causality/clock.h"

namespace kv {

// The outcome of one write.
struct Version {
  Dot dot;
  Hlc hlc;
  // None: a marker, which a delete leaves in buckets of an ordered policy.
  std::optional<std::string> value;
  // From this time of the wall clock on it is not shown, but still contends: nothing older comes back. 0: never.
  WallMs expires{};
  bool operator==(const Version&) const = default;
};

struct Object {
  std::vector<Version> versions;  // by dot, ascending
  // Dots known to be superseded for this key (and those of `versions`). At rest it is *stripped*:
  // what the replica clock covers is left out, because absence plus that clock says the same.
  Clock context;
  bool operator==(const Object&) const = default;

  bool empty() const { return versions.empty() && context.empty(); }
};

// The order of time: by HLC, and at the same HLC by dot. Total.
bool is_earlier(const Version& a, const Version& b);

void sort_by_dot(std::vector<Version>& versions);

bool has_value(const Object& object);    // some version is not a marker
Hlc greatest_hlc(const Object& object);  // 0 for no versions
Clock dots_of(const Object& object);     // of its versions
Clock markers_of(const Object& object);  // dots of its markers

bool is_expired(const Version& version, WallMs now);
std::vector<Version> without_expired(std::vector<Version> versions, WallMs now);

// When a version is to be dropped, if it is causally stable by then: markers, and what expires. None for all others.
std::optional<WallMs> drop_time(const Version& version);
Clock perishables_of(const Object& object);  // dots of the versions that have one

// Joins `theirs` into `mine` (2-protocol, section 3):
// a version of mine stays unless they know its dot and no longer hold it; one of theirs comes in
// unless I know its dot and no longer hold it. `my_clock` and `their_clock` extend the two
// contexts: the replica clocks, where every dot either side has processed is known to be reflected;
// `their_clock` is empty for a delta, which speaks of itself only. Commutative, associative and
// idempotent in the sets of versions; resolving by policy comes afterwards. `mine.context` becomes
// the union of both contexts and `their_clock`; stripping it is the caller's business.
void join(Object& mine, const Clock& my_clock, const Object& theirs, const Clock& their_clock);

// Removes the versions that `context` covers and adds it to the object's context.
void discard(Object& object, const Clock& context);

// Drops from the context what the clock covers.
void strip(Object& object, const Clock& clock);

}  // namespace kv
