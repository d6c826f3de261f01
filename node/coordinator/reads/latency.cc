#include "node/coordinator/reads/latency.h"

#include <algorithm>

#include "node/base/simulation.h"

namespace kv {
namespace {

constexpr std::size_t kEnough = 16;
constexpr std::size_t kLookEvery = 8;  // samples: the figures are worked out anew
constexpr std::int64_t kForgottenAfterMs = 5000;
constexpr std::int64_t kEarned = 5;  // hundredths of a hedge, for each read
constexpr std::int64_t kMostSaved = 1000;

}  // namespace

void Latencies::note(NodeIndex node, std::int64_t us, Instant now) {
  Recent& recent = nodes_[node];
  if (fresh(node, now) == nullptr) recent.count = 0;
  recent.us[recent.count % kSamples] = us;
  recent.latest = now;
  ++recent.count;
  if (recent.count % kLookEvery != 0 && recent.count > kLookEvery) return;
  std::vector<std::int64_t> sorted(
      recent.us.begin(), recent.us.begin() + static_cast<long>(std::min(recent.count, kSamples)));
  std::sort(sorted.begin(), sorted.end());
  recent.median_us = sorted[sorted.size() / 2];
  recent.p95_us = sorted[(sorted.size() - 1) * 95 / 100];
}

const Latencies::Recent* Latencies::fresh(NodeIndex node, Instant now) const {
  const auto it = nodes_.find(node);
  if (it == nodes_.end() || it->second.count == 0) return nullptr;
  return after_ms(it->second.latest, kForgottenAfterMs) < now ? nullptr : &it->second;
}

void Latencies::sort(std::vector<NodeIndex>& nodes, Instant now) const {
  const auto typical_us = [&](NodeIndex node) {
    const Recent* recent = fresh(node, now);
    return recent == nullptr ? 0 : recent->median_us;
  };
  std::stable_sort(nodes.begin(), nodes.end(),
                   [&](NodeIndex a, NodeIndex b) { return typical_us(a) < typical_us(b); });
}

std::int64_t Latencies::p95_us(NodeIndex node, Instant now) const {
  const Recent* recent = fresh(node, now);
  return recent == nullptr || recent->count < kEnough ? 0 : recent->p95_us;
}

void HedgeBudget::earn() { hundredths_ = std::min(hundredths_ + kEarned, kMostSaved); }

bool HedgeBudget::spend() {
  if (hundredths_ < 100 && !KV_PLANTED(kHedgesUnbounded)) return false;
  hundredths_ -= 100;
  return true;
}

}  // namespace kv
