// Writes that their clients may send again: finds the attempt that has been made before making one.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "node/base/limits.h"
#include "node/base/simulation.h"
#include "node/coordinator/writes.h"

namespace kv {
namespace {

// Of the time that is left: most of it must remain for the write itself. A replica that takes longer is as good as cut off, and
// then what it may know is found out later.
constexpr std::int64_t kInquiryShare = 4;
constexpr std::int64_t kMaxInquiryUs = 250'000;

}  // namespace

// Answers the write if it has been made, as far as the replica here knows; or says why it cannot be known.
bool Writes::answer_known(Step& step, const Asker& asker, const ClientWrite& write) {
  if (!write.request.has_value() || KV_PLANTED(kRequestIgnored)) return false;
  const auto here = replicas_.find(write.partition);
  if (here == replicas_.end() || here->second.is_damaged()) return false;
  const auto made = here->second.find_request(step.tx.view, *write.request);
  if (!made.ok()) {
    step.effects.warnings.push_back(absl::StrCat("request: ", made.status().ToString()));
    refuse(step, asker, write.partition,
           absl::IsDataLoss(made.status()) ? absl::StatusCode::kUnavailable
                                           : absl::StatusCode::kInternal,
           absl::StrCat("the replica could not read what it knows of the request id: ",
                        made.status().message()));
    return true;
  }
  if (!made->has_value()) return false;
  if ((*made)->id == *write.request) {
    KV_MARK(kRequestKnown);
    resume(step, asker, write, **made);
    return true;
  }
  refuse(step, asker, write.partition, absl::StatusCode::kInvalidArgument,
         absl::StrCat("this request id has made another write of this key (",
                      to_string((*made)->dot), ") within the last ",
                      request_limits_.window_ms / 60'000, " minutes; a new write needs a new id"));
  return true;
}

// As if the first attempt had come now: whoever is known to have its dot counts.
void Writes::resume(Step& step, const Asker& asker, const ClientWrite& write,
                    const storage::RequestRecord& made) {
  const Replica& here = replicas_.at(write.partition);
  const bool disk = write.durability == Durability::kDisk;
  Tally tally(neighbours_.needed_at(write.level, write.partition));
  if (!disk || here.durable().contains(made.dot)) tally.add(neighbours_.self);
  for (const auto& [peer, clock] : here.peers())
    if ((disk ? clock.durable : clock.applied).contains(made.dot)) tally.add(peer);
  if (!tally.complete()) {
    wants_sync_ |= !tally.has(neighbours_.self);
    for (const auto& [peer, clock] : here.peers())
      if (!tally.has(peer)) exchanges_.emplace_back(write.partition, peer);
  }
  wait_for(step, asker, write, made.dot, made.hlc, tally);
}

// Precondition: this node holds a replica, and may write.
void Writes::inquire(Step& step, Asker asker, ClientWrite write) {
  std::vector<NodeIndex> others;
  if (write.request.has_value() && !KV_PLANTED(kRequestIgnored))
    others = neighbours_.reachable(write.partition);
  std::erase(others, neighbours_.self);
  if (others.empty()) return write_here(step, asker, std::move(write));
  KV_MARK(kRequestAsked);
  const std::uint64_t number = next_request_++;
  const std::int64_t left_us = elapsed_us(step.now.mono, write.deadline);
  const Instant until =
      after_us(step.now.mono, std::clamp<std::int64_t>(left_us / kInquiryShare, 0, kMaxInquiryUs));
  for (const NodeIndex node : others)
    step.effects.send(node, write.partition, RequestQuery{number, *write.request});
  inquiry_deadlines_.emplace(until, number);
  inquiries_.emplace(number, Inquiry{asker, std::move(write), std::move(others), until});
}

void Writes::on_request_query(Step& step, NodeIndex from, Partition partition,
                              const RequestQuery& query) {
  const auto here = replicas_.find(partition);
  if (here == replicas_.end() || here->second.is_damaged()) return;
  const auto made = here->second.find_request(step.tx.view, query.id);
  if (!made.ok())  // silence: whoever asks must not take damage for absence
    return step.effects.warnings.push_back(absl::StrCat("request: ", made.status().ToString()));
  step.effects.send(from, partition, RequestAnswer{query.request, made->has_value()});
}

void Writes::on_request_answer(Step& step, NodeIndex from, const RequestAnswer& answer) {
  const auto it = inquiries_.find(answer.request);
  if (it == inquiries_.end()) return;
  if (!answer.known) return note_unknown(step, it, from);
  Inquiry inquiry = take_inquiry(it);
  if (answer_known(step, inquiry.asker, inquiry.write)) return;  // it has come here meanwhile
  KV_MARK(kRequestElsewhere);
  forward(step, inquiry.asker, from, {}, std::move(inquiry.write), true);
}

Writes::Inquiry Writes::take_inquiry(std::map<std::uint64_t, Inquiry>::iterator it) {
  Inquiry inquiry = std::move(it->second);
  inquiry_deadlines_.erase({inquiry.until, it->first});
  inquiries_.erase(it);
  return inquiry;
}

// `at` does not know the request, or cannot be asked any more.
void Writes::note_unknown(Step& step, std::map<std::uint64_t, Inquiry>::iterator it, NodeIndex at) {
  std::erase(it->second.silent, at);
  if (it->second.silent.empty()) write_unknown(step, take_inquiry(it));
}

// Nobody knows the request. What held when the inquiry began may have changed.
void Writes::write_unknown(Step& step, Inquiry inquiry) {
  const ClientWrite& write = inquiry.write;
  if (answer_known(step, inquiry.asker, write)) return;
  if (!reaches_enough(step, inquiry.asker, write.partition, write.level)) return;
  if (is_skewed_for(step.now, write.key))
    return refuse_skewed(step, inquiry.asker, write.partition, write.key);
  write_here(step, inquiry.asker, std::move(inquiry.write));
}

}  // namespace kv
