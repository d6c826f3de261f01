// What a run found wrong, by the name of the check that found it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace kv::sim {

// Every check that exists, with what it demands. A planted bug must be found by one of them.
#define KV_CHECKS(X)                                                                              \
  X(kOneVersionPerDot, "one-version-per-dot", "no dot ever names two versions")                   \
  X(kWrittenOnce, "written-once", "one request makes one dot")                                    \
  X(kRequestOnce, "request-once",                                                                 \
    "a replica that has processed what a request wrote does not write it again")                  \
  X(kNoPhantom, "no-phantom", "nothing is stored or read that nobody wrote")                      \
  X(kNotAppliedIsNot, "not-applied", "a write that was answered with \"not applied\" is nowhere") \
  X(kLevelHonest, "level-honest", "an ok means so many distinct replicas, at that durability")    \
  X(kNothingLost, "nothing-lost",                                                                 \
    "a replica forgets a dot only with its disk; an acknowledged write stays while one of those " \
    "that had it keeps its disk")                                                                 \
  X(kVersionNamed, "version-named", "a replica's clock names every version that it holds")        \
  X(kSameDotsSameObjects, "same-dots-same-objects",                                               \
    "replicas with the same dots hold the same versions")                                         \
  X(kScrubMends, "scrub-mends",                                                                   \
    "what was changed in one replica below its checksums is as before once others compared it, "  \
    "where most of them agree")                                                                   \
  X(kGreatestWins, "greatest-wins",                                                               \
    "of all writes of a key that were processed, the greatest in (time, dot) remains")            \
  X(kContextHonoured, "context-honoured",                                                         \
    "of all versions of a key that were processed, those remain that no processed write "         \
    "supersedes, and a write supersedes exactly what its client asked for")                       \
  X(kConditionMet, "condition-met",                                                               \
    "a put that must be the first is refused where every replica holds a value")                  \
  X(kNumberRight, "number-right",                                                                 \
    "a counter is the sum of what was added, a max the greatest of what was put")                 \
  X(kCausalOrder, "causal-order",                                                                 \
    "a write is after everything that its token had seen, whatever the clocks say")               \
  X(kTimeBounded, "time-bounded",                                                                 \
    "a write's time is ahead of its node's clock by the skew limit at most, unless it saw a "     \
    "later one")                                                                                  \
  X(kSkewGuarded, "skew-guarded",                                                                 \
    "a node orders writes neither while it can know that its clock is off from the majority's, "  \
    "nor refuses to while it can not")                                                            \
  X(kRegularRead, "regular-read",                                                                 \
    "with R + W > N a read sees the last acknowledged write or a later one")                      \
  X(kExpiredIsGone, "expired-is-gone",                                                            \
    "a read returns nothing that had expired when it was asked")                                  \
  X(kReadYourWrites, "read-your-writes",                                                          \
    "a read of a session sees what the session has written, or something newer")                  \
  X(kMonotonicReads, "monotonic-reads",                                                           \
    "a read of a session sees what the session has read, or something newer; what was gone "      \
    "stays so")                                                                                   \
  X(kSessionOrder, "session-order", "a write of a session is after everything that it had seen")  \
  X(kSessionServed, "session-served",                                                             \
    "once all is healed, a session is served at ONE by every node, unless something was lost")    \
  X(kWatchComplete, "watch-complete",                                                             \
    "a watcher is told of each write that its node processes, once, in the order of commits")     \
  X(kWatchHonest, "watch-honest",                                                                 \
    "a watcher's token is too old only if writes may be lost, or it is older than what is kept")  \
  X(kWatchLatest, "watch-latest",                                                                 \
    "what a watcher was shown last of a key is what its node shows at the end")                   \
  X(kForeignToken, "foreign-token", "a token of another key is refused")                          \
  X(kAnswered, "answered", "every request is answered by its deadline, once")                     \
  X(kLiveness, "liveness", "a connected majority serves QUORUM while the rest is broken")         \
  X(kBounded, "bounded",                                                                          \
    "requests and deltas under way, exchanges, pages, hedges, read repairs, dot logs and what "   \
    "is remembered keep within their limits, whoever is away")                                    \
  X(kConverges, "converges", "once all is healed, replicas have the same dots within a bound")    \
  X(kAtRest, "at-rest",                                                                           \
    "once equal, all is synced, logs are empty, nobody is owed anything, no marker, no context "  \
    "and nothing expired is left, and of conflicts no more is noted than the bounds allow")       \
  X(kConflictsNoted, "conflicts-noted",                                                           \
    "a value that no write had seen and that lost is noted by some replica; what its winner, or " \
    "an earlier write that has come by itself, had seen is not")                                  \
  X(kKeysCounted, "keys-counted", "the count of keys is right")                                   \
  X(kNoNeedlessTransfer, "no-needless-transfer",                                                  \
    "a full transfer happens only after a disk was lost or went back, or a log was cut")          \
  X(kUnfitSilent, "unfit-silent", "a replica that is damaged or being rebuilt answers no read")   \
  X(kOnlyCopyKept, "only-copy-kept",                                                              \
    "a replica is discarded only if it was damaged, and only when another has had all that it "   \
    "has, but for what was damaged")                                                              \
  X(kDirectoryGuarded, "directory-guarded", "a node does not start on another node's disk")       \
  X(kHistory, "history",                                                                          \
    "where nothing else is found, the checkers of tests on real processes accept what the "       \
    "clients saw")                                                                                \
  X(kAssertion, "assertion", "no assertion of the core fails")

#define KV_ENUMERATE(name, id, text) name,
enum class Check : std::uint8_t { KV_CHECKS(KV_ENUMERATE) kCount };
#undef KV_ENUMERATE
constexpr std::size_t kChecks = static_cast<std::size_t>(Check::kCount);

std::string_view name_of(Check check);
std::string_view text_of(Check check);

// The first violation of each check.
class Violations {
 public:
  void add(Check check, std::int64_t at_ms, std::string text) {
    found_.try_emplace(check, Found{at_ms, std::move(text)});
  }
  struct Found {
    std::int64_t at_ms;
    std::string text;
  };
  const std::map<Check, Found>& found() const { return found_; }
  bool empty() const { return found_.empty(); }

 private:
  std::map<Check, Found> found_;
};

}  // namespace kv::sim
