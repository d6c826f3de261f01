// How long it takes to read and to check a large history: prints seconds. Run by hand:
//   check_bench [OPERATIONS]     default: a million
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <sstream>

#include "jepsen-style-tests/checkers/checkers.h"
#include "jepsen-style-tests/history/history_codec.h"
#include "node/base/rng.h"

namespace kv::check {
namespace {

using history::Dot;
using history::History;
using history::Kind;
using history::Operation;

// One register, and what a replica of it would do. Operations of different keys overlap, those of one key do not.
struct Key {
  std::string name;
  std::string value;
  Dot dot;
  std::int64_t free_us = 0;
};

Operation next(Key& key, std::uint64_t number, Rng& rng) {
  Operation op{.kind = rng.below(2) == 0 ? Kind::kGet : Kind::kPut,
               .client = static_cast<std::uint32_t>(rng.below(10)),
               .node = "n" + std::to_string(1 + rng.below(3)),
               .bucket = "default",
               .key = key.name,
               .start_us = key.free_us + 1,
               .end_us = key.free_us + 500 + rng.between(0, 1000),
               .timeout_us = 2'000'000};
  key.free_us = op.end_us;
  if (op.kind == Kind::kPut) {
    op.value = key.value = "v" + std::to_string(number);
    op.dot = key.dot = {1 + rng.below(3), number + 1};
    op.hlc = static_cast<std::uint64_t>(op.start_us) << 16;
    op.acks = 2;
    op.coordinator = op.node;
  } else {
    op.replicas = {"n1", "n2"};
    if (!key.value.empty()) {
      op.values = {key.value};
      op.dots = {key.dot};
    }
  }
  return op;
}

History make(std::uint64_t operations, std::uint64_t keys) {
  Rng rng(1);
  History history{.setup = {.workload = "made",
                            .nodes = {"n1", "n2", "n3"},
                            .replicas = 3,
                            .policies = {{"default", "lww"}}},
                  .complete = true};
  std::vector<Key> all(keys);
  for (std::uint64_t i = 0; i < keys; ++i) all[i].name = "k" + std::to_string(i);
  history.operations.reserve(operations + 3 * keys);
  for (std::uint64_t i = 0; i < operations; ++i)
    history.operations.push_back(next(all[rng.below(keys)], i, rng));
  constexpr std::int64_t kEndUs = 1'000'000'000'000;
  history.rests.push_back({kEndUs, true, ""});
  for (const std::string& node : history.setup.nodes)
    for (const Key& key : all) {
      Operation& op = history.operations.emplace_back(Operation{
          .node = node, .bucket = "default", .key = key.name, .level = history::Level::kOne});
      op.start_us = kEndUs + 1;
      op.end_us = kEndUs + 2;
      op.final = true;
      op.replicas = {node};
      if (!key.value.empty()) {
        op.values = {key.value};
        op.dots = {key.dot};
      }
    }
  return history;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

int measure(std::uint64_t operations, std::uint64_t keys) {
  std::stringstream text;
  history::write(make(operations, keys), text);
  const auto began = std::chrono::steady_clock::now();
  const auto history = history::read(text);
  const double read_s = seconds_since(began);
  const auto read_at = std::chrono::steady_clock::now();
  const Verdict verdict = check(*history);
  std::cout << operations << " operations on " << keys << " keys: read in " << read_s
            << " s, checked in " << seconds_since(read_at) << " s\n"
            << to_text(verdict);
  return verdict.good() ? 0 : 1;
}

}  // namespace
}  // namespace kv::check

int main(int argc, char** argv) {
  const std::uint64_t operations = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  int code = 0;
  for (const std::uint64_t keys : {std::uint64_t{1}, std::uint64_t{1000}, operations / 4 + 1})
    code |= kv::check::measure(operations, keys);
  return code;
}
