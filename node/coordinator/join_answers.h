// What replicas answered to a read, joined into what the reader sees. Pure.
#pragma once

#include <string>
#include <vector>

#include "node/messages/request.h"
#include "node/resolution/policy.h"

namespace kv {

// One replica's object for a key (empty when it holds none) with its replica clock from the same moment.
struct ReplicaObject {
  const Object* object;
  const Clock* clock;
  Hlc floor{};  // of the replica
};

struct Joined {
  Object object;  // resolved
  Clock context;  // everything the answering replicas know of this key: their contexts and clocks
  Hlc hlc;        // the greatest time that they know of, also of markers that are gone
  bool agreed = true;  // on the values; a marker, what has expired and nothing at all mean the same
};

// `answers` is not empty. `now`: of the wall clock here.
Joined join_answers(const std::vector<ReplicaObject>& answers, const Policy& policy, WallMs now);

// The item that a client gets for it: what the policy shows of the versions that have not expired.
ReadItem to_read_item(std::string key, Joined joined, const Policy& policy, WallMs now);

}  // namespace kv
