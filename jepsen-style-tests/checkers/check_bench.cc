// How long it takes to read and to check a large history: prints seconds. Run by hand:
//   check_bench [OPERATIONS]     default: a million
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <set>
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

// One register or set, and what a replica of it would do. Operations of different keys overlap, those of one key do not.
struct Key {
  std::string name;
  std::string value;
  std::set<std::string> elements;
  Dot dot;
  std::int64_t free_us = 0;
};

Operation next(const std::string& bucket, Key& key, std::uint64_t number, Rng& rng) {
  const bool reads = rng.below(2) == 0;
  const bool is_set = bucket == "set";
  const std::uint64_t client = rng.below(10);
  Operation op{.kind = is_set && reads ? Kind::kElements
                       : is_set        ? (rng.below(3) == 0 ? Kind::kErase : Kind::kInsert)
                       : reads         ? Kind::kGet
                                       : Kind::kPut,
               .client = static_cast<std::uint32_t>(client),
               .node = "n" + std::to_string(1 + rng.below(3)),
               .bucket = bucket,
               .key = key.name,
               .session = client + 1,
               .start_us = key.free_us + 1,
               .end_us = key.free_us + 500 + rng.between(0, 1000),
               .timeout_us = 2'000'000};
  key.free_us = op.end_us;
  if (!reads) {
    op.value = is_set ? "e" + std::to_string(rng.below(30)) : "v" + std::to_string(number);
    if (op.kind == Kind::kErase)
      key.elements.erase(op.value);
    else if (is_set)
      key.elements.insert(op.value);
    key.value = op.value;
    op.dot = key.dot = {1 + rng.below(3), number + 1};
    op.hlc = static_cast<std::uint64_t>(op.start_us) << 16;
    op.acks = 2;
    op.coordinator = op.node;
  } else if (is_set) {
    op.values = {key.elements.begin(), key.elements.end()};
  } else {
    op.replicas = {"n1", "n2"};
    if (!key.value.empty()) {
      op.values = {key.value};
      op.dots = {key.dot};
    }
  }
  return op;
}

History make(const std::string& bucket, std::uint64_t operations, std::uint64_t keys) {
  Rng rng(1);
  History history{.setup = {.workload = "made",
                            .nodes = {"n1", "n2", "n3"},
                            .replicas = 3,
                            .policies = {{"default", "lww"}, {"set", "set"}}},
                  .complete = true};
  std::vector<Key> all(keys);
  for (std::uint64_t i = 0; i < keys; ++i) all[i].name = "k" + std::to_string(i);
  history.operations.reserve(operations + 3 * keys);
  for (std::uint64_t i = 0; i < operations; ++i)
    history.operations.push_back(next(bucket, all[rng.below(keys)], i, rng));
  constexpr std::int64_t kEndUs = 1'000'000'000'000;
  history.rests.push_back({kEndUs, true, ""});
  for (const std::string& node : history.setup.nodes)
    for (const Key& key : all) {
      Operation& op = history.operations.emplace_back(
          Operation{.kind = bucket == "set" ? Kind::kElements : Kind::kGet,
                    .node = node,
                    .bucket = bucket,
                    .key = key.name,
                    .level = history::Level::kOne});
      op.start_us = kEndUs + 1;
      op.end_us = kEndUs + 2;
      op.final = true;
      op.replicas = {node};
      if (bucket == "set") {
        op.values = {key.elements.begin(), key.elements.end()};
      } else if (!key.value.empty()) {
        op.values = {key.value};
        op.dots = {key.dot};
      }
    }
  return history;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

int measure(const std::string& bucket, std::uint64_t operations, std::uint64_t keys) {
  std::stringstream text;
  history::write(make(bucket, operations, keys), text);
  const auto began = std::chrono::steady_clock::now();
  const auto history = history::read(text);
  const double read_s = seconds_since(began);
  const auto read_at = std::chrono::steady_clock::now();
  const Verdict verdict = check(*history);
  std::cout << operations << " operations on " << keys << " keys in " << bucket << ": read in "
            << read_s << " s, checked in " << seconds_since(read_at) << " s\n"
            << to_text(verdict);
  return verdict.good() ? 0 : 1;
}

}  // namespace
}  // namespace kv::check

int main(int argc, char** argv) {
  const std::uint64_t operations = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  int code = 0;
  for (const char* bucket : {"default", "set"})
    for (const std::uint64_t keys : {std::uint64_t{1}, std::uint64_t{1000}, operations / 4 + 1})
      code |= kv::check::measure(bucket, operations, keys);
  return code;
}
