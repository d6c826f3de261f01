#include "jepsen-style-tests/history/history_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace kv::history {
namespace {

using testing::HasSubstr;

Setup setup() {
  return {.workload = "registers",
          .nemeses = {"kill"},
          .seed = 7,
          .nodes = {"n1", "n2"},
          .replicas = 2,
          .policies = {{"b", "lww"}},
          .memory_bytes = 99,
          .places = {"c1", "c2"},
          .watched = {"b"}};
}

Operation operation() {
  return {.kind = Kind::kDelete,
          .client = 3,
          .node = "n2",
          .bucket = "b",
          .key = "k",
          .value = "v",
          .amount = -5,
          .level = Level::kAll,
          .durability = Durability::kDisk,
          .seen = {{1, 2}, {3, 4}},
          .ttl_us = 5000,
          .session = 4,
          .request = "r1",
          .start_us = 10,
          .end_us = 20,
          .timeout_us = 2'000'000,
          .final = true,
          .outcome = Outcome::kUnknown,
          .error = "UNAVAILABLE: why",
          .reached = false,
          .dot = {0xfeed, 9},
          .hlc = 77,
          .acks = 2,
          .coordinator = "n1",
          .values = {"x", "y"},
          .dots = {{5, 6}},
          .replicas = {"n1", "n2"},
          .agreed = true};
}

std::string text_of(const History& history) {
  std::ostringstream stream;
  write(history, stream);
  return stream.str();
}

TEST(HistoryCodec, WhatIsWrittenIsReadBack) {
  const History history{.setup = setup(),
                        .operations = {operation(), {.key = "defaults"}},
                        .told = {{.at_us = 1,
                                  .node = "n1",
                                  .bucket = "b",
                                  .begins = true,
                                  .why = "too old",
                                  .knows_state = true,
                                  .state = {{"k", {"x"}}}},
                                 {.at_us = 2,
                                  .node = "n1",
                                  .bucket = "b",
                                  .key = "k",
                                  .dots = {{1, 2}, {3, 4}},
                                  .values = {"y"},
                                  .shown = {{3, 4}}}},
                        .conditions = {{.at_us = 1,
                                        .out = {"n1"},
                                        .cuts = {{"n1", "n2"}},
                                        .clocks_off = {"n2"},
                                        .late_ms = {{{"n2", "n3"}, 70}},
                                        .broken = {{"n3", "n1"}}}},
                        .disk_losses = {{2, "n1", true}, {2, "n2", false}},
                        .memory = {{3, "n1", 77}},
                        .stalls = {{3, 4}},
                        .rests = {{5, true, ""}, {6, false, "partition 3"}},
                        .faults = {{7, 8, "kill", "n1"}},
                        .deaths = {"n2 ended"},
                        .complete = true};
  const std::string text = text_of(history);
  std::istringstream stream(text);
  const auto back = read(stream);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(text_of(*back), text);
  const Operation& op = back->operations.at(0);
  EXPECT_EQ(describe(op), describe(operation()));
  EXPECT_EQ(op.seen, operation().seen);
  EXPECT_EQ(op.dots, operation().dots);
  EXPECT_EQ(op.amount, -5);
  EXPECT_EQ(op.timeout_us, 2'000'000);
  EXPECT_TRUE(op.final && op.agreed && !op.reached);
  EXPECT_EQ(back->conditions.at(0).cuts, history.conditions.at(0).cuts);
  EXPECT_EQ(back->conditions.at(0).clocks_off, history.conditions.at(0).clocks_off);
  EXPECT_TRUE(back->disk_losses.at(0).unsynced_only);
  EXPECT_FALSE(back->disk_losses.at(1).unsynced_only);
  EXPECT_EQ(back->memory.at(0).bytes, 77u);
  EXPECT_EQ(back->setup.memory_bytes, 99u);
  EXPECT_EQ(op.ttl_us, 5000);
  EXPECT_EQ(op.session, 4u);
  EXPECT_EQ(op.request, "r1");
  EXPECT_EQ(back->setup.watched, history.setup.watched);
  EXPECT_EQ(back->told.at(0).state, history.told.at(0).state);
  EXPECT_EQ(describe(back->told.at(0)), "[0.000001 s] watcher of b at n1 begins anew (too old)");
  EXPECT_EQ(back->told.at(1).dots, history.told.at(1).dots);
  EXPECT_EQ(describe(back->told.at(1)), describe(history.told.at(1)));
  EXPECT_FALSE(back->rests.at(1).converged);
  EXPECT_TRUE(back->complete);
}

TEST(HistoryCodec, AHistoryThatWasCutShortSaysSo) {
  std::istringstream stream(text_of({.setup = setup()}));
  EXPECT_FALSE(read(stream)->complete);
}

std::string refusal(const std::string& text) {
  std::istringstream stream(text);
  return std::string(read(stream).status().message());
}

TEST(HistoryCodec, AMistakeIsNamedWithItsLine) {
  const std::string first = to_line(setup()) + "\n";
  EXPECT_THAT(refusal(""), HasSubstr("no line with the setup"));
  EXPECT_THAT(refusal("{\"setup\":{}}"), HasSubstr("names no nodes"));
  EXPECT_THAT(refusal(first + "{"), HasSubstr("line 2"));
  EXPECT_THAT(refusal(first + "{\"thing\":1}"), HasSubstr("unknown field \"thing\""));
  EXPECT_THAT(refusal(first + "{\"op\":{\"kind\":\"grab\"}}"), HasSubstr("kind is \"grab\""));
  EXPECT_THAT(refusal(first + "{\"op\":{\"dot\":\"12\"}}"), HasSubstr("\"12\" is no dot"));
}

TEST(HistoryCodec, BytesThatAreNoTextAreReplacedAndBreakNothing) {
  Operation op;
  op.values = {"a\xff"};
  std::istringstream stream(to_line(setup()) + "\n" + to_line(op));
  EXPECT_NE(read(stream)->operations.at(0).values.at(0), "a");
}

}  // namespace
}  // namespace kv::history
