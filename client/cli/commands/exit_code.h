// What the process returns; a contract with scripts. Pure.
#pragma once

#include "kv/types.h"

namespace kv::cli {

enum ExitCode : int {
  kOk = 0,
  kNotFound = 1,
  kUsage = 2,        // or bad input, also where a node says so
  kUnreachable = 3,  // no node could be reached
  kNotAllowed = 4,
  kRefused = 5,    // certainly not applied, or a read that too few replicas answered
  kUnknown = 6,    // a write that may have been stored
  kSiblings = 7,   // several values where one was asked for
  kCondition = 8,  // not met: it exists already, or has changed; or a watch's token is too old
  kTimedOut = 9,   // what was waited for has not come true
};

ExitCode exit_code_of(const client::Failure& failure);

// Of a command that met both: the one that calls for more attention.
ExitCode worse(ExitCode a, ExitCode b);

// Of a command that did several things, of which `worst` was the worst answer: that, except that
// "nothing was applied" would be wrong where something was.
ExitCode of_several(ExitCode worst, bool some_applied);

}  // namespace kv::cli
