// Whether the end-to-end tests can see: each of these bugs is switched on in real nodes, and the test that is there for it
// must fail, saying what it saw. With the same program and no bug, all of them pass.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "jepsen-style-tests/process/harness/kv.h"
#include "jepsen-style-tests/process/harness/process.h"

namespace kv::e2e {
namespace {

struct Planted {
  std::string bug;
  std::string program;  // beside this one
  std::string test;
  std::string seen;  // a part of what it prints when it fails
};

const std::string kUnknown = "ExitCodes.OutcomeUnknownNamesTheDotAndTheWriteMaySpread";
const std::string kForgotten = "Replication.TheDotLogIsForgottenOnceEveryReplicaHasItOnDisk";
const std::string kReaches = "Replication.EveryOneOfManyWritesReachesEveryReplica";

const std::vector<Planted> kPlanted = {
    {"QuorumOffByOne", "e2e_exit_codes_test", kUnknown, "exit code 0"},
    {"ReplicaCountedTwice", "e2e_exit_codes_test", kUnknown, "exit code 0"},
    {"OkAtDeadline", "e2e_exit_codes_test", kUnknown, "exit code 0"},
    {"NotAppliedAtDeadline", "e2e_exit_codes_test", kUnknown, "exit code 5"},
    {"DeadlineForgotten", "e2e_exit_codes_test", kUnknown, "confirmed it in time"},
    {"PendingUnbounded", "e2e_exit_codes_test", "ExitCodes.AnOverloadedNodeRefusesAndSaysTheLimit",
     "writes are under way"},
    {"TokenOfAnyKey", "e2e_commands_test", "Commands.AWrongTokenIsRefusedAndChangesNothing",
     "another bucket or key"},
    {"ReadMangled", "e2e_start_test", "Shapes.OneNodeServesEveryLevel", "\"v\""},
    {"ForeignDisk", "e2e_start_test", "Start.ADataDirectoryIsForOneProcessOneNodeAndOneCluster",
     "still running"},
    {"KeysMiscounted", "e2e_faults_test", "Faults.ARestartFindsItsDataAfterAStopAndAfterAKill",
     "\"keys\""},
    {"ActorKeptAfterLoss", "e2e_faults_test", "Faults.ARestoredBackupGivesNoNameTwice",
     "a dot was given before"},
    {"ReadErrorIsAbsence", "e2e_faults_test", "Faults.DamageOnTheDiskIsAnErrorAndNeverAbsence",
     "is said to be absent"},
    {"CounterRestarts", "e2e_replication_test", kReaches, "differ:"},
    {"DotWithoutObject", "e2e_replication_test", kReaches, "differ:"},
    {"LogOwnOnly", "e2e_replication_test", "Replication.AWriteSpreadsThoughItsWriterIsDead",
     "does not pass it on"},
    {"PruneNever", "e2e_replication_test", kForgotten, "is kept"},
    {"DebtNeverSynced", "e2e_replication_test", kForgotten, "is kept"},
    {"ProbesStop", "e2e_replication_test", kForgotten, "is kept"},
    {"DeleteLeavesNothing", "e2e_replication_test",
     "Replication.ADeleteWinsOverAnEarlierWriteThatItHasNotSeen", "n3 keeps what was deleted"},
    {"ReadsNotSpared", "e2e_replication_test", "Replication.AReadAsksAnotherReplicaWhenOneIsSilent",
     "while n2 is silent"},
    {"SessionIgnored", "e2e_sessions_test",
     "Sessions.ANodeThatIsBehindAnswersStaleAndServesOnceItHasCaughtUp",
     "has not heard of the write"},
    {"SessionForgetsReads", "e2e_sessions_test", "Sessions.AReadIsNotFollowedByAnOlderOne",
     "has not heard of what was read"},
    {"RequestIgnored", "e2e_requests_test", "RequestIds.SentAgainToAnyNodeAreOneWrite",
     "it was written again"},
    {"DuplicateKept", "e2e_requests_test",
     "RequestIds.MadeByTwoNodesThatAreNeverUpTogetherCountOnce", "it was counted otherwise"},
    {"CounterRestarts", "e2e_traps_test", "Traps.ADotIsNotUsedAgainAfterAWipe", "dots"},
    {"MarkersKept", "e2e_traps_test", "Traps.WhatWasDeletedDuringALongOutageStaysDeleted",
     "the marker is not needed"},
    {"BlindPutSupersedes", "e2e_traps_test", "Traps.SiblingsDoNotMultiply", "values_at"},
    {"SiblingDropped", "e2e_traps_test", "Traps.AWriteSupersedesExactlyTheSiblingsThatItsReadSaw",
     "values_at"},
    {"Spins", "e2e_replication_test", "Replication.AnIdleNodeUsesNoProcessor", "ms of CPU"}};

// One program of tests against nodes with a bug; what it says is looked at when it has ended.
class Trial {
 public:
  using Look = std::function<void(const Result&)>;

