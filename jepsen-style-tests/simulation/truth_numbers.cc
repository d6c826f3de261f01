// What Truth knows of keys whose values are numbers: what was sent and acknowledged bounds what may be shown.
#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "jepsen-style-tests/simulation/truth.h"
#include "node/base/check.h"
#include "node/storage/keys.h"

namespace kv::sim {

void Truth::sent_number(const std::string& storage_key, std::int64_t number) {
  Numbers& numbers = numbers_[storage_key];
  numbers.sent_sum += number;
  numbers.sent_max = std::max(numbers.sent_max, number);
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
    if (std::int64_t shown = 0;
        absl::SimpleAtoi(version.value.value_or(""), &shown) && shown > numbers->second.sent_sum)
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
    const std::int64_t most = sum ? numbers.sent_sum : numbers.sent_max;
    if (number < least || number > most)
      violate(Check::kNumberRight, absl::StrCat(key, " is ", number, "; from what was written, ",
                                                least, " to ", most, " were to be expected"));
  }
}

}  // namespace kv::sim
