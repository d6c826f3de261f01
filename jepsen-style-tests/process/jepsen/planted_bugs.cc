#include "jepsen-style-tests/process/jepsen/planted_bugs.h"

namespace kv::jepsen {

const std::vector<PlantedBug>& planted_bugs() {
  static const std::vector<PlantedBug> bugs{
      {"QuorumOffByOne", "registers", {}},
      {"ReplicaCountedTwice", "registers", {"isolate"}},
      {"OkAtDeadline", "registers", {"isolate", "pause"}},
      {"NotAppliedAtDeadline", "registers", {"isolate", "pause"}},
      {"ReadMangled", "registers", {}},
      {"DotWithoutObject", "registers", {}},
      {"CounterRestarts", "registers", {}},
      {"ReplyTellsOldTime", "registers", {}},
      {"FirstAnswerWins", "registers", {"isolate", "pause"}},
      {"ActorKeptAfterLoss", "registers", {"roll-back"}, 25},
      {"ForeignDisk", "registers", {"copy"}},
      {"DeleteLeavesNothing", "delete", {"isolate"}},
      {"LogOwnOnly", "append", {"isolate", "kill"}, 25},
      {"BlindPutSupersedes", "siblings", {}},
      {"SiblingDropped", "siblings", {}},
      {"JoinForgetsTheirClock", "siblings", {"isolate"}},
      {"CounterTakesAll", "counter", {"isolate"}},
      {"CounterLeavesGaps", "counter", {"isolate"}, 40},
      {"RequestIgnored", "counter-requests", {}},
      {"DuplicateKept", "counter-requests", {"isolate"}, 25},
      {"TieByArrival", "hot-key", {}, 25},
      {"TieReversed", "hot-key", {}, 25},
      {"DurableAtOnce", "durable", {"blackout"}, 25},
      {"ReadErrorIsAbsence", "large", {"read-errors"}, 25},
      {"SessionIgnored", "sessions", {"isolate"}},
      {"SessionForgetsWrites", "sessions", {"isolate"}},
      {"ExpiredShown", "expiry", {"isolate"}, 20},
      {"ExpiryForgotten", "expiry", {"isolate"}},
      {"SkewIgnoresRoundTrip", "registers-any-level", {"delay"}, 40},
      {"WatchForgetsLost", "watch", {"isolate"}},
      {"WatchResumesLate", "watch", {}},
      {"WatchRepeats", "watch", {}},
      {"WatchOfAnyFeed", "watch", {"power-loss"}, 20},
      {"WatchNeverResumes", "watch", {"kill"}},
      {"CausalDeleteStays", "siblings", {"isolate"}, 25},
  };
  return bugs;
}

}  // namespace kv::jepsen
