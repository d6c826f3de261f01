// What checkers found wrong in a history.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "jepsen-style-tests/history/history.h"

namespace kv::check {

// Everything that is demanded of a history. Each demand has histories that it must refuse (checkers/*_test.cc).
#define KV_DEMANDS(X)                                                                              \
  X(kNoPhantom, "no-phantom", "no read returns what nobody wrote")                                 \
  X(kNotApplied, "not-applied", "a write that was answered with \"not applied\" is never read")    \
  X(kLevelHonest, "level-honest", "an ok names as many distinct replicas as its level needs")      \
  X(kDotOnce, "dot-once", "no dot names two writes, and none is written under two")                \
  X(kNothingLost, "nothing-lost",                                                                  \
    "in the end a write is there that was acknowledged by more replicas than have lost their "     \
    "disks since, or what replaced it")                                                            \
  X(kDeletedStays, "deleted-stays-deleted", "what an acknowledged delete has beaten is not read")  \
  X(kRegularRead, "regular-read",                                                                  \
    "with R + W > N a read sees the last acknowledged write or a later one")                       \
  X(kCausalOrder, "causal-order",                                                                  \
    "a write is after what its token had seen, and after what every replica had when it began")    \
  X(kContextHonoured, "context-honoured",                                                          \
    "a write removes the siblings that its token had seen, and no others")                         \
  X(kNumberRight, "number-right",                                                                  \
    "a counter is at least the sum of what was acknowledged, and at most that of what was sent, "  \
    "each request once however often it was sent")                                                 \
  X(kSession, "session-kept",                                                                      \
    "a read in a session shows what the session wrote or saw, or what is later")                   \
  X(kWatchOnce, "watch-once", "a watcher is told of a write once, as of its key and its value")    \
  X(kWatchComplete, "watch-complete",                                                              \
    "a watcher is told of every write that its node takes after it began, and of each key last "   \
    "what is there in the end")                                                                    \
  X(kWatchOrder, "watch-order", "a watcher is not shown what is older than it was told of before") \
  X(kWatchHonest, "watch-honest",                                                                  \
    "a watcher has to begin anew only at a node that may have lost something")                     \
  X(kExpired, "expired-is-gone", "no value is shown after its time, but for what clocks differ")   \
  X(kMemory, "memory-bounded", "no node takes more memory than it may")                            \
  X(kConverges, "converges", "once all is mended, every node gives the same answer at ONE")        \
  X(kAvailable, "available",                                                                       \
    "a node that has been sound and connected to enough others for a while does what it is asked") \
  X(kAnswered, "answered", "every request is answered by its deadline")                            \
  X(kAlive, "alive", "no node ends by itself")

#define KV_ENUMERATE(name, id, text) name,
enum class Demand : std::uint8_t { KV_DEMANDS(KV_ENUMERATE) kCount };
#undef KV_ENUMERATE

const char* name_of(Demand demand);
const char* text_of(Demand demand);

struct Violation {
  std::string what{};
  std::vector<std::string> evidence{};  // the operations that show it, in words
};

class Verdict {
 public:
  void add(Demand demand, std::string what,
           const std::vector<const history::Operation*>& evidence = {});

  struct Found {
    std::uint64_t count = 0;
    std::vector<Violation> first{};  // the first few
  };
  const std::map<Demand, Found>& found() const { return found_; }
  bool good() const { return found_.empty(); }
  bool has(Demand demand) const { return found_.contains(demand); }

 private:
  std::map<Demand, Found> found_;
};

// For people: each demand that is violated, with its first violations and their evidence; "" when there is none.
std::string to_text(const Verdict& verdict);

}  // namespace kv::check
