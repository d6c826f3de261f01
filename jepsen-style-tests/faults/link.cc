#include "jepsen-style-tests/faults/link.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <vector>

namespace kv::fault {
namespace {

// How long it takes until a frame has got through although each attempt is lost with this probability.
std::int64_t repeating_ms(std::int64_t loss_percent) {
  constexpr std::int64_t kFirstMs = 200;
  std::int64_t all_ms = 0;
  std::int64_t next_ms = kFirstMs;
  // In parts per 10^12: the chance that all attempts so far were lost.
  for (std::int64_t chance = 10'000'000'000 * loss_percent; chance > 1'000'000;
       chance = chance / 100 * loss_percent) {
    all_ms += next_ms;
    if (all_ms >= kNoTime) return kNoTime;
    next_ms *= 2;
  }
  return all_ms;
}

}  // namespace

std::int64_t lateness_ms(const Link& link) {
  if (link.bytes_per_second > 0) return kNoTime;
  const std::int64_t sum = link.delay_ms + link.jitter_ms +
                           (link.reorder_percent > 0 ? link.held_back_ms : 0) +
                           repeating_ms(link.loss_percent);
  return std::min(sum, kNoTime);
}

std::string describe(const Link& link) {
  std::vector<std::string> parts;
  if (link.loss_percent > 0) parts.push_back(absl::StrCat(link.loss_percent, " % lost"));
  if (link.delay_ms + link.jitter_ms > 0)
    parts.push_back(
        absl::StrCat(link.delay_ms, " to ", link.delay_ms + link.jitter_ms, " ms late"));
  if (link.reorder_percent > 0)
    parts.push_back(
        absl::StrCat(link.reorder_percent, " % held back for ", link.held_back_ms, " ms"));
  if (link.duplicate_percent > 0) parts.push_back(absl::StrCat(link.duplicate_percent, " % twice"));
  if (link.bytes_per_second > 0)
    parts.push_back(absl::StrCat(link.bytes_per_second / 1024, " KiB a second"));
  if (link.resets) parts.emplace_back("reset");
  if (link.silences) parts.emplace_back("silent");
  std::string text = absl::StrJoin(parts, ", ");
  if (link.service != Service::kAny)
    absl::StrAppend(&text, link.answers_only ? " of the answers of " : " of connections to ",
                    link.server, link.service == Service::kPeers ? ":peers" : ":clients");
  return text;
}

}  // namespace kv::fault
