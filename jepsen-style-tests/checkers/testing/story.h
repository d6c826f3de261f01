// Histories written down by hand, for tests of checkers: one key, three nodes that each hold it, times in milliseconds.
//
//   Story story("lww");
//   story.put("a", 0, 10);
//   story.get({"a"}, 20, 30).level = Level::kAll;
//   story.end({"a"});
//   EXPECT_TRUE(story.judge().good());
//
// What is not said is right: a write is acknowledged by two nodes, has a new dot and the time of its begin; a read at QUORUM
// joins two nodes and shows each value under its dot. References stay valid for some hundred operations.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "jepsen-style-tests/checkers/checkers.h"

namespace kv::check {

using history::Dot;
using history::Kind;
using history::Level;
using history::Operation;
using history::Outcome;

class Story {
 public:
  explicit Story(const std::string& policy = "lww") {
    history_.setup = {.workload = "story",
                      .nodes = {"n1", "n2", "n3"},
                      .replicas = 3,
                      .policies = {{"b", policy}}};
    history_.operations.reserve(500);
    history_.complete = true;
  }

  Operation& put(const std::string& value, std::int64_t start, std::int64_t end) {
    Operation& op = write(Kind::kPut, start, end);
    op.value = value;
    dots_[value] = op.dot;
    return op;
  }
  // With the token of a read that showed these values.
  Operation& put_seen(const std::string& value, const std::vector<std::string>& seen,
                      std::int64_t start, std::int64_t end) {
    Operation& op = put(value, start, end);
    for (const std::string& earlier : seen) op.seen.push_back(dots_.at(earlier));
    return op;
  }
  Operation& remove(std::int64_t start, std::int64_t end) {
    return write(Kind::kDelete, start, end);
  }
  Operation& remove_seen(const std::vector<std::string>& seen, std::int64_t start,
                         std::int64_t end) {
    Operation& op = remove(start, end);
    for (const std::string& earlier : seen) op.seen.push_back(dots_.at(earlier));
    return op;
  }
  Operation& insert(const std::string& element, std::int64_t start, std::int64_t end) {
    Operation& op = write(Kind::kInsert, start, end);
    op.value = element;
    return op;
  }
  Operation& erase(const std::string& element, std::int64_t start, std::int64_t end) {
    Operation& op = write(Kind::kErase, start, end);
    op.value = element;
    return op;
  }

  Operation& add(std::int64_t amount, std::int64_t start, std::int64_t end) {
    Operation& op = write(Kind::kAdd, start, end);
    op.amount = amount;
    return op;
  }
  Operation& get(const std::vector<std::string>& values, std::int64_t start, std::int64_t end) {
    Operation& op = operation(Kind::kGet, start, end);
    op.values = values;
    for (const std::string& value : values)
      op.dots.push_back(dots_.contains(value) ? dots_.at(value) : Dot{9, 9});
    op.replicas = {"n1", "n2"};
    return op;
  }
  Operation& elements(const std::vector<std::string>& shown, std::int64_t start, std::int64_t end) {
    Operation& op = operation(Kind::kElements, start, end);
    op.values = shown;
    return op;
  }

  // Without an answer that says more than this.
  static Operation& failed(Operation& op, Outcome outcome,
                           const std::string& error = "UNAVAILABLE: why") {
    op.outcome = outcome;
    op.error = error;
    op.dot = {};
    op.hlc = 0;
    op.acks = 0;
    return op;
  }

  void lose_disk(const std::string& node, std::int64_t at) {
    history_.disk_losses.push_back({at * 1000, node, false});
  }
  void lose_power(const std::string& node, std::int64_t at) {
    history_.disk_losses.push_back({at * 1000, node, true});
  }
  void condition(std::int64_t at, std::set<std::string> out,
                 std::set<std::pair<std::string, std::string>> cuts = {}) {
    history_.conditions.push_back({at * 1000, std::move(out), std::move(cuts)});
  }
  void rest(std::int64_t at) { history_.rests.push_back({at * 1000, true, ""}); }

  // All becomes equal, and every node shows these values.
  void end(const std::vector<std::string>& values) {
    rest(kEnd - 100);
    for (const std::string& node : history_.setup.nodes) {
      Operation& op = history_.setup.policies.at("b") == "set" ? elements(values, kEnd, kEnd + 10)
                                                               : get(values, kEnd, kEnd + 10);
      op.node = node;
      op.level = Level::kOne;
      op.replicas = {node};
      op.final = true;
    }
  }

  Verdict judge() const { return check(history_); }
  history::History& history() { return history_; }

  static constexpr std::int64_t kEnd = 1'000'000;

 private:
  Operation& operation(Kind kind, std::int64_t start, std::int64_t end) {
    return history_.operations.emplace_back(Operation{.kind = kind,
                                                      .node = "n1",
                                                      .bucket = "b",
                                                      .key = "k",
                                                      .start_us = start * 1000,
                                                      .end_us = end * 1000,
                                                      .timeout_us = 2'000'000});
  }
  Operation& write(Kind kind, std::int64_t start, std::int64_t end) {
    Operation& op = operation(kind, start, end);
    op.dot = {1, ++writes_};
    op.hlc = static_cast<std::uint64_t>(start + 1) << 16;
    op.acks = 2;
    op.coordinator = "n1";
    return op;
  }

  history::History history_;
  std::map<std::string, Dot> dots_;  // by value
  std::uint64_t writes_ = 0;
};

inline testing::AssertionResult is_good(const Verdict& verdict) {
  if (verdict.good()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << to_text(verdict);
}
// This is the only thing that is wrong.
inline testing::AssertionResult is_only(const Verdict& verdict, Demand demand) {
  if (verdict.found().size() == 1 && verdict.has(demand)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "expected " << name_of(demand) << ", got:\n"
                                     << to_text(verdict);
}

}  // namespace kv::check
