#include "node/causality/clock_codec.h"

#include <climits>
#include <cstdint>

#include "google/protobuf/io/coded_stream.h"
#include "kv/v1/record.pb.h"

namespace kv {
namespace {

using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

constexpr std::size_t kActorBytes = 8;
constexpr std::size_t kLeastEntryBytes = kActorBytes + 2;

absl::Status refused(const char* why) { return absl::InvalidArgumentError(why); }

// Calls visit_actor(id) and visit_number(n) for what stands in the record, in its order.
template <typename VisitActor, typename VisitNumber>
void walk(const Clock& clock, VisitActor visit_actor, VisitNumber visit_number) {
  for (const auto& entry : clock.entries()) {
    visit_actor(entry.actor.id);
    auto run = entry.runs.begin();
    std::uint64_t last = run->first == 1 ? (run++)->last : 0;
    visit_number(last);
    visit_number(static_cast<std::uint64_t>(entry.runs.end() - run));
    for (; run != entry.runs.end(); ++run) {
      visit_number(run->first - last);
      visit_number(run->last - run->first);
      last = run->last;
    }
  }
}

}  // namespace

void encode_clock(const Clock& clock, v1::ClockRecord* out) {
  std::size_t bytes = 0;
  walk(
      clock, [&](std::uint64_t) { bytes += kActorBytes; },
      [&](std::uint64_t number) { bytes += CodedOutputStream::VarintSize64(number); });
  std::string& dots = *out->mutable_dots();
  dots.resize(bytes);
  auto* at = reinterpret_cast<std::uint8_t*>(dots.data());
  walk(
      clock,
      [&](std::uint64_t actor) { at = CodedOutputStream::WriteLittleEndian64ToArray(actor, at); },
      [&](std::uint64_t number) { at = CodedOutputStream::WriteVarint64ToArray(number, at); });
}

absl::StatusOr<Clock> decode_clock(const v1::ClockRecord& record) {
  const std::string& dots = record.dots();
  if (dots.size() > INT_MAX) return refused("clock: too large");
  const int size = static_cast<int>(dots.size());
  CodedInputStream in(reinterpret_cast<const std::uint8_t*>(dots.data()), size);
  Clock clock;
  clock.reserve(dots.size() / kLeastEntryBytes);
  std::uint64_t previous_actor = 0;
  while (in.CurrentPosition() < size) {
    Actor actor;
    std::uint64_t last = 0;
    std::uint64_t runs = 0;
    if (!in.ReadLittleEndian64(&actor.id) || !in.ReadVarint64(&last) || !in.ReadVarint64(&runs))
      return refused("clock: cut short");
    if (actor.id <= previous_actor) return refused("clock: actors not ascending");
    previous_actor = actor.id;
    if (last == 0 && runs == 0) return refused("clock: empty entry");
    if (last > kMaxCounter) return refused("clock: counter out of range");
    if (last > 0) clock.add_run(actor, {1, last});
    for (; runs > 0; --runs) {
      std::uint64_t gap = 0;
      std::uint64_t length = 0;
      if (!in.ReadVarint64(&gap) || !in.ReadVarint64(&length)) return refused("clock: cut short");
      if (gap < 2 || gap > kMaxCounter || length > kMaxCounter)
        return refused("clock: run out of range");
      const std::uint64_t first = last + gap;
      if (first + length > kMaxCounter) return refused("clock: counter out of range");
      last = first + length;
      clock.add_run(actor, {first, last});
    }
  }
  return clock;
}

}  // namespace kv
