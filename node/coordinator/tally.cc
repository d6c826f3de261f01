#include "node/coordinator/tally.h"

#include "node/base/simulation.h"

namespace kv {

void Tally::add(NodeIndex replica) {
  if (!has(replica))
    answered_.push_back(replica);
  else if (KV_PLANTED(kReplicaCountedTwice) && needed_ > 0)
    --needed_;
}

}  // namespace kv
