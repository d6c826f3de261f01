// conflicts, against fake nodes that have noted some.
#include <gtest/gtest.h>

#include "client/cli/commands/testing/cli_fixture.h"
#include "client/testing/fake_node.h"
#include "client/testing/sockets.h"

namespace kv::cli {
namespace {

using client::testing::FakeNode;
using client::testing::FakeStore;
using client::testing::RefusingPort;

v1::ConflictsResponse::Conflict conflict(std::uint64_t counter, const std::string& key,
                                         std::uint64_t winner, std::int64_t noted_ms) {
  v1::ConflictsResponse::Conflict message;
  message.mutable_dot()->set_actor(0xa);
  message.mutable_dot()->set_counter(counter);
  message.set_bucket("default");
  message.set_key(key);
  message.set_hlc(100 + counter);
  message.set_value("lost " + key);
  message.set_value_bytes(message.value().size());
  message.set_value_kept(true);
  message.mutable_winner()->set_actor(0xb);
  message.mutable_winner()->set_counter(winner);
  message.set_winner_hlc(200 + winner);
  message.set_noted_ms(noted_ms);
  return message;
}

class ConflictsCommand : public CliTest {
 protected:
  ConflictsCommand() {
    set_environment("KV_ENDPOINTS", a_.address() + "," + b_.address());
    note(a_, "n1", {conflict(1, "k", 1, 1000), conflict(2, "j", 2, 3000)});
    note(b_, "n2", {conflict(1, "k", 9, 2000)});
  }

  static void note(FakeNode& node, const std::string& id,
                   const std::vector<v1::ConflictsResponse::Conflict>& noted) {
    v1::StatusResponse status;
    status.set_id(id);
    node.set_status(status);
    v1::ConflictsResponse response;
    response.set_id(id);
    for (const auto& each : noted) *response.add_conflicts() = each;
    node.set_conflicts(response);
  }

