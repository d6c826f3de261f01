// What watchers of this node see: the changes of the versions that are visible here, in the order of their commits.
//
// Intuition: the log of changes (node/storage/changes.h) is the truth, and a watcher is no more than a position in it. So a
// watcher may go away and come back, with the node or without, and a slow one costs no memory: it falls behind in a file.
// Watchers that are up to date share one *tail*, the latest commits in memory, which one reader takes from the log once for
// all of them. One that is behind reads the log by itself until it reaches the tail.
//
// An event is one key in one commit: the dots that this node processed with it, each in no other event; and the versions that
// the key shows since. Writes that share a commit share an event, if they are of one key. A write that lost against what was
// here is told of, too: with the versions that were here. An event without a dot tells of a version that a peer showed to be
// gone before the write that superseded it was named. What expires makes no event: whoever is shown a version is told when it
// ends, and it is not shown from then on.
//
// Identity: positions are of one disk, and of that disk as long as it forgets nothing. Both end when a replica takes a new
// actor (core/identity.h), so the identity of the feed is that of all actors of the node.
//
// Commits are seen before they are on disk: what a power loss takes may have been seen.
//
// Not thread-safe, and the engine outlives it. Reads no clock; blocks for reading files.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "node/base/time.h"
#include "node/feed/watch_token_codec.h"
#include "node/resolution/object.h"
#include "node/storage/collections.h"
#include "node/storage/engine.h"

namespace kv {

struct FeedEvent {
  std::string key;             // storage key
  Clock dots;                  // processed with this change
  std::vector<Version> shown;  // with values; none: the key has none any more
  FeedPosition next;           // after this event
};

struct FeedPage {
  std::vector<FeedEvent> events;
  FeedPosition next;  // where the page after this one begins
  bool more = false;  // a limit ended it; otherwise nothing more has been committed
};

struct FeedLimits {
  std::size_t events = 256;          // of a page
  std::size_t bytes = 256 << 10;     // of a page's keys and values; one event may exceed it
  std::size_t commits = 1000;        // looked at for a page
  std::size_t tail_bytes = 4 << 20;  // of records in memory for all watchers together
};

// One watcher: what it watches and where it is.
class Watch {
 public:
  FeedPosition next() const { return next_; }
  // To go on after `position`, which a page has told.
  std::string token_at(FeedPosition position) const {
    return encode_watch_token({feed_, binding_, position});
  }

 private:
  friend class Feed;
  storage::KeyRange range_;
  std::uint64_t binding_ = 0;
  std::uint64_t feed_ = 0;
  FeedPosition next_;
  std::unique_ptr<storage::ChangeReader> own_;    // while it is behind the tail
  std::optional<storage::CommittedChange> read_;  // by that, and not yet passed
};

class Feed {
 public:
  // `hidden`: a partition whose changes are nobody's business.
  Feed(const storage::Engine& engine, Partition hidden, const FeedLimits& limits)
      : engine_(engine), hidden_(hidden), limits_(limits) {}

  // A watcher of the storage keys in `range`: from now on, or from where the token says. INVALID_ARGUMENT: the token is none.
  // OUT_OF_RANGE: it is too old, with advice for the client.
  absl::StatusOr<Watch> open(storage::KeyRange range, const std::optional<std::string>& token);

  // Takes what has been committed since the last call into the tail. Without watchers, better forget_tail().
  absl::Status advance();
  void forget_tail();

  // What comes next for the watcher, up to the limits, of what advance() has taken. `wall`: what has expired by then is not shown. OUT_OF_RANGE:
  // the log does not reach back to it any more, with advice; it is over then.
  absl::StatusOr<FeedPage> read(Watch& watch, WallMs wall);

  // Equal as long as tokens mean something.
  absl::StatusOr<std::uint64_t> identity() const;

  std::size_t tail_bytes() const { return tail_bytes_; }

 private:
  // The commit that the watcher is at, or null at the end of what has been taken.
  absl::StatusOr<const storage::CommittedChange*> commit_at(Watch& watch);
  absl::StatusOr<const storage::CommittedChange*> commit_in_log(Watch& watch);
  absl::Status take(Watch& watch, const storage::CommittedChange& commit, WallMs wall,
                    FeedPage& page, std::size_t& bytes) const;

  const storage::Engine& engine_;
  const Partition hidden_;
  const FeedLimits limits_;
  std::deque<storage::CommittedChange>
      tail_;  // ascending; each begins where the one before it ends
  std::size_t tail_bytes_ = 0;
  std::uint64_t tail_end_ = 0;                     // position after it; 0: there is none
  std::unique_ptr<storage::ChangeReader> reader_;  // of the tail
};

}  // namespace kv
