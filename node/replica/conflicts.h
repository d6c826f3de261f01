// The journal of conflicts: versions that a policy discarded although no write had seen them, so that nobody need learn of it from
// a customer.
//
// In a bucket of an ordered policy two writes that have not seen each other end with one of them gone, by their times alone. The
// replica that finds them together notes the one that lost, in the same batch. Others need not: who hears of both by a page or a
// read that already shows the outcome, hears it from somebody who has noted it. So a loser is noted by those replicas that judged
// it, one or several, each once; whoever asks all of them unites the entries by their dots.
//
// Noted is: a version that is left when everything has been removed that the other side has seen, and that the policy then drops;
// a version here that a client's token does not cover, and that its write is ordered after; and where readers are shown one of
// several values (fww, register), those that they were not shown when a write supersedes all of them. Not noted: what says the
// same as the winner, and what has expired.
//
// A replica may meet the latest of three writes before the second, whose writer had seen the first: it then notes the first, and
// takes that back when the second comes. If the second never comes by itself, for it has been overwritten and anti-entropy sends
// only what is left, the entry stays although nothing was lost: it is rather shown once too often than not at all.
//
// Bounded by number, bytes and age (node/base/limits.h): `trim`, the oldest first. A value that is large is noted by its size.
// Not thread-safe: part of one replica.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "node/messages/message.h"
#include "node/replica/step.h"
#include "node/storage/record_codec.h"

namespace kv {

class Conflicts {
 public:
  explicit Conflicts(Partition partition) : partition_(partition) {}

  // Reads what is noted, the first time; comes before everything else, so that nothing fails half-way.
  absl::Status ready(const storage::View& view);

  // Each of `versions` that says something else than `winner` and has not expired. Those noted before stay as they are.
  void note(Transaction& tx, const std::string& key, const std::vector<Version>& versions,
            const Version& winner);

  // A write has come by itself: what it had seen was not lost, if it is not later than the winner. A later one proves nothing,
  // for its client may have read the outcome.
  absl::Status take_back_seen(Transaction& tx, const Delta& write);

  // Nothing is noted any more, for the whole partition has been erased.
  void clear() { *this = Conflicts(partition_); }

  // Drops what is beyond the bounds, up to `limit` entries.
  void trim(Transaction& tx, std::size_t limit);

 private:
  struct Noted {
    WallMs at;
    std::size_t bytes = 0;  // of the record
  };

  void add(WallMs at, Dot lost, std::size_t bytes);
  void erase(Transaction& tx, Dot lost);

  Partition partition_;
  bool is_ready_ = false;
  std::map<Dot, Noted> noted_;  // on disk, or in the batch
  std::set<std::pair<WallMs, Dot>> by_time_;
  std::size_t bytes_ = 0;
};

// A note, and when it was made.
struct NotedConflict {
  WallMs at;
  storage::Conflict conflict;
};

// What the journal of a partition holds, the latest first.
absl::StatusOr<std::vector<NotedConflict>> read_conflicts(const storage::View& view,
                                                          Partition partition);

}  // namespace kv