  std::shared_ptr<FakeStore> store_ = std::make_shared<FakeStore>();
  FakeNode a_{store_}, b_{store_};
};

TEST_F(ConflictsCommand, ListUnitesWhatAllNodesHaveNotedByTheDotThatLost) {
  const CliResult result = run({"conflicts", "list"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out,
            "000000000000000a:2\tj\ta value of 6 bytes\t000000000000000b:2\n"
            "000000000000000a:1\tk\ta value of 6 bytes\t000000000000000b:9\n");
  EXPECT_EQ(a_.last_conflicts().bucket(), "default");
  EXPECT_EQ(run({"conflicts", "ls", "-o", "table"}).out,
            "DOT                 BUCKET   KEY  LOST                WINNER              NOTED BY\n"
            "000000000000000a:2  default  j    a value of 6 bytes  000000000000000b:2  n1\n"
            "000000000000000a:1  default  k    a value of 6 bytes  000000000000000b:9  n1, n2\n");
  const CliResult json = run({"conflicts", "list", "--limit", "1", "-o", "json"});
  EXPECT_EQ(json.out,
            "{\"dot\":\"000000000000000a:2\",\"bucket\":\"default\",\"key\":\"j\",\"hlc\":102,"
            "\"value_bytes\":6,\"value_kept\":true,\"winner\":\"000000000000000b:2\","
            "\"winner_hlc\":202,\"noted_ms\":3000,\"nodes\":[\"n1\"]}\n");
  EXPECT_EQ(json.err, "kv: there are more; narrow it to a bucket or a key\n");
}

TEST_F(ConflictsCommand, ListAsksForABucketAKeyOrEverything) {
  run({"--bucket", "carts", "conflicts", "list", "k"});
  EXPECT_EQ(a_.last_conflicts().bucket(), "carts");
  EXPECT_EQ(a_.last_conflicts().key(), "k");
  run({"conflicts", "list", "--all-buckets"});
  EXPECT_EQ(a_.last_conflicts().bucket(), "");
  EXPECT_EQ(a_.last_conflicts().key(), "");
}

TEST_F(ConflictsCommand, WhoDoesNotAnswerIsNamed) {
  const RefusingPort nobody;
  set_environment("KV_ENDPOINTS", a_.address() + "," + nobody.address());
  const CliResult result = run({"conflicts", "list"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.err,
            "kv: no answer from " + nobody.address() + "; what only they have noted is missing\n");
  set_environment("KV_ENDPOINTS", nobody.address());
  EXPECT_EQ(run({"conflicts", "list"}).code, 3);
}

TEST_F(ConflictsCommand, ShowPrintsTheValueAsItWasPut) {
  const CliResult result = run({"conflicts", "show", "000000000000000a:1"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out, "lost k");
  EXPECT_EQ(result.err, "k in bucket default: a value of 6 bytes, lost to 000000000000000b:9\n");
  EXPECT_EQ(run({"conflicts", "show", "000000000000000a:1", "-o", "json"}).json()["value"],
            "lost k");
  const CliResult none = run({"conflicts", "show", "000000000000000a:7"});
  EXPECT_EQ(none.code, 1);
  EXPECT_EQ(none.err, "kv: no node has noted that 000000000000000a:7 was lost\n");
}

TEST_F(ConflictsCommand, RestorePutsItInThePlaceOfWhatIsThereIfThatIsStillCurrent) {
  store_->write("k", "winner", "");
  const CliResult result = run({"conflicts", "restore", "000000000000000a:1"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(store_->value("k"), "lost k");
  EXPECT_NE(result.err.find("restored a value of 6 bytes of k"), std::string::npos) << result.err;
  EXPECT_FALSE(a_.last_put().token().empty());
  EXPECT_EQ(a_.last_put().condition(), v1::IF_CURRENT);
  const auto json = run({"conflicts", "restore", "000000000000000a:1", "-o", "json"}).json();
  EXPECT_EQ(json["restored"], "000000000000000a:1");
  EXPECT_EQ(json["key"], "k");
  EXPECT_TRUE(json["replaced"].is_array());
}

TEST_F(ConflictsCommand, ALostDeleteIsRestoredByDeleting) {
  auto deleted = conflict(3, "k", 1, 1);
  deleted.clear_value();
  deleted.set_marker(true);
  deleted.set_value_kept(false);
  note(a_, "n1", {deleted});
  store_->write("k", "v", "");
  EXPECT_NE(run({"conflicts", "list"}).out.find("\ta delete\t"), std::string::npos);
  EXPECT_EQ(run({"conflicts", "restore", "000000000000000a:3"}).code, 0);
  EXPECT_FALSE(store_->value("k").has_value());
}

TEST_F(ConflictsCommand, WhatWasNotKeptOrHasExpiredIsNotRestored) {
  auto large = conflict(3, "k", 1, 1), expired = conflict(4, "k", 1, 1);
  large.clear_value();
  large.set_value_kept(false);
  large.set_value_bytes(100'000);
  expired.set_expires_ms(5);
  note(a_, "n1", {large, expired});
  EXPECT_EQ(run({"conflicts", "show", "000000000000000a:3"}).code, 1);
  const CliResult refused = run({"conflicts", "restore", "000000000000000a:3"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_EQ(refused.err,
            "kv: the value was too large to be kept: 100000 bytes; nothing is restored\n");
  EXPECT_EQ(run({"conflicts", "restore", "000000000000000a:4"}).code, 1);
  EXPECT_EQ(store_->writes(), 0U);
}

TEST_F(ConflictsCommand, ARegisterInAMapIsRestoredInItsPlace) {
  auto in_map = conflict(3, "ada", 1, 1);
  in_map.set_bucket("profiles");
  in_map.add_path("address");
  in_map.add_path("city");
  note(a_, "n1", {in_map});
  EXPECT_NE(run({"conflicts", "list"}).out.find("\tada/address/city\t"), std::string::npos);
  EXPECT_EQ(run({"conflicts", "restore", "000000000000000a:3"}).code, 0);
  EXPECT_EQ(a_.last_update().bucket(), "profiles");
  EXPECT_EQ(a_.last_update().key(), "ada");
  EXPECT_EQ(a_.last_update().leaf().path_size(), 2);
  EXPECT_EQ(a_.last_update().leaf().policy(), "register");
}

TEST_F(ConflictsCommand, SaysWhatItsArgumentsLack) {
  EXPECT_EQ(run({"conflicts", "show"}).code, 2);
  EXPECT_EQ(run({"conflicts", "restore", "no dot"}).code, 2);
  EXPECT_EQ(run({"conflicts", "forget", "000000000000000a:1"}).code, 2);
  EXPECT_EQ(run({"conflicts", "show", "000000000000000a:1", "--all-buckets"}).err,
            "kv: --all-buckets and --limit go with conflicts list only\n");
  EXPECT_EQ(run({"conflicts", "list", "k", "--all-buckets"}).err,
            "kv: either a KEY or --all-buckets, not both\n");
}

}  // namespace
}  // namespace kv::cli
