#include "jepsen-style-tests/simulation/judges/client_session.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "node/coordinator/reads/session.h"
#include "node/storage/keys.h"

namespace kv::sim {
namespace {

std::pair<Hlc, Dot> place(const Version& version) { return {version.hlc, version.dot}; }

void learn(ClientSession::Before::Known& known, std::pair<Hlc, Dot> version) {
  known.dots.add(version.second);
  known.greatest = std::max(known.greatest, std::optional(version));
}

// Ties are not its business: which of them wins is greatest-wins.
std::string judge(const ClientSession::Before::Known& known, const ReadItem& item,
                  const Truth& truth) {
  const Clock unknown = known.dots.minus(item.token.context);
  if (!unknown.empty()) return absl::StrCat("knows nothing of ", to_string(unknown));
  if (!storage::policy_of(item.key).is_ordered() || !known.greatest.has_value()) return "";
  std::optional<std::pair<Hlc, Dot>> shown;
  for (const Version& version : item.versions)
    shown = std::max(shown, std::optional(place(version)));
  if (!shown.has_value() && truth.gone_at_or_after(item.key, known.greatest->first)) return "";
  if (shown.has_value() && shown->first >= known.greatest->first) return "";
  return absl::StrCat("returned ", shown ? to_string(shown->second) : "nothing", " after ",
                      to_string(known.greatest->second));
}

// What a read shows is all that is there, so what it does not show is superseded for good.
bool shows_all(const std::string& storage_key) {
  const std::string_view policy = storage::policy_of(storage_key).name();
  return policy == "lww" || policy == "siblings" || policy == "custom";
}

}  // namespace

ClientSession::Before ClientSession::before(const std::string& storage_key) const {
  const auto it = keys_.find(storage_key);
  Before before = it == keys_.end() ? Before{} : it->second;
  before.latest = latest_;
  return before;
}

Clock ClientSession::needs(Partition partition) const {
  const auto it = session_.needs.find(partition);
  return it == session_.needs.end() ? Clock{} : it->second;
}

ClientSession::Found ClientSession::on_write(const std::string& storage_key, Partition partition,
                                             const Before& before, const WriteResult& result) {
  session_.hlc = std::max(session_.hlc, result.hlc);
  if (result.outcome != kv::Outcome::kApplied) return {};
  note_write(session_, partition, result.dot);
  learn(keys_[storage_key].written, {result.hlc, result.dot});
  latest_ = std::max(latest_, result.hlc);
  if (result.hlc > before.latest) return {};
  return std::pair{Check::kSessionOrder,
                   absl::StrCat("a write is at ", to_string(result.hlc),
                                ", and its session had seen ", to_string(before.latest))};
}

ClientSession::Found ClientSession::on_read(Partition partition, const Before& before,
                                            const ClientReadReply& reply, const Truth& truth) {
  const ReadItem& item = reply.items.at(0);
  session_.hlc = std::max(session_.hlc, item.token.hlc);
  if (!reply.session.empty()) session_.needs[partition].join(reply.session);
  Before& now = keys_[item.key];
  Clock superseded = before.written.dots;
  superseded.join(before.read.dots);
  Found found;
  for (const Version& version : item.versions) {
    learn(now.read, place(version));
    latest_ = std::max(latest_, version.hlc);
    superseded = superseded.minus(Clock{version.dot});
    if (before.gone.contains(version.dot) && version.value.has_value() && version.expires.ms == 0)
      found = {Check::kMonotonicReads,
               absl::StrCat("a read of ", item.key, " brought ", to_string(version.dot),
                            " back, which an earlier one had shown to be gone")};
  }
  if (shows_all(item.key)) for_each_dot(superseded, [&](Dot dot) { now.gone.insert(dot); });
  const std::string own = judge(before.written, item, truth);
  const std::string others = judge(before.read, item, truth);
  if (!own.empty())
    found = {Check::kReadYourWrites, absl::StrCat("a read of ", item.key, " ", own)};
  else if (!others.empty())
    found = {Check::kMonotonicReads, absl::StrCat("a read of ", item.key, " ", others)};
  return found;
}

}  // namespace kv::sim
