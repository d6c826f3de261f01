#include "node/base/types.h"

#include "node/base/simulation.h"

namespace kv {

std::size_t needed(Level level, std::size_t n) {
  switch (level) {
    case Level::kOne:
      return 1;
    case Level::kQuorum:
      return KV_PLANTED(kQuorumOffByOne) && n > 1 ? n / 2 : n / 2 + 1;
    case Level::kAll:
      return n;
  }
  return n;
}

}  // namespace kv
