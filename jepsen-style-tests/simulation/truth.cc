#include "jepsen-style-tests/simulation/truth.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/base/hash.h"
#include "node/base/simulation.h"
#include "node/storage/keys.h"
#include "node/storage/record_codec.h"

namespace kv::sim {
namespace {

constexpr std::size_t kPartitionBytes = 2;

// Of the versions' names; that a name always means the same is another check's business. Replicas drop markers at different
// times, and what expires.
std::uint64_t digest_of(std::string_view key, const std::vector<Version>& versions) {
  std::uint64_t digest = 0;
  for (const Version& version : versions)
    if (version.value.has_value() && version.expires.ms == 0)
      digest +=
          (version.dot.actor.id ^ version.dot.counter * 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd;
  return digest == 0 ? 0 : digest ^ stable_hash(key);
}

// Not needed() of the core, which a planted bug may have made wrong.
std::size_t replicas_of(Level level, std::size_t n) {
  return level == Level::kOne ? 1 : level == Level::kAll ? n : n / 2 + 1;
}

std::string name_of_node(std::size_t node) { return absl::StrCat("n", node + 1); }

// Whether its values are stored as they were put, each once.
bool keeps_values(std::string_view storage_key) {
  const std::string_view policy = storage::policy_of(storage_key).name();
  return policy == "lww" || policy == "siblings" || policy == "custom" || policy == "fww" ||
         policy == "register" || policy == "set";
}

}  // namespace

Truth::Truth(Violations& violations, const CoreOptions& options)
    : violations_(violations),
      max_skew_ms_(options.max_clock_skew_ms),
      window_ms_(options.requests.window_ms),
      cuts_before_(reached(simulation::Mark::kLogCut)) {
  simulation::on_issued = [this](const Delta& delta) { issued(delta); };
}

void Truth::attach(const Cluster& cluster) {
  cluster_ = &cluster;
  skew_.emplace(cluster, max_skew_ms_);
}

Truth::~Truth() { simulation::on_issued = nullptr; }

// ---- Commits --------------------------------------------------------------------------------------------------------

void Truth::on_commit(std::size_t node, const storage::WriteBatch& batch) {
  for (const storage::WriteBatch::Range& range : batch.ranges())
    if (range.family == storage::Family::kObjects) discarded(node, partition_at_start(range.from));
  std::vector<Partition> touched;
  const auto touch = [&](Partition partition) {
    if (std::find(touched.begin(), touched.end(), partition) == touched.end())
      touched.push_back(partition);
  };
  // Clocks first: they name the versions that come with them.
  for (const auto& [key, value] : batch.changes()) {
    if (key.first != storage::Family::kMeta || key.second.front() != 'r' || !value) continue;
    const Partition partition = partition_at_start(std::string_view(key.second).substr(1));
    touch(partition);
    take_clock(node, partition, *value);
  }
  for (const auto& [key, value] : batch.changes()) {
    if (key.first != storage::Family::kObjects) continue;
    touch(partition_at_start(key.second));
    take_object(node, key.second, value);
  }
  for (const auto& [key, value] : batch.changes())
    if (key.first == storage::Family::kMeta && key.second.front() == 'j')
      take_conflict(node, key.second, value);
  check_taken_back(node);
  for (const Partition partition : touched) compare(node, partition);
}

void Truth::take_clock(std::size_t node, Partition partition, std::string_view bytes) {
  auto record = storage::decode_replica_clock(bytes);
  KV_CHECK(record.ok(), "what a core writes can be read");
  auto& [actor, clock] = *record;
  Mirror& here = mirror(node, partition);
  if (!clock.covers(here.clock))
    violate(Check::kNothingLost,
            absl::StrCat(name_of_node(node), " partition ", partition.value, ": from ",
                         to_string(here.clock), " to ", to_string(clock)));
  issuers_[actor] = node;
  renewed_an_actor_ |= here.actor.id != 0 && here.actor != actor;
  here.actor = actor;
  here.clock = std::move(clock);
  here.ever.join(here.clock);
  unsynced_[node].insert(partition);
}

void Truth::take_object(std::size_t node, std::string_view key,
                        const std::optional<std::string>& bytes) {
  Mirror& here = mirror(node, partition_at_start(key));
  const std::string name(key.substr(kPartitionBytes));
  const Object& object = stored_object(name, bytes ? std::string_view(*bytes) : "");
  for (const Version& version : object.versions) {
    // Anti-entropy compares clocks: nobody would ever ask for a version that no clock names.
    if (!here.clock.contains(version.dot))
      violate(Check::kVersionNamed,
              absl::StrCat(name_of_node(node), " holds ", to_string(version.dot),
                           " and has processed ", to_string(here.clock)));
  }
  if (storage::policy_of(name).is_ordered()) {
    check_greatest(node, name, here.clock, object);
  } else {
    const WallMs latest{greatest_wall_ms()};
    const Clock& forgotten = forgotten_[partition_of(name)];
    std::string wrong = survivors_.check(name, object, here.clock, forgotten, latest);
    // A full transfer shows later keys as they are by then, and ends with the dots that all its pages reflected.
    if (!wrong.empty() && may_have_transferred()) {
      Clock elsewhere = forgotten;
      for (const auto& [where, replica] : mirrors_)
        if (where.first == partition_of(name)) elsewhere.join(replica.clock);
      wrong = survivors_.check(name, object, here.clock, elsewhere, latest);
    }
    if (!wrong.empty())
      violate(Check::kContextHonoured, absl::StrCat(name_of_node(node), ": ", name, ": ", wrong));
  }
  put_object(here, name, object);
}

// Mostly another replica has just stored the same.
const Object& Truth::stored_object(const std::string& name, std::string_view bytes) {
  auto& [known_bytes, object] = latest_[name];
  if (bytes == known_bytes) return object;
  known_bytes = bytes;
  object = Object{};
  if (bytes.empty()) return object;
  auto decoded = storage::decode_object(bytes);
  KV_CHECK(decoded.ok(), "what a core writes can be read");
  object = *std::move(decoded);
  for (const Version& version : object.versions) take_version(name, version);
  return object;
}

void Truth::put_object(Mirror& replica, const std::string& key, const Object& object) {
  std::uint64_t& digest = replica.objects[key];
  replica.digest ^= digest;
  digest = digest_of(key, object.versions);
  replica.digest ^= digest;
  if (digest == 0) replica.objects.erase(key);
  if (object.context.empty())
    replica.contexts.erase(key);
  else
    replica.contexts[key] = object.context;
}

void Truth::issued(const Delta& delta) {
  check_request(delta);
  Hlc& greatest = greatest_[delta.key];
  seen_before_[delta.version.dot] = greatest;
  greatest = std::max(greatest, delta.version.hlc);
  if (drop_time(delta.version).has_value())
    going_[delta.key].emplace(delta.version.hlc, delta.version.expires);
  const Policy& policy = storage::policy_of(delta.key);
  survivors_.forget(delta.version.dot);
  conflicts_.issued(delta);
  if (policy.is_ordered()) {
    const std::string why_not = skew_.has_value() ? skew_->why_not_to_write() : "";
    if (!why_not.empty())
      violate(Check::kSkewGuarded,
              absl::StrCat(to_string(delta.version.dot), " was issued, and ", why_not));
    return;
  }
  survivors_.issued(delta);
  const bool is_siblings = policy.name() == "siblings" || policy.name() == "custom";
  if (!is_siblings || !delta.version.value.has_value()) return;
  const auto sent = values_.find(*delta.version.value);
  if (sent == values_.end()) return;
  Clock asked = sent->second.token.value_or(Clock{});
  asked.add(delta.version.dot);
  Clock more = delta.context.minus(asked);  // what has expired goes with any write
  for_each_dot(delta.context.minus(asked), [&](Dot dot) {
    if (may_be_expired(survivors_.expires(dot))) more = more.minus(Clock{dot});
  });
  if (!more.empty() || !delta.context.covers(asked))
    violate(Check::kContextHonoured,
            absl::StrCat(*delta.version.value, " was to supersede ", to_string(asked), " and does ",
                         to_string(delta.context)));
}

void Truth::take_version(const std::string& key, const Version& version) {
  const auto [it, is_new] = writes_.try_emplace(
      version.dot, Written{key, version.hlc, version.value, version.expires, writes_.size()});
  if (!is_new) {
    const Written& known = it->second;
    if (known.key != key || known.hlc != version.hlc || known.value != version.value ||
        known.expires != version.expires)
      violate(Check::kOneVersionPerDot, absl::StrCat(to_string(version.dot), " names a version of ",
                                                     key, " and one of ", known.key));
    return;
  }
  check_time(key, version);
  writes_by_time_[key].emplace(version.hlc, version.dot);
  if (!version.value.has_value() || !keeps_values(key)) return;
  const auto fate = values_.find(*version.value);
  if (fate == values_.end())
    return violate(Check::kNoPhantom, absl::StrCat("nobody wrote ", *version.value));
  if (fate->second.refused)
    violate(Check::kNotAppliedIsNot,
            absl::StrCat(*version.value, " was answered with \"not applied\" and is stored"));
  for (const Dot dot : fate->second.dots)
    if (!fate->second.again ||
        (dot.actor == version.dot.actor && !may_forget_requests() && !lost_a_disk_))
      violate(Check::kWrittenOnce, absl::StrCat(*version.value, " is ", to_string(dot), " and ",
                                                to_string(version.dot)));
  fate->second.dots.push_back(version.dot);
}

void Truth::check_skew() {
  for (std::size_t node = 0; node < cluster_->size(); ++node)
    if (!skew_->might_have_been_off(node) && cluster_->is_up(node) && cluster_->is_skewed(node) &&
        !skew_->may_be_off(node))
      violate(
          Check::kSkewGuarded,
          absl::StrCat(name_of_node(node), " takes its clock for off, and no majority ever was"));
}

void Truth::note_walls() {
  skew_->note_walls();
  for (std::size_t node = 0; node < cluster_->size(); ++node) {
    greatest_wall_ms_[node] = std::max(greatest_wall_ms_[node], cluster_->wall(node).ms);
    const std::int64_t offset_ms = cluster_->wall(node).ms - now_ms();
    greatest_offset_ms_ = std::max(greatest_offset_ms_, offset_ms);
    least_offset_ms_ = std::min(least_offset_ms_, offset_ms);
    least_wall_ms_ = std::min(least_wall_ms_, cluster_->wall(node).ms);
  }
}

std::int64_t Truth::greatest_wall_ms() const {
  std::int64_t greatest = 0;
  for (const auto& [node, wall_ms] : greatest_wall_ms_) greatest = std::max(greatest, wall_ms);
  for (std::size_t node = 0; cluster_ != nullptr && node < cluster_->size(); ++node)
    greatest = std::max(greatest, cluster_->wall(node).ms);
  return greatest;
}

// A version is after what it replaces, and after every marker that its replica dropped,
// which it does once its wall clock has come to the marker's time.
void Truth::check_time(const std::string& key, const Version& version) {
  const std::size_t node = issuers_.at(version.dot.actor);
  const std::int64_t wall_ms = cluster_->wall(node).ms;
  Hlc& marker = greatest_marker_[partition_of(key)];
  const std::int64_t floor_ms = std::min(marker.wall_ms(), greatest_wall_ms());
  const std::int64_t limit_ms =
      std::max({wall_ms + max_skew_ms_, seen_before_[version.dot].wall_ms(), floor_ms,
                greatest_carried_.wall_ms()});
  if (drop_time(version).has_value()) marker = std::max(marker, version.hlc);
  if (version.hlc.wall_ms() > limit_ms)
    violate(Check::kTimeBounded,
            absl::StrCat(name_of_node(node), " wrote ", to_string(version.dot), " at ",
                         to_string(version.hlc), "; at most ", limit_ms, " was to be expected"));
}

// Objects whose context says more than the clock are ahead of it; all others are a function of the clock.
void Truth::compare(std::size_t node, Partition partition) {
  const Mirror& here = mirror(node, partition);
  const auto is_ahead = [](const Mirror& replica) {
    return std::any_of(replica.contexts.begin(), replica.contexts.end(),
                       [&](const auto& entry) { return !replica.clock.covers(entry.second); });
  };
  if (is_ahead(here)) return;
  for (auto it = mirrors_.lower_bound({partition, 0});
       it != mirrors_.end() && it->first.first == partition; ++it) {
    const Mirror& there = it->second;
    if (it->first.second == node || there.digest == here.digest || there.clock != here.clock ||
        is_ahead(there))
      continue;
    violate(Check::kSameDotsSameObjects,
            absl::StrCat("partition ", partition.value, ": ", name_of_node(node), " and ",
                         name_of_node(it->first.second), " both have ", to_string(here.clock)));
  }
}

void Truth::on_synced(std::size_t node) {
  for (const Partition partition : std::exchange(unsynced_[node], {})) {
    Mirror& here = mirror(node, partition);
    here.synced = here.clock;
    here.ever_synced.join(here.clock);
  }
}

void Truth::on_disk_changed(std::size_t node) {
  if (cluster_ == nullptr) return;
  lost_something_ = true;
  for (std::uint32_t p = 0; p < cluster_->ring().all_partitions(); ++p) {
    const Partition partition{static_cast<std::uint16_t>(p)};
    Mirror& here = mirror(node, partition);
    Clock lost = std::exchange(here.clock, cluster_->replica(node, partition).clock);
    for (std::size_t other = 0; other < cluster_->size(); ++other)
      lost = lost.minus(mirror(other, partition).clock);
    forgotten_[partition].join(lost);
    here.synced = here.clock;  // what survived is on the disk
    unsynced_[node].insert(partition);
    here.digest = 0;
    here.objects.clear();
    here.contexts.clear();
    for (const auto& [key, object] : cluster_->whole_objects(node, partition))
      put_object(here, key, object);
  }
  std::vector<storage::Conflict> noted;
  for (auto& [at, conflict] : cluster_->conflicts(node)) noted.push_back(std::move(conflict));
  conflicts_.disk_changed(node, noted);
  drop_holders(node);
}

void Truth::drop_holders(std::size_t node) {
  for (auto& [key, all] : acknowledged_) {
    const Mirror& here = mirror(node, partition_of(key));
    for (Acknowledged& one : all.writes)
      if ((one.holders >> node & 1U) != 0 && !here.clock.contains(one.dot)) {
        one.holders &= ~(1U << node);
        one.degraded = true;
      }
  }
}

// ---- Requests -------------------------------------------------------------------------------------------------------

void Truth::sent(const std::string& value, const Clock* token) {
  Fate& fate = values_[value];
  if (token != nullptr) fate.token = *token;
}

bool Truth::exists_for_sure(const std::string& storage_key) {
  if (lost_something_ || deleted_.contains(storage_key)) return false;
  const Partition partition = partition_of(storage_key);
  const auto& replicas = cluster_->ring().replicas(partition);
  return std::all_of(replicas.begin(), replicas.end(), [&](NodeIndex node) {
    return mirror(node.value, partition).objects.contains(storage_key);
  });
}

void Truth::not_applied(const std::string& value) {
  Fate& fate = values_[value];
  fate.refused = true;
  if (!fate.dots.empty())
    violate(Check::kNotAppliedIsNot,
            absl::StrCat(value, " is stored as ", to_string(fate.dots.front()),
                         " and was answered with \"not applied\""));
}

void Truth::acknowledged(const std::string& storage_key, Partition partition,
                         const WriteResult& result, Level level, Durability durability) {
  AcknowledgedOfKey& all = acknowledged_[storage_key];
  Acknowledged one{result.dot, result.hlc, level, durability, 0, false, result.hlc};
  if (!all.writes.empty()) one.latest = std::max(one.latest, all.writes.back().latest);
  std::size_t had = 0;
  for (const NodeIndex replica : cluster_->ring().replicas(partition)) {
    const Mirror& there = mirror(replica.value, partition);
    const bool disk = durability == Durability::kDisk;
    if ((disk ? there.ever_synced : there.ever).contains(result.dot)) ++had;
    if ((disk ? there.synced : there.clock).contains(result.dot))
      one.holders |= 1U << replica.value;
    else if ((disk ? there.ever_synced : there.ever).contains(result.dot))
      one.degraded = true;
  }
  const std::size_t wanted = replicas_of(level, cluster_->ring().replicas(partition).size());
  if (had < wanted || result.acks < wanted || result.acks > had)
    violate(Check::kLevelHonest,
            absl::StrCat(to_string(result.dot), " was acknowledged at ", to_string(level),
                         durability == Durability::kDisk ? " on disk" : "", " with ", result.acks,
                         " replicas; ", had, " had it"));
  all.writes.push_back(one);
  all.dots.add(one.dot);
}

// Of two writes of one key in one commit, a read may return the first, which no disk holds.
void Truth::read(const ReadItem& item, WallMs wall) {
  const std::string& storage_key = item.key;
  check_not_above_sent(item);
  if (!keeps_values(storage_key)) return;
  for (const Version& version : item.versions) {
    const auto written = writes_.find(version.dot);
    if (written != writes_.end() &&
        (written->second.key != storage_key || written->second.value != version.value))
      violate(Check::kNoPhantom, absl::StrCat("a read of ", storage_key, " returned another ",
                                              to_string(version.dot), " than is stored"));
    if (!version.value.has_value()) continue;
    if (is_expired(version, wall))
      violate(Check::kExpiredIsGone,
              absl::StrCat("a read of ", storage_key, " returned ", *version.value,
                           ", which had expired ", wall.ms - version.expires.ms, " ms before"));
    const auto fate = values_.find(*version.value);
    if (fate == values_.end() || fate->second.refused)
      violate(fate == values_.end() ? Check::kNoPhantom : Check::kNotAppliedIsNot,
              absl::StrCat("a read of ", storage_key, " returned ", *version.value,
                           ", which nobody wrote, or which was refused"));
  }
}

std::size_t Truth::acknowledged_count(const std::string& storage_key) const {
  const auto it = acknowledged_.find(storage_key);
  return it == acknowledged_.end() ? 0 : it->second.writes.size();
}

bool Truth::gone_at_or_after(const std::string& storage_key, Hlc hlc) const {
  const auto it = going_.find(storage_key);
  return it != going_.end() &&
         std::any_of(it->second.lower_bound(hlc), it->second.end(), [&](const auto& write) {
           return write.second.ms == 0 || may_be_expired(write.second);
         });
}

bool Truth::may_be_gone(Dot dot) const {
  const Written& written = writes_.at(dot);
  return !written.value.has_value() || may_be_expired(written.expires);
}

Hlc Truth::greatest() const {
  Hlc greatest;
  for (const auto& [key, hlc] : greatest_) greatest = std::max(greatest, hlc);
  return greatest;
}

Truth::MustSee Truth::must_see(const std::string& storage_key, std::size_t count, Level level,
                               const Clock& noticed) const {
  MustSee must;
  const auto it = acknowledged_.find(storage_key);
  if (it == acknowledged_.end()) return must;
  const std::size_t n = cluster_->ring().replicas(partition_of(storage_key)).size();
  const bool noticed_all = noticed.covers(it->second.dots);  // as mostly, and found out at once
  const std::size_t unread = n - replicas_of(level, n);
  const Acknowledged* greatest = nullptr;
  for (std::size_t i = count; i-- > 0;) {
    const Acknowledged& one = it->second.writes[i];
    if (noticed_all && greatest != nullptr && one.latest < greatest->hlc) break;
    if (one.degraded || one.holders == 0 || replicas_of(one.level, n) <= unread) continue;
    if (greatest == nullptr ||
        std::pair(one.hlc, one.dot) > std::pair(greatest->hlc, greatest->dot))
      greatest = &one;
    if (!noticed_all && !must.missed && !noticed.contains(one.dot)) must.missed = one.dot;
  }
  if (greatest != nullptr) must.greatest = std::pair(greatest->hlc, greatest->dot);
  return must;
}

// ---- At the end -----------------------------------------------------------------------------------------------------

// Of all writes of the key that are known, the greatest must remain; if that is a delete or has expired, nothing need. An
// object's context, from a page, may say more of its key than the clock yet does of all.
void Truth::check_greatest(std::size_t node, const std::string& key, const Clock& clock,
                           const Object& object) {
  const std::vector<Version>& left = object.versions;
  const auto& by_time = writes_by_time_[key];
  const auto greatest = std::find_if(by_time.rbegin(), by_time.rend(), [&](const auto& write) {
    return clock.contains(write.second) || object.context.contains(write.second);
  });
  const auto violated = [&] {
    if (greatest == by_time.rend()) return !left.empty();
    const bool deleted = may_be_gone(greatest->second);
    if (left.empty()) return !deleted;
    if (left.size() == 1 && left.front().dot == greatest->second) return false;
    if (!deleted || !lost_a_disk_ || left.size() > 1) return true;
    // A replica that lost its disk may write before it has heard how late the markers were that it had dropped, and a disk
    // from the past may bring what no replica knew any more.
    return writes_.at(left.front().dot).order < writes_.at(greatest->second).order &&
           !forgotten_[partition_of(key)].contains(left.front().dot);
  };
  if (violated())
    violate(Check::kGreatestWins,
            absl::StrCat(name_of_node(node), ": ", std::string(storage::user_key_of(key)),
                         " should be ",
                         greatest == by_time.rend() ? "absent" : to_string(greatest->second),
                         " and is ", left.empty() ? "absent" : to_string(left.front().dot)));
}

void Truth::check_winners() {
  for (const std::string& key : sorted_keys(writes_by_time_)) {
    const Partition partition = partition_of(key);
    const std::size_t first = cluster_->ring().replicas(partition).front().value;
    const Clock& clock = mirror(first, partition).clock;
    const auto objects = cluster_->objects(first, partition);
    const auto found = objects.find(key);
    if (storage::policy_of(key).is_ordered())
      check_greatest(first, key, clock,
                     found == objects.end() ? Object{} : Object{found->second, {}});
    for (const Acknowledged& one : acknowledged_[key].writes)
      if (one.holders != 0 && !clock.contains(one.dot))
        violate(Check::kNothingLost,
                absl::StrCat(std::string(storage::user_key_of(key)), " ", to_string(one.dot),
                             " was acknowledged and is gone"));
  }
}

}  // namespace kv::sim
