#include "node/storage/view.h"

#include "node/base/check.h"

namespace kv::storage {

absl::StatusOr<std::optional<std::string>> View::get(Family family, std::string_view key) const {
  KV_CHECK(pending_.ranges().empty(), "nobody reads through what erases a range");
  const auto& changes = pending_.changes();
  if (!changes.empty()) {
    const auto it = changes.find(WriteBatch::KeyView{family, key});
    if (it != changes.end()) return it->second;
  }
  return engine_.get(family, key);
}

absl::Status View::scan(Family family, std::string_view from, std::string_view to,
                        const Visitor& visit) const {
  KV_CHECK(pending_.ranges().empty(), "nobody reads through what erases a range");
  const auto& changes = pending_.changes();
  auto next = changes.lower_bound(WriteBatch::KeyView{family, from});
  const auto in_range = [&] {
    return next != changes.end() && next->first.first == family &&
           (to.empty() || next->first.second < to);
  };
  bool stopped = false;
  const auto visit_pending = [&] {
    if (next->second.has_value() && !visit(next->first.second, *next->second)) stopped = true;
    ++next;
  };
  const absl::Status status =
      engine_.scan(family, from, to, [&](std::string_view key, std::string_view value) {
        while (!stopped && in_range() && next->first.second < key) visit_pending();
        if (stopped) return false;
        if (in_range() && next->first.second == key) {
          visit_pending();
          return !stopped;
        }
        stopped = !visit(key, value);
        return !stopped;
      });
  if (!status.ok()) return status;
  while (!stopped && in_range()) visit_pending();
  return absl::OkStatus();
}

}  // namespace kv::storage
