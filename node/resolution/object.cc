#include "node/resolution/object.h"

#include <algorithm>
#include <tuple>

namespace kv {
namespace {

bool holds(const std::vector<Version>& versions, Dot dot) {
  return std::any_of(versions.begin(), versions.end(),
                     [&](const Version& v) { return v.dot == dot; });
}

}  // namespace

bool is_earlier(const Version& a, const Version& b) {
  return std::tie(a.hlc, a.dot) < std::tie(b.hlc, b.dot);
}

void sort_by_dot(std::vector<Version>& versions) {
  std::sort(versions.begin(), versions.end(),
            [](const Version& a, const Version& b) { return a.dot < b.dot; });
}

bool has_value(const Object& object) {
  return std::any_of(object.versions.begin(), object.versions.end(),
                     [](const Version& v) { return v.value.has_value(); });
}

Hlc greatest_hlc(const Object& object) {
  Hlc greatest;
  for (const Version& version : object.versions) greatest = std::max(greatest, version.hlc);
  return greatest;
}

Clock dots_of(const Object& object) {
  Clock dots;
  for (const Version& version : object.versions) dots.add(version.dot);
  return dots;
}

Clock markers_of(const Object& object) {
  Clock dots;
  for (const Version& version : object.versions)
    if (!version.value.has_value()) dots.add(version.dot);
  return dots;
}

bool is_expired(const Version& version, WallMs now) {
  return version.expires.ms > 0 && version.expires <= now;
}

std::vector<Version> without_expired(std::vector<Version> versions, WallMs now) {
  std::erase_if(versions, [&](const Version& version) { return is_expired(version, now); });
  return versions;
}

// Not before the wall clock has come to the version's own time, either: see Replica::drop_perished.
std::optional<WallMs> drop_time(const Version& version) {
  if (version.value.has_value() && version.expires.ms == 0) return std::nullopt;
  return std::max(version.expires, WallMs{version.hlc.wall_ms() + 1});
}

Clock perishables_of(const Object& object) {
  Clock dots;
  for (const Version& version : object.versions)
    if (drop_time(version).has_value()) dots.add(version.dot);
  return dots;
}

void join(Object& mine, const Clock& my_clock, const Object& theirs, const Clock& their_clock) {
  std::vector<Version> joined;
  for (Version& version : mine.versions) {
    const bool known_there =
        theirs.context.contains(version.dot) || their_clock.contains(version.dot);
    if (!known_there || holds(theirs.versions, version.dot)) joined.push_back(std::move(version));
  }
  const std::size_t kept = joined.size();
  for (const Version& version : theirs.versions) {
    const bool known_here = my_clock.contains(version.dot) || mine.context.contains(version.dot);
    if (!known_here && !holds(joined, version.dot)) joined.push_back(version);
  }
  if (joined.size() != kept) sort_by_dot(joined);
  mine.versions = std::move(joined);
  mine.context.join(theirs.context);
  mine.context.join(their_clock);
}

void discard(Object& object, const Clock& context) {
  std::erase_if(object.versions,
                [&](const Version& version) { return context.contains(version.dot); });
  object.context.join(context);
}

void strip(Object& object, const Clock& clock) {
  if (!object.context.empty()) object.context = object.context.minus(clock);
}

}  // namespace kv
