#include "jepsen-style-tests/simulation/judges/survivors.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace kv::sim {

void Survivors::forget(Dot dot) {
  const auto key = key_of_.find(dot);
  if (key == key_of_.end()) return;
  std::map<Dot, Write>& writes = writes_[key->second];
  writes.erase(dot);
  for (auto& [other, write] : writes) std::erase(write.superseded_by, dot);
  key_of_.erase(key);
}

void Survivors::issued(const Delta& delta) {
  key_of_[delta.version.dot] = delta.key;
  std::map<Dot, Write>& writes = writes_[delta.key];
  for (auto& [dot, write] : writes)
    if (dot != delta.version.dot && delta.context.contains(dot))
      write.superseded_by.push_back(delta.version.dot);
  writes[delta.version.dot] = {delta.version.value.has_value(), delta.version.expires, {}};
}

WallMs Survivors::expires(Dot dot) const {
  const auto key = key_of_.find(dot);
  return key == key_of_.end() ? WallMs{} : writes_.at(key->second).at(dot).expires;
}

std::string Survivors::check(const std::string& key, const Object& object, const Clock& clock,
                             const Clock& forgotten, WallMs latest) const {
  const auto found = writes_.find(key);
  if (found == writes_.end())
    return object.versions.empty() ? "" : "it has a version that nobody wrote";
  for (const Version& version : object.versions) {
    if (!version.value.has_value()) return absl::StrCat(to_string(version.dot), " is a marker");
    const auto write = found->second.find(version.dot);
    if (write == found->second.end()) return absl::StrCat("nobody wrote ", to_string(version.dot));
    for (const Dot by : write->second.superseded_by)
      if (clock.contains(by))
        return absl::StrCat(to_string(version.dot), " is there, and ", to_string(by),
                            ", which supersedes it, has been processed");
  }
  for (const auto& [dot, write] : found->second) {
    if (!write.leaves_version || !clock.contains(dot)) continue;
    if (write.expires.ms > 0 && write.expires <= latest) continue;
    const bool is_there = std::any_of(object.versions.begin(), object.versions.end(),
                                      [&, d = dot](const Version& v) { return v.dot == d; });
    const bool is_superseded =
        std::any_of(write.superseded_by.begin(), write.superseded_by.end(), [&](Dot by) {
          return clock.contains(by) || object.context.contains(by) || forgotten.contains(by);
        });
    if (!is_there && !is_superseded)
      return absl::StrCat(to_string(dot), " is gone, and nothing that was processed supersedes it");
  }
  return "";
}

}  // namespace kv::sim
