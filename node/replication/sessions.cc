#include "node/replication/sessions.h"

#include "node/base/check.h"
#include "node/base/simulation.h"

namespace kv {

void Sessions::reset() {
  wanted_.clear();
  active_.clear();
}

std::vector<Partition> Sessions::start_wanted(Instant now) {
  std::vector<Partition> started;
  while ((active_.size() < max_active_ || KV_PLANTED(kExchangesUnbounded)) && !wanted_.empty()) {
    auto next = wanted_.upper_bound(last_started_);
    if (next == wanted_.end()) next = wanted_.begin();
    const Partition partition = last_started_ = *next;
    wanted_.erase(next);
    Active& session = active_[partition];
    session.request = ++last_request_;
    session.deadline = after_ms(now, page_timeout_ms_);
    started.push_back(partition);
  }
  return started;
}

SyncRequest Sessions::request_for(Partition partition, const Clock& applied,
                                  const Clock& durable) const {
  const Active& session = active_.at(partition);
  return {applied, durable, session.full, session.after, session.request};
}

std::uint64_t Sessions::request_under_way(Partition partition) const {
  const auto it = active_.find(partition);
  return it == active_.end() ? 0 : it->second.request;
}

bool Sessions::expects(Partition partition, const SyncPage& page) const {
  const auto it = active_.find(partition);
  return it != active_.end() && it->second.request == page.request &&
         it->second.full == page.full && it->second.after == page.after;
}

Sessions::Progress Sessions::advance(Partition partition, const SyncPage& page,
                                     const Clock& applied, Instant now) {
  KV_CHECK(expects(partition, page), "only an expected page advances a session");
  Active& session = active_.at(partition);
  session.request = ++last_request_;
  session.deadline = after_ms(now, page_timeout_ms_);
  if (!page.unnamed.empty()) {
    // What the log forgot while the request was on its way may have arrived by now, as a delta.
    session.full = !applied.covers(page.unnamed);
    if (session.full) KV_MARK(kFullTransferAsked);
    return {true, session.full, {}};
  }
  if (session.full) {
    if (session.target.has_value()) KV_MARK(kFullTransferPages);
    session.target =
        session.target.has_value() ? session.target->intersect(page.applied) : page.applied;
  }
  if (page.more) {
    session.after = page.last;
    return {true, false, {}};
  }
  Progress progress{false, false, std::move(session.target)};
  active_.erase(partition);
  return progress;
}

void Sessions::expire(Instant now) {
  for (auto it = active_.begin(); it != active_.end();) {
    const auto next = std::next(it);
    if (it->second.deadline <= now) {
      KV_MARK(kPageTimedOut);
      wanted_.insert(it->first);
      active_.erase(it);
    }
    it = next;
  }
}

Instant Sessions::next_deadline() const {
  Instant next = kNever;
  for (const auto& [partition, session] : active_) next = std::min(next, session.deadline);
  return next;
}

}  // namespace kv
