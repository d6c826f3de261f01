// del of several keys, against a fake node. Of one key: key_commands_test.cc.
#include <gtest/gtest.h>

#include <map>

#include "client/cli/commands/testing/cli_fixture.h"
#include "client/testing/fake_node.h"
#include "client/testing/sockets.h"

namespace kv::cli {
namespace {

using client::testing::failure;
using client::testing::FakeNode;
using client::testing::packed;
using client::testing::RefusingPort;

class DelCommand : public CliTest {
 protected:
  DelCommand() {
    set_environment("KV_ENDPOINTS", node_.address());
    for (const std::string key : {"a", "b", "c"}) node_.store().write(key, "v", "");
  }

  // Refuses the keys that `failures` names.
  void refuse(const std::map<std::string, v1::Failure>& failures) {
    node_.set_operation_hook(
        [failures](const v1::BatchRequest::Operation& operation) -> std::optional<v1::Failure> {
          const auto found = failures.find(operation.delete_().key());
          return found == failures.end() ? std::nullopt : std::optional(found->second);
        });
  }

  FakeNode node_;
};

TEST_F(DelCommand, DeletesSeveralKeysAndAnswersInTheirOrder) {
  const CliResult result = run({"del", "c", "a", "none\t"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err,
            "c: ok dot=0000000000abcdef:4 acks=2\n"
            "a: ok dot=0000000000abcdef:5 acks=2\n"
            "none\\t: ok dot=0000000000abcdef:6 acks=2\n");
  EXPECT_EQ(node_.store().all(), (std::map<std::string, std::string>{{"b", "v"}}));
  EXPECT_EQ(node_.calls("Batch"), 1);
  EXPECT_EQ(node_.calls("Delete"), 0);
}

TEST_F(DelCommand, OneKeyIsARequestOfItsOwn) {
  EXPECT_EQ(run({"del", "a"}).err, "ok dot=0000000000abcdef:4 acks=2\n");
  EXPECT_EQ(node_.calls("Delete"), 1);
  EXPECT_EQ(node_.calls("Batch"), 0);
}

TEST_F(DelCommand, ManyKeysGoInFewRequests) {
  std::vector<std::string> arguments = {"del"};
  std::string expected;
  for (int i = 0; i < 950; ++i) {
    arguments.push_back("k" + std::to_string(i));
    node_.store().write(arguments.back(), "v", "");
    expected += arguments.back() + "\n";
  }
  const CliResult result = run(arguments);
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(node_.store().all().size(), 3U);
  EXPECT_LE(node_.calls(), 20);
  std::istringstream lines(result.err);
  std::string answered;
  for (std::string line; std::getline(lines, line);)
    answered += line.substr(0, line.find(':')) + "\n";
  EXPECT_EQ(answered, expected);
}

TEST_F(DelCommand, AKeyMayStandTwice) {
  const CliResult result = run({"del", "a", "b", "a"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(node_.store().writes(), 6U);
  EXPECT_EQ(result.err.substr(result.err.rfind("\na: ")).substr(0, 11), "\na: ok dot=");
}

TEST_F(DelCommand, AsJsonAndAsTable) {
  EXPECT_EQ(run({"del", "a", "\xff", "-o", "json"}).out,
            "{\"key\":\"a\",\"dot\":\"0000000000abcdef:4\",\"token\":\"KzQ\",\"acks\":2,"
            "\"coordinator\":\"n1\"}\n"
            "{\"key_base64\":\"/w==\",\"dot\":\"0000000000abcdef:5\",\"token\":\"KzU\",\"acks\":2,"
            "\"coordinator\":\"n1\"}\n");
  EXPECT_EQ(run({"del", "b", "c", "-o", "table"}).out,
            "KEY  DOT                 ACKS  COORDINATOR\n"
            "b    0000000000abcdef:6  2     n1\n"
            "c    0000000000abcdef:7  2     n1\n");
}

TEST_F(DelCommand, NamesEachKeyThatFailedAndDeletesTheOthers) {
  const std::map<std::string, v1::Failure> failures = {
      {"a", failure(grpc::StatusCode::UNAVAILABLE, "1 of 3 replicas alive")},
      {"c", failure(grpc::StatusCode::DEADLINE_EXCEEDED, "1 of 2 acknowledged",
                    v1::Failure::UNKNOWN, client::Dot{.actor = 1, .counter = 2})}};
  refuse(failures);
  const CliResult result = run({"del", "a", "b", "c"});
  EXPECT_EQ(result.code, 6);
  EXPECT_EQ(result.err,
            "kv: a: refused: 1 of 3 replicas alive\n"
            "b: ok dot=0000000000abcdef:4 acks=2\n"
            "kv: c: outcome unknown (dot 0000000000000001:2): 1 of 2 acknowledged\n");
  // Unlike an import, nothing is sent twice.
  EXPECT_EQ(node_.calls("Batch"), 1);
  const CliResult json = run({"del", "a", "b", "-o", "json"});
  EXPECT_EQ(json.code, 5);
  EXPECT_EQ(json.json().at("key"), "b");
  EXPECT_EQ(json.error().at("key"), "a");
  EXPECT_EQ(json.error().at("outcome"), "not_applied");
  const CliResult table = run({"del", "a", "c", "-o", "table"});
  EXPECT_EQ(table.code, 6);
  EXPECT_EQ(table.out, "");
}

TEST_F(DelCommand, TheWorstDecidesTheExitCode) {
  refuse({{"a", failure(grpc::StatusCode::INVALID_ARGUMENT, "no such keys here")}});
  EXPECT_EQ(run({"del", "a", "b"}).code, 2);
  refuse({{"a", failure(grpc::StatusCode::INVALID_ARGUMENT, "no such keys here")},
          {"b", failure(grpc::StatusCode::UNAVAILABLE, "1 of 3 replicas alive")}});
  EXPECT_EQ(run({"del", "a", "b", "c"}).code, 5);
  node_.set_hook([](const std::string&, grpc::ServerContext&) {
    return packed(failure(grpc::StatusCode::NOT_FOUND, "no bucket \"b\""));
  });
  const CliResult bucket = run({"del", "a", "b"});
  EXPECT_EQ(bucket.code, 2);
  EXPECT_EQ(bucket.err, "kv: a: refused: no bucket \"b\"\nkv: b: refused: no bucket \"b\"\n");
  const RefusingPort dead;
  EXPECT_EQ(run({"--endpoints", dead.address(), "del", "a", "b"}).code, 3);
}

TEST_F(DelCommand, ATokenGoesWithOneKeyOnly) {
  const CliResult result = run({"del", "a", "b", "--token", "dG9rZW4"});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.err, "kv: --token is of one key; del takes it with one KEY only\n");
  EXPECT_EQ(node_.calls(), 0);
}

TEST_F(DelCommand, ABadKeyIsNamedBeforeAnythingIsSent) {
  EXPECT_EQ(run({"del", "a", "", "b"}).err,
            "kv: KEY 2: key is empty; it must have 1 to 4096 bytes; nothing was deleted\n");
  EXPECT_EQ(run({"del", "a", std::string(4097, 'k')}).code, 2);
  EXPECT_EQ(run({"del", "YQ==", "!", "--base64"}).code, 2);
  EXPECT_EQ(run({"del"}).code, 2);
  EXPECT_EQ(node_.calls(), 0);
}

TEST_F(DelCommand, TakesAwkwardKeysAsTheyAre) {
  const std::vector<std::string> keys = {"[a,b]", "[]", "{}", "++",  "-7", "del", "a b",    "%%",
                                         "a,b",   "\n", " ",  "[k]", "--", "-",   "--token"};
  std::vector<std::string> arguments = {"del", "--"};
  for (const std::string& key : keys) {
    node_.store().write(key, "v", "");
    arguments.push_back(key);
  }
  const CliResult result = run(arguments);
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(node_.store().all().size(), 3U) << result.err;
  node_.store().write("[a,b]", "v", "");
  EXPECT_EQ(run({"del", "[a,b]"}).code, 0);
  EXPECT_EQ(node_.store().value("[a,b]"), std::nullopt);
  EXPECT_EQ(run({"del", "YQ==", "Yg==", "--base64"}).code, 0);
  EXPECT_EQ(node_.store().all().size(), 1U);
  EXPECT_EQ(run({"get", "[k]", "--level", "[one]"}).err,
            "kv: --level: \"[one]\" is not one of one|quorum|all\nsee kv --help\n");
}

}  // namespace
}  // namespace kv::cli
