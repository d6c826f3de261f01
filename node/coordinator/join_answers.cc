#include "node/coordinator/join_answers.h"

#include <algorithm>

#include "node/base/check.h"
#include "node/base/simulation.h"

namespace kv {

namespace {

bool same_values(const Object& a, const Object& b, WallMs now) {
  const auto values = [now](const Object& object) {
    std::vector<Version> left = without_expired(object.versions, now);
    std::erase_if(left, [](const Version& version) { return !version.value.has_value(); });
    return left;
  };
  return a.versions == b.versions || values(a) == values(b);
}

}  // namespace

Joined join_answers(const std::vector<ReplicaObject>& answers, const Policy& policy, WallMs now) {
  KV_CHECK(!answers.empty(), "a read is answered by somebody");
  Joined joined;
  joined.object = *answers.front().object;
  joined.context = *answers.front().clock;
  for (const ReplicaObject& answer : answers)
    joined.hlc = std::max({joined.hlc, answer.floor, greatest_hlc(*answer.object)});
  for (std::size_t i = 1; i < answers.size(); ++i) {
    joined.agreed &= same_values(*answers[i].object, *answers.front().object, now);
    join(joined.object, joined.context, *answers[i].object, *answers[i].clock);
    joined.context.join(*answers[i].clock);
  }
  joined.context.join(joined.object.context);
  policy.resolve(joined.object.versions);
  return joined;
}

ReadItem to_read_item(std::string key, Joined joined, const Policy& policy, WallMs now) {
  if (KV_PLANTED(kReadMangled))
    for (Version& version : joined.object.versions)
      if (version.value.has_value() && version.dot.counter % 64 == 1) version.value->back() = '!';
  joined.context.join(dots_of(joined.object));
  if (!KV_PLANTED(kExpiredShown))
    joined.object.versions = without_expired(std::move(joined.object.versions), now);
  return {std::move(key), policy.shown(std::move(joined.object.versions)),
          Token{std::move(joined.context), joined.hlc}};
}

}  // namespace kv
