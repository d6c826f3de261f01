// Anti-entropy's half of a replica: which page answers a request, what a page changes here, what the log may forget.
#include <limits>
#include <map>

#include "absl/strings/str_cat.h"
#include "node/base/check.h"
#include "node/base/simulation.h"
#include "node/replica/replica.h"
#include "node/storage/keys.h"

namespace kv {

using storage::Family;

namespace {

std::size_t item_bytes(const Item& item) {
  std::size_t bytes = item.key.size() + 64;
  for (const Version& version : item.object.versions)
    bytes += 32 + (version.value ? version.value->size() : 0);
  return bytes;
}

}  // namespace

absl::Status Replica::read_range(const storage::View& view, std::string_view from,
                                 std::string_view end, std::size_t max_items, std::size_t max_bytes,
                                 std::vector<Item>& items, bool& more) const {
  KV_CHECK(max_items > 0, "a range of nothing has no end");
  const std::string prefix = storage::partition_prefix(partition_);
  const std::string first = storage::object_key(partition_, from);
  const std::string to =
      end.empty() ? storage::partition_end(partition_) : storage::object_key(partition_, end);
  more = false;
  std::size_t bytes = 0;
  absl::Status damaged;
  const absl::Status status =
      view.scan(Family::kObjects, first, to, [&](std::string_view key, std::string_view value) {
        if (items.size() >= max_items || (!items.empty() && bytes >= max_bytes)) {
          more = true;
          return false;
        }
        auto object = storage::decode_object(value);
        if (!object.ok()) {
          damaged = object.status();
          return false;
        }
        items.push_back({std::string(key.substr(prefix.size())), *std::move(object), {}});
        bytes += item_bytes(items.back());
        return true;
      });
  return noted(status.ok() ? damaged : status);
}

absl::StatusOr<SyncPage> Replica::answer(const storage::View& view, const SyncRequest& request,
                                         const PageLimits& limits) const {
  SyncPage page;
  page.applied = state_.clock;
  page.durable = durable_;
  page.floor = state_.floor;
  page.full = request.full;
  page.request = request.request;
  const Clock missing = state_.clock.minus(request.applied);
  absl::Status status;
  if (request.full)
    status = answer_full(view, request, limits, page);
  else if (page.unnamed = missing.intersect(
               KV_PLANTED(kCutNotTold) ? state_.pruned.minus(state_.cut) : state_.pruned);
           page.unnamed.empty())
    status = answer_from_log(view, missing, limits, page);
  if (!status.ok()) return status;
  return page;
}

absl::Status Replica::answer_from_log(const storage::View& view, const Clock& missing,
                                      const PageLimits& limits, SyncPage& page) const {
  struct Named {
    Clock dots;
    std::vector<storage::RequestRecord> requests;
  };
  std::map<std::string, Named> by_key;
  std::size_t named = 0;
  std::size_t dots = 0;  // in the page
  std::size_t bytes = 0;
  absl::Status status;
  const auto add = [&](std::string_view log_key, std::string_view log_value) {
    const std::string_view key = storage::log_entry(log_value).storage_key;
    const auto [it, is_new] = by_key.try_emplace(std::string(key));
    it->second.dots.add(storage::dot_of_log_key(log_key));
    status = add_requests(view, log_key, log_value, it->second.requests);
    if (!status.ok()) return false;
    ++named;
    ++dots;
    if (!is_new) return true;
    auto object = read(view, key);
    if (absl::IsDataLoss(object.status()) && !KV_PLANTED(kDamageStopsPage)) {
      KV_MARK(kDamageSkipped);  // the rest can still be handed over; this the peer goes on lacking
      by_key.erase(it);
      --dots;
      return true;
    }
    if (!object.ok()) {
      status = object.status();
      return false;
    }
    page.items.push_back({it->first, *std::move(object), {}});
    bytes += item_bytes(page.items.back());
    return true;
  };
  for_each_run(missing, [&](Actor actor, const Clock::Run& run) {
    if (!status.ok() || page.more) return;
    const std::uint64_t before = named;
    const std::string from = storage::log_key(partition_, {actor, run.first});
    const std::string to = storage::log_key(partition_, {actor, run.last + 1});
    const auto visit = [&](std::string_view log_key, std::string_view entry) {
      page.more = (bytes >= limits.bytes || dots >= limits.dots) && !KV_PLANTED(kPagesUncut);
      if (page.more) KV_MARK(kPageCut);
      return !page.more && add(log_key, entry);
    };
    if (is_damaged()) return visit_readable(view, actor, run, visit);
    const absl::Status scanned = view.scan(Family::kLog, from, to, visit);
    if (status.ok()) status = scanned;
    if (status.ok() && !page.more && named - before != run.last - run.first + 1)
      status = absl::DataLossError(absl::StrCat("the dot log lacks entries of actor ", actor.id));
  });
  for (Item& item : page.items) {
    Named& known = by_key[item.key];
    item.dots = std::move(known.dots);
    item.requests = std::move(known.requests);
    if (status.ok() && page.more) status = name_all(view, missing, item);
  }
  return noted(status);
}

// A version brings its own dot along, though the page was cut before that was named: then with its request, too, for nobody
// would name it again.
absl::Status Replica::name_all(const storage::View& view, const Clock& missing, Item& item) const {
  for (const Version& version : item.object.versions) {
    if (item.dots.contains(version.dot) || !missing.contains(version.dot)) continue;
    const std::string at = storage::log_key(partition_, version.dot);
    const auto entry = view.get(Family::kLog, at);
    if (absl::IsDataLoss(noted(entry.status()))) continue;
    if (!entry.ok()) return entry.status();
    if (!entry->has_value()) continue;
    const absl::Status added = add_requests(view, at, **entry, item.requests);
    if (!added.ok()) return added;
  }
  return absl::OkStatus();
}

absl::Status Replica::answer_full(const storage::View& view, const SyncRequest& request,
                                  const PageLimits& limits, SyncPage& page) const {
  if (is_damaged())  // who walks the keys takes what it does not see for gone
    return absl::UnavailableError("a damaged replica does not know which keys it holds");
  page.after = request.after;
  const absl::Status status =
      read_range(view, storage::next_key(request.after), "",
                 std::numeric_limits<std::size_t>::max(), limits.bytes, page.items, page.more);
  if (status.ok() && page.more) page.last = page.items.back().key;
  return status;
}

absl::Status Replica::apply_page(Transaction& tx, const SyncPage& page,
                                 const Transfers& transfers) {
  const absl::Status status = apply_items(tx, page.items, transfers, page.applied);
  if (!status.ok()) return status;
  // Some of these dots may name markers that the sender has dropped.
  if (page.floor > state_.floor && !KV_PLANTED(kFloorNotTaken)) {
    state_.floor = page.floor;
    changed_ = true;
  }
  return page.full && !KV_PLANTED(kTransferIgnoresAbsent) ? apply_absent(tx, page)
                                                          : absl::OkStatus();
}

absl::Status Replica::apply_absent(Transaction& tx, const SyncPage& page) {
  std::vector<Item> mine;
  bool more = false;
  const std::string end = storage::next_key(page.last);
  const absl::Status status = read_range(tx.view, storage::next_key(page.after), end,
                                         std::numeric_limits<std::size_t>::max(),
                                         std::numeric_limits<std::size_t>::max(), mine, more);
  if (!status.ok()) return status;
  std::map<std::string_view, bool> theirs;
  for (const Item& item : page.items) theirs[item.key] = true;
  for (Item& item : mine)
    if (!theirs.contains(item.key))
      join_item(tx, {item.key, {}, {}}, page.applied, state_.clock, {}, std::move(item.object), {});
  return absl::OkStatus();
}

void Replica::finish_full_transfer(const Clock& theirs) {
  const Clock fresh = theirs.minus(state_.clock);
  if (fresh.empty()) return;
  if (KV_PLANTED(kClockReplaced))
    state_.clock = theirs;
  else
    state_.clock.join(fresh);
  state_.pruned.join(fresh);
  changed_ = true;
}

}  // namespace kv
