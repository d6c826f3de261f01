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
  return status.ok() ? damaged : status;
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
  else if (page.unnamed = missing.intersect(state_.pruned); page.unnamed.empty())
    status = answer_from_log(view, missing, limits, page);
  if (!status.ok()) return status;
  return page;
}

absl::Status Replica::answer_from_log(const storage::View& view, const Clock& missing,
                                      const PageLimits& limits, SyncPage& page) const {
  std::map<std::string, Clock> dots_by_key;
  std::size_t dots = 0;
  std::size_t bytes = 0;
  absl::Status status;
  const auto add = [&](std::string_view log_key, std::string_view key) {
    const auto [it, is_new] = dots_by_key.try_emplace(std::string(key));
    it->second.add(storage::dot_of_log_key(log_key));
    ++dots;
    if (!is_new) return true;
    auto object = read(view, key);
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
    const std::uint64_t before = dots;
    const std::string from = storage::log_key(partition_, {actor, run.first});
    const std::string to = storage::log_key(partition_, {actor, run.last + 1});
    const absl::Status scanned =
        view.scan(Family::kLog, from, to, [&](std::string_view log_key, std::string_view entry) {
          page.more = bytes >= limits.bytes || dots >= limits.dots;
          if (page.more) KV_MARK(kPageCut);
          return !page.more && add(log_key, storage::log_entry(entry).storage_key);
        });
    if (status.ok()) status = scanned;
    if (status.ok() && !page.more && dots - before != run.last - run.first + 1)
      status = absl::DataLossError(absl::StrCat("the dot log lacks entries of actor ", actor.id));
  });
  for (Item& item : page.items) item.dots = dots_by_key[item.key];
  return status;
}

absl::Status Replica::answer_full(const storage::View& view, const SyncRequest& request,
                                  const PageLimits& limits, SyncPage& page) const {
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
      join_item(tx, {item.key, {}, {}}, page.applied, state_.clock, {}, std::move(item.object));
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