  Trial(const std::string& bug, const std::string& program, const std::string& tests, Look look)
      : process_({.argv = {folder() + "/" + program, "--gtest_filter=" + tests, "--gtest_brief=1"},
                  .env = {{"KV_NODE_BINARY", from_environment("KV_BIN_DIR") + "/kvnode_planted"},
                          {"KV_PLANTED_BUG", bug},
                          {"KV_E2E_DEADLINE_MS", "10000"}}}),
        look_(std::move(look)) {}

  void finish() {
    const std::optional<Result> result = process_.wait(3 * kDeadline);
    if (result.has_value())
      look_(*result);
    else
      ADD_FAILURE() << "still running";
  }

 private:
  static std::string folder() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path();
  }

  Process process_;
  const Look look_;
};

// Two at a time, because each of them mostly waits.
class Trials {
 public:
  void add(std::unique_ptr<Trial> trial) {
    if (earlier_ != nullptr) earlier_->finish();
    earlier_ = std::move(trial);
  }
  ~Trials() {
    if (earlier_ != nullptr) earlier_->finish();
  }
  Trials() = default;
  Trials(const Trials&) = delete;
  Trials& operator=(const Trials&) = delete;

 private:
  std::unique_ptr<Trial> earlier_;
};

TEST(Planted, WithoutABugEveryTestPasses) {
  std::map<std::string, std::set<std::string>> tests;  // by program
  for (const Planted& planted : kPlanted) tests[planted.program].insert(planted.test);
  Trials trials;
  for (const auto& [program, names] : tests) {
    std::string filter;
    for (const std::string& name : names) filter += (filter.empty() ? "" : ":") + name;
    const std::string passed = std::to_string(names.size()) + " test";
    trials.add(std::make_unique<Trial>("none", program, filter, [passed](const Result& result) {
      EXPECT_EQ(result.code, 0) << result;
      EXPECT_THAT(result.out, testing::HasSubstr("[  PASSED  ] " + passed));
    }));
  }
}

TEST(Planted, EachBugIsSeen) {
  Trials trials;
  for (const Planted& planted : kPlanted)
    trials.add(std::make_unique<Trial>(
        planted.bug, planted.program, planted.test, [&planted](const Result& result) {
          EXPECT_EQ(result.code, 1) << planted.bug << ": " << result;
          EXPECT_THAT(result.out, testing::HasSubstr(planted.seen)) << planted.bug;
        }));
}

TEST(Planted, TheProgramIsNotTakenForANode) {
  const std::string program = from_environment("KV_BIN_DIR") + "/kvnode_planted";
  const Result unset = run({.argv = {"/usr/bin/env", "-u", "KV_PLANTED_BUG", program, "--help"}});
  EXPECT_EQ(unset.code, 2) << unset;
  EXPECT_THAT(unset.err, testing::HasSubstr("KV_PLANTED_BUG is not set"));
  const Result unknown =
      run({.argv = {program, "--help"}, .env = {{"KV_PLANTED_BUG", "Imagined"}}});
  EXPECT_EQ(unknown.code, 2) << unknown;
  EXPECT_THAT(unknown.err, testing::HasSubstr("QuorumOffByOne"));
}

}  // namespace
}  // namespace kv::e2e
