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
constexpr std::size_t kMaxVarintBytes = 10;
constexpr std::size_t kLeastEntryBytes = kActorBytes + 2;

[[gnu::cold]] absl::Status refused(const char* why) { return absl::InvalidArgumentError(why); }

}  // namespace

void encode_clock(const Clock& clock, v1::ClockRecord* out) {
  // Room for the largest counters: to count what they take would be to write them twice.
  std::size_t most = 0;
  for (const auto& entry : clock.entries())
    most += kActorBytes + kMaxVarintBytes * (2 + 2 * entry.runs.size());
  std::string& dots = *out->mutable_dots();
  dots.resize(most);
  auto* const start = reinterpret_cast<std::uint8_t*>(dots.data());
  auto* at = start;
  for (const auto& entry : clock.entries()) {
    at = CodedOutputStream::WriteLittleEndian64ToArray(entry.actor.id, at);
    auto run = entry.runs.begin();
    std::uint64_t last = run->first == 1 ? (run++)->last : 0;
    at = CodedOutputStream::WriteVarint64ToArray(last, at);
    at = CodedOutputStream::WriteVarint64ToArray(static_cast<std::uint64_t>(entry.runs.end() - run),
                                                 at);
    for (; run != entry.runs.end(); ++run) {
      at = CodedOutputStream::WriteVarint64ToArray(run->first - last, at);
      at = CodedOutputStream::WriteVarint64ToArray(run->last - run->first, at);
      last = run->last;
    }
  }
  dots.resize(static_cast<std::size_t>(at - start));
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
    Clock::Runs all;
    if (last > 0) all.push_back({1, last});
    for (; runs > 0; --runs) {
      std::uint64_t gap = 0;
      std::uint64_t length = 0;
      if (!in.ReadVarint64(&gap) || !in.ReadVarint64(&length)) return refused("clock: cut short");
      if (gap < 2 || gap > kMaxCounter || length > kMaxCounter)
        return refused("clock: run out of range");
      const std::uint64_t first = last + gap;
      if (first + length > kMaxCounter) return refused("clock: counter out of range");
      last = first + length;
      all.push_back({first, last});
    }
    clock.append(actor, std::move(all));
  }
  return clock;
}

}  // namespace kv
