// What Truth knows of requests that come again, and of keys whose values are numbers: what was sent and acknowledged bounds
// what may be shown. While the two sides of a partition have not heard of each other a request may have been added twice; in the
// end it counts once. And that a node counts its keys right.
#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "jepsen-style-tests/simulation/truth.h"
#include "node/base/check.h"
#include "node/base/simulation.h"
#include "node/storage/keys.h"

namespace kv::sim {

void Truth::sent_number(const std::string& storage_key, std::int64_t number) {
  Numbers& numbers = numbers_[storage_key];
  numbers.sent_sum += number;
  numbers.attempted_sum += number;
  numbers.sent_max = std::max(numbers.sent_max, number);
}

void Truth::sent_again(const std::string& storage_key, const std::string& value) {
  const auto numbers = numbers_.find(storage_key);
  std::int64_t number = 0;
  if (numbers == numbers_.end() || !absl::SimpleAtoi(value, &number))
    values_[value].again = true;
  else
    numbers->second.attempted_sum += number;
}

bool Truth::may_forget_requests() const {
  if (window_ms_ < kRequestWindowMs) return true;
  return least_offset_ms_ < greatest_offset_ms_ &&
         greatest_offset_ms_ - least_offset_ms_ > window_ms_ / 4;
}

// A full transfer brings no requests.
bool Truth::may_have_transferred() const {
  return lost_a_disk_ || renewed_an_actor_ || reached(simulation::Mark::kLogCut) > cuts_before_;
}

// In an ordered bucket a read may have brought a version alone. A dot whose commit failed is issued again, to another write.
void Truth::check_request(const Delta& delta) {
  if (const auto failed = request_of_.extract(delta.version.dot); !failed.empty())
    std::erase(dots_of_request_[failed.mapped()], delta.version.dot);
  if (!delta.request.has_value()) return;
  std::vector<Dot>& made = dots_of_request_[delta.request->name];
  const auto issuer = issuers_.find(delta.version.dot.actor);
  const bool excused = issuer == issuers_.end() || may_forget_requests() ||
                       may_have_transferred() || storage::policy_of(delta.key).is_ordered();
  for (const Dot dot : made)
    if (!excused && mirror(issuer->second, partition_of(delta.key)).clock.contains(dot))
      violate(Check::kRequestOnce,
              absl::StrCat("n", issuer->second + 1, " had processed ", to_string(dot), " and made ",
                           to_string(delta.version.dot), " of the same request"));
  made.push_back(delta.version.dot);
  request_of_[delta.version.dot] = delta.request->name;
}

void Truth::acknowledged_number(const std::string& storage_key, std::int64_t number) {
  Numbers& numbers = numbers_[storage_key];
  numbers.acknowledged_sum += number;
  numbers.acknowledged_max = std::max(numbers.acknowledged_max, number);
}

void Truth::check_not_above_sent(const ReadItem& item) {
  const auto numbers = numbers_.find(item.key);
  if (numbers == numbers_.end() || storage::policy_of(item.key).name() != "counter") return;
  for (const Version& version : item.versions)
    if (std::int64_t shown = 0; absl::SimpleAtoi(version.value.value_or(""), &shown) &&
                                shown > numbers->second.attempted_sum)
      violate(Check::kNumberRight, absl::StrCat("a read of ", item.key, " returned ", shown));
}

void Truth::check_numbers() {
  if (lost_something_) return;
  for (const auto& [key, numbers] : numbers_) {
    if (deleted_.contains(key)) continue;
    const std::size_t first = cluster_->ring().replicas(partition_of(key)).front().value;
    const auto objects = cluster_->objects(first, partition_of(key));
    const auto found = objects.find(key);
    const Policy& policy = storage::policy_of(key);
    const auto shown =
        found == objects.end() ? std::vector<Version>{} : policy.shown(found->second);
    std::int64_t number = 0;
    KV_CHECK(shown.empty() || absl::SimpleAtoi(shown.front().value.value_or(""), &number),
             "numbers were written");
    const bool sum = policy.name() == "counter";
    const std::int64_t least = sum ? numbers.acknowledged_sum : numbers.acknowledged_max;
    // Who took a new actor cannot take back what its old one had added twice.
    const bool once = !may_forget_requests() && !may_have_transferred();
    const std::int64_t most = !sum   ? numbers.sent_max
                              : once ? numbers.sent_sum
                                     : numbers.attempted_sum;
    if (number < least || number > most)
      violate(Check::kNumberRight, absl::StrCat(key, " is ", number, "; from what was written, ",
                                                least, " to ", most, " were to be expected"));
  }
}

// What survives whatever disks were lost is another check's business.
void Truth::check_key_counts() {
  for (std::size_t node = 0; node < cluster_->size(); ++node) {
    std::uint64_t keys = 0;
    for (std::uint32_t p = 0; p < cluster_->ring().all_partitions(); ++p)
      if (const Partition partition{static_cast<std::uint16_t>(p)};
          partition != cluster_->ring().catalog())
        for (const auto& [key, versions] : cluster_->objects(node, partition))
          keys += versions.front().value.has_value() ? 1U : 0U;
    const std::uint64_t counted = cluster_->status(node).live_keys;
    if (keys != counted)
      violate(Check::kKeysCounted,
              absl::StrCat("n", node + 1, " counts ", counted, " keys and holds ", keys));
  }
}

}  // namespace kv::sim
