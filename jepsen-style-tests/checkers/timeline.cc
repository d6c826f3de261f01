#include "jepsen-style-tests/checkers/timeline.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace kv::check {
namespace {

using history::Operation;

// At the same time in this order.
enum class What : std::uint8_t { kEqual, kBegin, kEnd, kDiskLost, kUnsyncedLost };

struct Moment {
  std::int64_t at_us;
  What what;
  std::size_t index;
};

}  // namespace

std::vector<KeyOperations> by_key(const history::History& history) {
  std::map<std::pair<std::string_view, std::string_view>, std::vector<const Operation*>> sorted;
  for (const Operation& op : history.operations) sorted[{op.bucket, op.key}].push_back(&op);
  std::vector<KeyOperations> result;
  result.reserve(sorted.size());
  for (auto& [name, operations] : sorted) {
    const auto policy = history.setup.policies.find(std::string(name.first));
    result.push_back({std::string(name.first), std::string(name.second),
                      policy == history.setup.policies.end() ? "lww" : policy->second,
                      std::move(operations)});
  }
  return result;
}

void visit(const history::History& history, const KeyOperations& key, Visitor& visitor) {
  std::vector<Moment> moments;
  moments.reserve(2 * key.operations.size() + history.disk_losses.size() + history.rests.size());
  for (std::size_t i = 0; i < key.operations.size(); ++i) {
    moments.push_back({key.operations[i]->start_us, What::kBegin, i});
    moments.push_back({key.operations[i]->end_us, What::kEnd, i});
  }
  for (const history::DiskLoss& loss : history.disk_losses)
    moments.push_back({loss.at_us, loss.unsynced_only ? What::kUnsyncedLost : What::kDiskLost, 0});
  for (const history::Rest& rest : history.rests)
    if (rest.converged) moments.push_back({rest.at_us, What::kEqual, 0});
  std::sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) {
    return std::tie(a.at_us, a.what, a.index) < std::tie(b.at_us, b.what, b.index);
  });
  for (const Moment& moment : moments) {
    switch (moment.what) {
      case What::kEqual:
        visitor.equal();
        break;
      case What::kBegin:
        visitor.begin(moment.index, *key.operations[moment.index]);
        break;
      case What::kEnd:
        visitor.end(moment.index, *key.operations[moment.index]);
        break;
      case What::kDiskLost:
        visitor.lost(Loss::kDisk);
        break;
      case What::kUnsyncedLost:
        visitor.lost(Loss::kUnsynced);
        break;
    }
  }
}

}  // namespace kv::check
