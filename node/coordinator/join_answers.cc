#include "node/coordinator/join_answers.h"

#include "node/base/check.h"
#include "node/base/simulation.h"

namespace kv {

Joined join_answers(const std::vector<ReplicaObject>& answers, const Policy& policy) {
  KV_CHECK(!answers.empty(), "a read is answered by somebody");
  Joined joined;
  joined.object = *answers.front().object;
  joined.context = *answers.front().clock;
  for (std::size_t i = 1; i < answers.size(); ++i) {
    joined.agreed &= answers[i].object->versions == answers.front().object->versions;
    join(joined.object, joined.context, *answers[i].object, *answers[i].clock);
    joined.context.join(*answers[i].clock);
  }
  joined.context.join(joined.object.context);
  policy.resolve(joined.object.versions);
  return joined;
}

ReadItem to_read_item(std::string key, Joined joined) {
  const Hlc hlc = greatest_hlc(joined.object);
  if (KV_PLANTED(kReadMangled))
    for (Version& version : joined.object.versions)
      if (version.value.has_value() && version.dot.counter % 64 == 1) version.value->pop_back();
  joined.context.join(dots_of(joined.object));
  return {std::move(key), std::move(joined.object.versions), Token{std::move(joined.context), hlc}};
}

}  // namespace kv
