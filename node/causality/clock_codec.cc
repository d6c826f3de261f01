#include "node/causality/clock_codec.h"

#include "kv/v1/record.pb.h"

namespace kv {

void encode_clock(const Clock& clock, v1::ClockRecord* out) {
  out->mutable_entries()->Reserve(static_cast<int>(clock.entries().size()));
  for (const auto& entry : clock.entries()) {
    auto* record = out->add_entries();
    record->set_actor(entry.actor.id);
    std::uint64_t last = 0;
    for (const auto& run : entry.runs) {
      if (run.first == 1) {
        record->set_base(run.last);
      } else {
        auto* above = record->add_runs();
        above->set_gap(run.first - last);
        above->set_length(run.last - run.first);
      }
      last = run.last;
    }
  }
}

absl::StatusOr<Clock> decode_clock(const v1::ClockRecord& record) {
  Clock clock;
  clock.reserve(static_cast<std::size_t>(record.entries_size()));
  std::uint64_t previous_actor = 0;
  for (const auto& entry : record.entries()) {
    if (entry.actor() <= previous_actor)
      return absl::InvalidArgumentError("clock: actors not ascending");
    previous_actor = entry.actor();
    if (entry.base() == 0 && entry.runs().empty())
      return absl::InvalidArgumentError("clock: empty entry");
    const Actor actor{entry.actor()};
    std::uint64_t last = entry.base();
    if (last > kMaxCounter) return absl::InvalidArgumentError("clock: counter out of range");
    if (last > 0) clock.add_run(actor, {1, last});
    for (const auto& run : entry.runs()) {
      if (run.gap() < 2 || run.gap() > kMaxCounter || run.length() > kMaxCounter)
        return absl::InvalidArgumentError("clock: run out of range");
      const std::uint64_t first = last + run.gap();
      if (first + run.length() > kMaxCounter)
        return absl::InvalidArgumentError("clock: counter out of range");
      last = first + run.length();
      clock.add_run(actor, {first, last});
    }
  }
  return clock;
}

}  // namespace kv
