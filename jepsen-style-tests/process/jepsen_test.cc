// jepsen as a program: what it leaves behind, what it refuses, and that nothing outlives it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "jepsen-style-tests/process/harness/kv.h"
#include "jepsen-style-tests/process/harness/place.h"
#include "jepsen-style-tests/process/harness/process.h"

namespace kv::e2e {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Command jepsen(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), from_environment("KV_BIN_DIR") + "/jepsen");
  return {.argv = std::move(arguments)};
}

Result run_jepsen(const std::vector<std::string>& arguments) {
  return run(jepsen(arguments), 3 * kDeadline);
}

// Whether a process has this in its command line.
bool somebody_names(const std::string& text) {
  const auto names = [&text](const fs::directory_entry& entry) {
    return read_file(entry.path() / "cmdline").find(text) != std::string::npos;
  };
  return std::any_of(fs::directory_iterator("/proc"), fs::directory_iterator(), names);
}

TEST(Jepsen, NamesWhatItHas) {
  const Result list = run_jepsen({"list"});
  EXPECT_EQ(list.code, 0) << list;
  for (const char* name : {"registers", "siblings", "isolate", "roll-back", "regular-read"})
    EXPECT_THAT(list.out, HasSubstr(name));
}

TEST(Jepsen, RefusesWhatItDoesNotKnow) {
  const Result workload = run_jepsen({"run", "imagined"});
  EXPECT_EQ(workload.code, 2) << workload;
  EXPECT_THAT(workload.err, HasSubstr("no workload \"imagined\""));
  const Result nemesis = run_jepsen({"run", "registers", "--nemesis", "kill,imagined"});
  EXPECT_EQ(nemesis.code, 2) << nemesis;
  EXPECT_THAT(nemesis.err, HasSubstr("no nemesis \"imagined\""));
  EXPECT_EQ(run_jepsen({"suite", "imagined"}).code, 2);
  const Result none = run_jepsen({"suite", "nightly", "--first", "100000"});
  EXPECT_EQ(none.code, 2) << none;
  EXPECT_THAT(none.err, HasSubstr("no run 100000; nightly has "));
  EXPECT_EQ(run_jepsen({"planted", "Imagined"}).code, 2);
  EXPECT_EQ(run_jepsen({"check", "/no/such/file"}).code, 2);
}

TEST(Jepsen, DoesNotTakeAFolderOfSomethingElse) {
  const TempDir dir;
  write_file(dir / "mine", "precious");
  const Result refused = run_jepsen({"run", "registers", "--time", "1", "--out", dir.path()});
  EXPECT_EQ(refused.code, 1) << refused;
  EXPECT_THAT(refused.err, HasSubstr("holds something other than a run's results"));
  EXPECT_EQ(read_file(dir / "mine"), "precious");
}

TEST(Jepsen, ARunLeavesItsHistoryLogsPictureAndVerdictAndNoData) {
  const TempDir dir;
  const std::string folder = dir / "results";
  const Result good = run_jepsen(
      {"run", "mixed", "--nemesis", "kill", "--time", "5", "--seed", "1", "--out", folder});
  EXPECT_EQ(good.code, 0) << good;
  EXPECT_THAT(good.out, HasSubstr("good: mixed with kill, seed 1"));
  EXPECT_THAT(good.out, HasSubstr(read_file(folder + "/verdict.txt")));
  EXPECT_THAT(read_file(folder + "/plot.svg"), HasSubstr("</svg>"));
  EXPECT_EQ(Json::parse(read_file(folder + "/summary.json")).at("good"), true);
  for (const std::string node : {"n1", "n2", "n3"}) {
    EXPECT_THAT(read_file(folder + "/" + node + "/log"), HasSubstr("serves clients"));
    EXPECT_FALSE(fs::exists(folder + "/" + node + "/disk/data"));
  }
  EXPECT_FALSE(somebody_names(folder));
  const std::string history = folder + "/history.jsonl";
  EXPECT_EQ(run_jepsen({"check", history}).code, 0);

  // The same with one answer that is made up.
  std::string text = read_file(history);
  const std::size_t answer = text.rfind("\"values\":[\"");
  ASSERT_NE(answer, std::string::npos);
  write_file(history, text.insert(answer + 11, "9"));
  const Result bad = run_jepsen({"check", history});
  EXPECT_EQ(bad.code, 1) << bad;
  EXPECT_THAT(bad.out, HasSubstr("VIOLATED"));
}

// The disk of a run in namespaces of its own, which only root has.
TEST(Jepsen, APowerLossTakesWhatWasNotOnDisk) {
  const TempDir dir;
  const std::string folder = dir / "results";
  const Result good = run_jepsen(
      {"run", "durable", "--nemesis", "blackout", "--time", "6", "--seed", "1", "--out", folder});
  if (geteuid() != 0) {
    EXPECT_EQ(good.code, 4) << good;
    EXPECT_THAT(good.err, HasSubstr("needs disks of its own: run it as root"));
    return;
  }
  EXPECT_EQ(good.code, 0) << good;
  EXPECT_THAT(read_file(folder + "/history.jsonl"), HasSubstr("\"unsynced_only\":true"));
  EXPECT_THAT(read_file(folder + "/n1/log"), HasSubstr("a restart of the machine"));
  EXPECT_FALSE(fs::exists(folder + "/n1/disk.img"));
}

TEST(Jepsen, AFailedSyncEndsANodeWhichComesBack) {
  const TempDir dir;
  const std::string folder = dir / "results";
  const Result good = run_jepsen({"run", "registers", "--nemesis", "sync-errors", "--time", "8",
                                  "--seed", "1", "--out", folder});
  EXPECT_EQ(good.code, 0) << good;
  const std::string logs =
      read_file(folder + "/n1/log") + read_file(folder + "/n2/log") + read_file(folder + "/n3/log");
  EXPECT_THAT(logs, HasSubstr("cannot go on: INTERNAL"));
  EXPECT_THAT(logs, HasSubstr("Input/output error"));
}

TEST(Jepsen, WhatItStartedEndsWithItHoweverItEnds) {
  const TempDir dir;
  const std::string folder = dir / "results";
  Process process(
      jepsen({"run", "registers", "--nemesis", "pause", "--time", "600", "--out", folder}));
  const std::string config = folder + "/config.toml";
  EXPECT_TRUE(eventually([&] { return somebody_names(config); }));
  process.signal(SIGKILL);
  process.wait();
  EXPECT_TRUE(eventually([&] { return !somebody_names(config); }));
  EXPECT_THAT(read_file("/proc/mounts"), testing::Not(HasSubstr(folder)));
}

}  // namespace
}  // namespace kv::e2e
