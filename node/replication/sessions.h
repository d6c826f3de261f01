// The asking side of anti-entropy towards one peer: which partitions differ, which are being caught up now.
//
// The requester drives and the responder keeps no state: each page is asked for with the requester's clock as it then
// is, so what has arrived is not sent again, a lost page is asked for again, and a broken session resumes where it was. One
// page per partition is under way at a time, and few partitions at a time, which paces it. Pure bookkeeping.
// Not thread-safe: one shard owns it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/base/time.h"
#include "node/base/types.h"
#include "node/messages/message.h"

namespace kv {

class Sessions {
 public:
  // `first_request`: where the numbering of requests starts; random, so that no page that answers an earlier process is
  // taken for one of this.
  Sessions(std::size_t max_active, std::int64_t page_timeout_ms, std::uint64_t first_request)
      : max_active_(max_active), page_timeout_ms_(page_timeout_ms), last_request_(first_request) {}

  struct Active {
    std::uint64_t request = 0;  // of the page under way; a page that answers another one may be
                                // old, and the log may have been pruned since it was asked for
    bool full = false;
    std::string after;            // full: the last key that has been covered
    std::optional<Clock> target;  // full: what the responder's clock held at every page so far
    Instant deadline;             // of the page under way
  };

  void want(Partition partition) {
    if (!active_.contains(partition)) wanted_.insert(partition);
  }
  void reset();  // the connection broke: the next probe starts again
  void drop(Partition partition) { active_.erase(partition); }

  // Starts what is wanted, as far as the limit allows; for each the caller sends request_for(partition).
  std::vector<Partition> start_wanted(Instant now);

  // The request for the next page; `applied` and `durable` are the requester's own clocks.
  SyncRequest request_for(Partition partition, const Clock& applied, const Clock& durable) const;

  // The session under way, or null.
  const Active* active_at(Partition partition) const {
    const auto it = active_.find(partition);
    return it == active_.end() ? nullptr : &it->second;
  }

  // The number of the request under way, 0 for none.
  std::uint64_t request_under_way(Partition partition) const;

  // False for a page that nobody asked for (any more): it is not to be applied.
  bool expects(Partition partition, const SyncPage& page) const;

  struct Progress {
    bool ask_again = false;         // send request_for() again; otherwise the session is over
    bool turned_full = false;       // the log did not do
    std::optional<Clock> finished;  // a full transfer is complete up to this clock
  };
  // An expected page has been applied; `applied` is the requester's clock now.
  Progress advance(Partition partition, const SyncPage& page, const Clock& applied, Instant now);

  // Gives up pages that did not come in time; they are wanted again.
  void expire(Instant now);
  Instant next_deadline() const;

  std::size_t active() const { return active_.size(); }

 private:
  std::size_t max_active_;
  std::int64_t page_timeout_ms_;
  std::uint64_t last_request_;
  std::set<Partition> wanted_;
  Partition last_started_{
      UINT16_MAX};  // they take turns, so that those that fail do not keep the others waiting
  std::map<Partition, Active> active_;
};

}  // namespace kv
