#include "node/coordinator/tally.h"

#include "node/base/simulation.h"

namespace kv {

void Tally::add(NodeIndex replica) {
  const bool repeated = !answered_.insert(replica).second;
  if (KV_PLANTED(kReplicaCountedTwice) && repeated && needed_ > 0) --needed_;
}

}  // namespace kv
