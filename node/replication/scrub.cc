#include "node/replication/scrub.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "node/base/simulation.h"
#include "node/storage/keys.h"

namespace kv {
namespace {

constexpr std::uint32_t kTries = 8;

// The object that more than half of `replicas` hold, by its place among those held.
std::optional<std::size_t> majority_of(const std::vector<Object>& held, std::size_t replicas) {
  for (std::size_t i = 0; i < held.size(); ++i)
    if (2 * static_cast<std::size_t>(std::count(held.begin(), held.end(), held[i])) > replicas)
      return i;
  return std::nullopt;
}

// The versions that any of them holds, or none if that cannot be right: some dot names two, or, where no order decides between
// versions, nobody holds them all, so one may have superseded another.
std::optional<std::vector<Version>> union_of(const std::vector<Object>& held, bool is_ordered) {
  std::map<Dot, Version> by_dot;
  for (const Object& object : held) {
    for (const Version& version : object.versions) {
      const auto [it, is_new] = by_dot.emplace(version.dot, version);
      if (!is_new && it->second != version) return std::nullopt;
    }
  }
  std::vector<Version> versions;
  versions.reserve(by_dot.size());
  for (auto& [dot, version] : by_dot) versions.push_back(std::move(version));
  const bool has_all = std::any_of(
      held.begin(), held.end(), [&](const Object& object) { return object.versions == versions; });
  if (!is_ordered && !has_all) return std::nullopt;
  return versions;
}

std::map<std::string_view, const Object*> by_key(const std::vector<Item>& items) {
  std::map<std::string_view, const Object*> found;
  for (const Item& item : items) found.emplace(item.key, &item.object);
  return found;
}

}  // namespace

Instant Scrub::next_wake() const {
  if (options_.bytes_per_s == 0 || replicas_.empty()) return kNever;
  return range_.has_value() ? range_->deadline : next_;
}

void Scrub::tick(Step& step) {
  absl::Status status;
  if (range_.has_value() && next_wake() <= step.now.mono) status = conclude(step);
  if (status.ok() && !range_.has_value() && next_wake() <= step.now.mono) status = begin(step);
  if (!status.ok()) step.effects.warnings.push_back(absl::StrCat("scrub: ", status.ToString()));
}

absl::Status Scrub::begin(Step& step) {
  next_ = after_ms(step.now.mono, options_.pause_ms);
  const auto it = replicas_.lower_bound(partition_);
  const auto at = it == replicas_.end() ? replicas_.begin() : it;
  if (at->first != partition_) after_.clear();
  partition_ = at->first;
  const Replica& replica = at->second;
  if (!replica.is_fit()) {
    next_partition();
    return absl::OkStatus();
  }
  auto mine = replica.read_lasting(step.tx.view, after_, "", options_.range_bytes);
  if (!mine.ok()) {  // damage is told of by the replica
    next_partition();
    return mine.status();
  }
  const auto took_ms = static_cast<std::int64_t>(mine->bytes) * 1000 / options_.bytes_per_s;
  next_ = after_ms(step.now.mono, std::max(options_.pause_ms, took_ms));
  Range range{++last_request_,
              partition_,
              *std::move(mine),
              replica.clock().digest(),
              {},
              {},
              after_ms(step.now.mono, options_.reply_timeout_ms)};
  for (const auto& [peer, clock] : replica.peers())
    if (neighbours_.is_up(peer)) range.awaited.push_back(peer);
  for (const NodeIndex peer : range.awaited)
    step.effects.send(
        peer, partition_,
        ScrubRequest{range.request, after_, range.mine.last, range.clock, range.mine.digest});
  if (range.awaited.empty())
    retry_or_advance(range);
  else
    range_ = std::move(range);
  return absl::OkStatus();
}

absl::Status Scrub::on_request(Step& step, NodeIndex from, const Replica& replica,
                               const ScrubRequest& request) const {
  ScrubReply reply{request.request, ScrubVerdict::kNotComparable, {}, {}};
  if (replica.is_fit() && replica.clock().digest() == request.clock) {
    // More than the requester has read: what it lacks may make all the difference.
    auto mine =
        replica.read_lasting(step.tx.view, request.after, request.last, 2 * options_.range_bytes);
    if (!mine.ok()) return mine.status();
    const bool equal = !mine->more && mine->digest == request.objects;
    reply.verdict = equal ? ScrubVerdict::kEqual : ScrubVerdict::kDifferent;
    if (!equal) {
      reply.items = std::move(mine->items);
      reply.last = std::move(mine->last);
    }
  }
  step.effects.send(from, replica.partition(), std::move(reply));
  return absl::OkStatus();
}

absl::Status Scrub::on_reply(Step& step, NodeIndex from, Replica& replica, ScrubReply reply) {
  if (!range_.has_value() || range_->request != reply.request ||
      range_->partition != replica.partition() || std::erase(range_->awaited, from) == 0)
    return absl::OkStatus();
  if (reply.verdict == ScrubVerdict::kEqual) range_->answers.emplace_back();
  if (reply.verdict == ScrubVerdict::kDifferent) {
    LastingRange& mine = range_->mine;
    if (!reply.last.empty() && (mine.last.empty() || reply.last < mine.last)) {
      mine.last = std::move(reply.last);
      mine.more = true;
    }
    range_->answers.emplace_back(std::move(reply.items));
  }
  return range_->awaited.empty() ? conclude(step) : absl::OkStatus();
}

absl::Status Scrub::conclude(Step& step) {
  const Range range = *std::exchange(range_, std::nullopt);
  const auto it = replicas_.find(range.partition);
  const bool holds = it->second.is_fit() && it->second.clock().digest() == range.clock;
  if (!holds || range.answers.empty()) {
    retry_or_advance(range);
    return absl::OkStatus();
  }
  KV_MARK(kScrubCompared);
  counters_.bytes += range.mine.bytes;
  advance(range);
  return compare(step, it->second, range);
}

absl::Status Scrub::compare(Step& step, Replica& replica, const Range& range) {
  if (std::none_of(range.answers.begin(), range.answers.end(),
                   [](const auto& answer) { return answer.has_value(); }))
    return absl::OkStatus();
  std::vector<std::map<std::string_view, const Object*>> all{by_key(range.mine.items)};
  for (const auto& answer : range.answers)
    all.push_back(answer.has_value() ? by_key(*answer) : all.front());
  std::map<std::string, std::vector<Object>, std::less<>> keys;
  for (const auto& one : all)
    for (const auto& [key, object] : one)
      if (range.mine.last.empty() || key <= range.mine.last) keys.try_emplace(std::string(key));
  for (auto& [key, held] : keys) {
    for (const auto& one : all) {
      const auto found = one.find(key);
      held.push_back(found == one.end() ? Object{} : *found->second);
    }
    if (std::count(held.begin(), held.end(), held.front()) ==
        static_cast<std::ptrdiff_t>(held.size()))
      continue;
    const absl::Status status = settle(step, replica, key, held);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// `held`: by this replica first.
absl::Status Scrub::settle(Step& step, Replica& replica, const std::string& key,
                           const std::vector<Object>& held) {
  for (const Object& object : held)
    if (!object.context.empty()) return absl::OkStatus();
  KV_MARK(kScrubFound);
  ++counters_.different;
  const std::string what =
      absl::StrCat("SCRUB: partition ", replica.partition().value, ", key \"",
                   absl::CHexEscape(std::string(storage::user_key_of(key))), "\" of bucket \"",
                   std::string(storage::bucket_of(key)),
                   "\": replicas that have processed the same writes hold ",
                   "different versions, by damage that no checksum saw or by a defect: ");
  const std::size_t replicas = replica.peers().size() + 1;
  auto agreed = majority_of(held, replicas);
  if (KV_PLANTED(kScrubBelievesOther)) agreed = held.size() - 1;
  std::optional<std::vector<Version>> right;
  if (agreed.has_value()) right = held[*agreed].versions;
  if (!agreed.has_value() && held.size() == replicas)
    right = union_of(held, storage::policy_of(key).is_ordered());
  std::string outcome = held.size() < replicas
                            ? "too few of them could be compared to tell which is right"
                            : "which is right cannot be known, so nothing is changed";
  absl::Status status;
  if (right == held.front().versions) {
    outcome = "what is here stays; the other takes it when it compares";
  } else if (right.has_value() && !KV_PLANTED(kScrubOnlyTells)) {
    KV_MARK(kScrubMended);
    status = replica.mend(step.tx, key, *right);
    counters_.mended += status.ok() ? 1U : 0U;
    outcome = agreed.has_value() ? "this node takes what the majority holds"
                                 : "this node takes what the other holds besides";
  }
  step.effects.warnings.push_back(absl::StrCat(what, outcome));
  return status;
}

void Scrub::advance(const Range& range) {
  tries_ = 0;
  if (!range.mine.more) return next_partition();
  after_ = range.mine.last;
}

void Scrub::retry_or_advance(const Range& range) {
  if (!replicas_.at(range.partition).peers().empty()) {
    if (++tries_ < kTries) return;
    KV_MARK(kScrubSkipped);
    ++counters_.skipped;
  }
  advance(range);
}

void Scrub::next_partition() {
  tries_ = 0;
  after_.clear();
  const auto next = replicas_.upper_bound(partition_);
  if (next == replicas_.end()) ++counters_.passes;
  partition_ = next == replicas_.end() ? replicas_.begin()->first : next->first;
}

}  // namespace kv
