// Writes that their clients may send again: which of them are known here, and what becomes of one that was made twice.
//
// Two sides of a partition may each make one. Who puts or deletes twice has asked for the same twice; who adds to a counter
// twice has not: of the dots of one request the least counts, and the actor of each other one takes its amount out of its own
// sum again, by a write, as soon as its replica processes an earlier dot. It does so once, in the batch with that dot. No other
// actor can, for it alone changes its sum; so there is nothing to agree on.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "node/base/simulation.h"
#include "node/replica/replica.h"
#include "node/storage/keys.h"

namespace kv {

using storage::Family;
using storage::RequestRecord;

absl::StatusOr<std::vector<RequestRecord>> Replica::requests_named(const storage::View& view,
                                                                   std::uint64_t name) const {
  std::vector<RequestRecord> requests;
  if (state_.requests == 0) return requests;
  absl::Status damaged;
  const std::string prefix = storage::request_prefix(partition_, name);
  const absl::Status status =
      view.scan(Family::kMeta, prefix, storage::prefix_end(prefix), [&](auto, auto value) {
        auto request = storage::decode_request(value);
        if (request.ok())
          requests.push_back(*request);
        else
          damaged = request.status();
        return request.ok();
      });
  if (!status.ok()) return noted(status);
  if (!damaged.ok()) return noted(damaged);
  return requests;
}

absl::StatusOr<std::optional<RequestRecord>> Replica::find_request(const storage::View& view,
                                                                   const RequestId& id) const {
  const auto requests = requests_named(view, id.name);
  if (!requests.ok()) return requests.status();
  if (requests->empty()) return std::nullopt;
  const auto made = std::find_if(requests->begin(), requests->end(),  // they are stored by dot
                                 [&](const RequestRecord& request) { return request.id == id; });
  return made == requests->end() ? requests->front() : *made;
}

absl::StatusOr<Replica::Requested> Replica::look_up(const storage::View& view,
                                                    const Item& item) const {
  std::map<Dot, RequestRecord> fresh;
  std::map<Dot, RequestRecord> superfluous;
  for (const RequestRecord& request : item.requests) {
    const auto known = requests_named(view, request.id.name);
    if (!known.ok()) return known.status();
    fresh.emplace(request.dot, request);
    for (const RequestRecord& other : *known) {
      if (other.dot == request.dot) fresh.erase(request.dot);
      const bool is_earlier = request.dot < other.dot || KV_PLANTED(kDuplicatesAllTakenBack);
      if (other.dot.actor == state_.actor && other.id == request.id && is_earlier &&
          other.amount != 0)
        superfluous.emplace(other.dot, other);
    }
  }
  Requested requested;
  for (const auto& [dot, request] : fresh) requested.fresh.push_back(request);
  for (const auto& [dot, request] : superfluous) requested.superfluous.push_back(request);
  return requested;
}

// Adds the request that a log entry names, if it is still known.
absl::Status Replica::add_requests(const storage::View& view, std::string_view log_key,
                                   std::string_view entry, std::vector<RequestRecord>& out) const {
  const auto name = storage::log_entry(entry).request;
  if (!name.has_value() || KV_PLANTED(kPageForgetsRequests)) return absl::OkStatus();
  const std::string at = storage::request_key(partition_, *name, storage::dot_of_log_key(log_key));
  const auto bytes = view.get(Family::kMeta, at);
  if (!bytes.ok()) return bytes.status();
  if (!bytes->has_value()) return absl::OkStatus();
  auto request = storage::decode_request(**bytes);
  if (!request.ok()) return request.status();
  request->amount = 0;
  out.push_back(*request);
  return absl::OkStatus();
}

void Replica::remember(storage::WriteBatch& batch, const RequestRecord& request) {
  const WallMs at{request.hlc.wall_ms()};
  batch.put(Family::kMeta, storage::request_key(partition_, request.id.name, request.dot),
            storage::encode_request(request));
  batch.put(Family::kMeta, storage::request_age_key(partition_, {at, request.id.name, request.dot}),
            "");
  ++state_.requests;
  changed_ = true;
}

// `object`: as it is stored under the key when this batch is made. `fresh`: the correction's dot is added.
void Replica::take_back(storage::WriteBatch& batch, const std::string& key, Object& object,
                        RequestRecord own, Clock& fresh) {
  if (KV_PLANTED(kDuplicateKept)) return;
  const std::string negative = absl::StrCat(-own.amount);  // see checked_request_id
  if (!KV_PLANTED(kDuplicateTakenAgain)) own.amount = 0;
  batch.put(Family::kMeta, storage::request_key(partition_, own.id.name, own.dot),
            storage::encode_request(own));
  const bool has_sum =
      std::any_of(object.versions.begin(), object.versions.end(),
                  [&](const Version& version) { return version.dot.actor == state_.actor; });
  if (!has_sum) return;  // a delete has taken all of it
  auto change = storage::policy_of(key).admit(object, state_.actor, negative, nullptr);
  if (!change.ok()) return;  // out of the range of 64 bits, where a sum has no meaning any more
  KV_MARK(kDuplicateTakenBack);
  const Dot dot{state_.actor, state_.clock.base(state_.actor) + 1};
  const Hlc hlc{greatest_hlc(object).bits + 1};  // it corrects, and is no news
  Delta delta{key, {dot, hlc, std::move(change->value), {}}, std::move(change->context)};
  delta.context.add(dot);
  KV_ISSUED(delta);
  discard(object, delta.context);
  object.versions.push_back(std::move(delta.version));
  sort_by_dot(object.versions);
  mark_processed(batch, key, Clock{dot}, {});
  fresh.add(dot);
  corrected_ = true;
}

}  // namespace kv
