// The reference model of causal policies: which versions of a key must be left, given which writes a replica has processed.
//
// A version survives unless some processed write supersedes it. What each write supersedes is heard from the core as it is
// issued; everything else follows, without any of the core's joins.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "jepsen-style-tests/simulation/judges/tables.h"
#include "node/messages/message.h"

namespace kv::sim {

class Survivors {
 public:
  void issued(const Delta& delta);
  // The commit of a write may have failed: before its dot is issued again.
  void forget(Dot dot);

  // When a write's value expires, as it was issued: a later one of the same commit may find it expired before any commit holds
  // it. 0: never, or not known.
  WallMs expires(Dot dot) const;

  // Empty if `object` is right at a replica with that clock; otherwise what is wrong. `forgotten`: dots that at some time no
  // replica knew any more; what they superseded may be gone all the same. `latest`: of any wall clock so far; what has expired
  // by then may be gone, too.
  std::string check(const std::string& key, const Object& object, const Clock& clock,
                    const Clock& forgotten, WallMs latest) const;

 private:
  struct Write {
    bool leaves_version = false;
    WallMs expires{};
    std::vector<Dot> superseded_by;
  };
  std::map<std::string, std::map<Dot, Write>> writes_;  // by storage key
  ByDot<std::string> key_of_;
};

}  // namespace kv::sim
