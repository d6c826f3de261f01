// Each kind of answer has its exit code and its text, and is true.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "jepsen-style-tests/process/harness/cluster.h"

namespace kv::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

TEST(ExitCodes, OkAndNotFound) {
  DirectCluster cluster({.nodes = 1});
  const Result put = cluster.kv()({"put", "key", "value"});
  EXPECT_EQ(put.code, 0) << put;
  EXPECT_EQ(put.out, "");
  EXPECT_THAT(put.err, MatchesRegex("ok dot=[0-9a-f]+:1 acks=1\n"));
  const Result get = cluster.kv()({"get", "absent"});
  EXPECT_EQ(get.code, 1) << get;
  EXPECT_EQ(get.out, "");
  EXPECT_EQ(get.err, "kv: not found\n");
  EXPECT_EQ(cluster.kv()({"get", "absent", "-o", "json"}).code, 1);
}

TEST(ExitCodes, NoNodeReachable) {
  const std::string address = reserve_address();
  for (const Arguments& arguments :
       {Arguments{"put", "key", "value"}, Arguments{"get", "key"}, Arguments{"status"}}) {
    const Result result = Kv(address)(arguments);
    EXPECT_EQ(result.code, 3) << result;
    EXPECT_THAT(result.err, AllOf(HasSubstr("no node could be reached"), HasSubstr(address)));
    EXPECT_EQ(result.out, "");
  }
}

TEST(ExitCodes, OutcomeUnknownNamesTheDotAndTheWriteMaySpread) {
  DirectCluster cluster({.settings = kPatient});
  cluster.pause("n2");
  cluster.pause("n3");
  const Result put = cluster.at("n1")({"put", "text", "v1", "--timeout", "1s"});
  EXPECT_EQ(put.code, 6) << put;
  EXPECT_THAT(put.err,
              MatchesRegex("kv: outcome unknown: written, but only 1 of the 2 replicas that "
                           "QUORUM needs confirmed it in time; it may spread\n"
                           "dot [0-9a-f]{16}:[0-9]+\n"));
  const Result json = cluster.at("n1")({"put", "json", "v2", "--timeout", "1s", "-o", "json"});
  EXPECT_EQ(json.code, 6) << json;
  const Json failure = Json::parse(json.err);
  EXPECT_EQ(failure.at("outcome"), "unknown");
  EXPECT_THAT(failure.at("dot").get<std::string>(), MatchesRegex("[0-9a-f]+:[0-9]+"));
  EXPECT_EQ(cluster.at("n1")({"del", "deleted", "--timeout", "1s"}).code, 6);
  // A read changes nothing, so its outcome is never unknown.
  EXPECT_EQ(cluster.at("n1")({"get", "text", "--timeout", "1s"}).code, 5);
  cluster.resume("n2");
  cluster.resume("n3");
  for (const std::string id : {"n2", "n3"}) {
    EXPECT_TRUE(eventually([&] { return cluster.at(id).get("text", "one") == "v1"; })) << id;
    EXPECT_TRUE(eventually([&] { return cluster.at(id).get("json", "one") == "v2"; })) << id;
  }
  // The dot that was printed is the write's: its token supersedes it.
  const std::string token = failure.at("token").get<std::string>();
  EXPECT_EQ(cluster.at("n2")({"put", "json", "v3", "--token", token, "--level", "all"}).code, 0);
  EXPECT_EQ(cluster.at("n3").get("json", "one"), "v3");
}

TEST(ExitCodes, RefusedMeansCertainlyNotApplied) {
  DirectCluster cluster;
  ASSERT_EQ(cluster.kv()({"put", "old", "value", "--level", "all"}).code, 0);
  cluster.kill("n2");
  cluster.kill("n3");
  // n1 takes note in its own time; every try has a key of its own, so that what one did shows.
  int tries = 0;
  Result refused;
  ASSERT_TRUE(eventually([&] {
    refused = cluster.at("n1")({"put", "try-" + std::to_string(++tries), "v", "--timeout", "2s"});
    return refused.code == 5;
  })) << refused;
  EXPECT_THAT(refused.err, AllOf(HasSubstr("QUORUM needs 2 of the key's 3 replicas"),
                                 HasSubstr("1 is reachable"), HasSubstr("not applied"),
                                 Not(HasSubstr("outcome unknown"))));
  const std::string key = "try-" + std::to_string(tries);
  EXPECT_EQ(cluster.at("n1")({"del", "old"}).code, 5);
  EXPECT_EQ(cluster.at("n1")({"put", "old", "other", "--level", "all"}).code, 5);
  const Result read = cluster.at("n1")({"get", "old"});
  EXPECT_EQ(read.code, 5) << read;
  EXPECT_THAT(read.err, HasSubstr("QUORUM needs 2"));
  EXPECT_EQ(cluster.at("n1").get("old", "one"), "value");
  EXPECT_EQ(cluster.at("n1").get(key, "one"), "<absent>");

  cluster.start("n2");
  cluster.start("n3");
  cluster.await_connected();
  cluster.await_same_everywhere();
  const Records held = cluster.held_by("n2");
  EXPECT_FALSE(held.contains(key));
  EXPECT_EQ(held.at("old"), "value");
}

TEST(ExitCodes, AnOverloadedNodeRefusesAndSaysTheLimit) {
  DirectCluster cluster(
      {.settings = std::string(kPatient) + "[limits]\nmax_pending_requests = 5\n"});
  cluster.pause("n2");
  cluster.pause("n3");
  std::vector<std::unique_ptr<Process>> under_way;
  for (int i = 0; i < 5; ++i) {
    const std::string key = "under-way-" + std::to_string(i);
    under_way.push_back(std::make_unique<Process>(cluster.at("n1").command({"put", key, "v"})));
    // Written at n1, where it now waits for one of the others.
    ASSERT_TRUE(eventually([&] { return cluster.at("n1").get(key, "one") == "v"; })) << key;
  }
  const Result refused = cluster.at("n1")({"put", "refused", "v", "--timeout", "1s"});
  EXPECT_EQ(refused.code, 5) << refused;
  EXPECT_THAT(refused.err, AllOf(HasSubstr("5 writes are under way at n1, the limit"),
                                 HasSubstr("not applied")));
  EXPECT_EQ(cluster.at("n1").get("refused", "one"), "<absent>");
  cluster.resume("n2");
  cluster.resume("n3");
  for (const auto& put : under_way) EXPECT_EQ(put->wait().value().code, 0);
  EXPECT_EQ(cluster.at("n1")({"put", "refused", "taken now"}).code, 0);
}

TEST(ExitCodes, EveryMistakeOnTheCommandLineIsTwo) {
  const std::string address = reserve_address();
  const std::vector<std::pair<Arguments, std::string>> mistakes = {
      {{}, "subcommand"},
      {{"frobnicate"}, "no command \"frobnicate\""},
      {{"get"}, "KEY"},
      {{"get", "k", "--level", "two"}, "one|quorum|all"},
      {{"get", "k", "-o", "xml"}, "raw|json|table"},
      {{"get", "k", "--timeout", "61s"}, "60"},
      {{"get", "k", "--timeout", "soon"}, "soon"},
      {{"put", "k"}, "VALUE"},
      {{"put", "k", "v", "--file", "f"}, "exactly one"},
      {{"put", "k", "--file", "/no/such/file"}, "/no/such/file"},
      {{"put", "k", "v", "--durability", "tape"}, "os|disk"},
      {{"scan", "--limit", "many"}, "many"},
      {{"import", "/no/such/file"}, "/no/such/file"},
      {{"import", "-", "--batch", "1001"}, "1000"},
      {{"get", "k", "v"}, "unexpected: v"}};
  for (const auto& [arguments, text] : mistakes) {
    const Result result = Kv(address)(arguments);
    EXPECT_EQ(result.code, 2) << "kv " << testing::PrintToString(arguments) << ": " << result;
    EXPECT_THAT(result.err, HasSubstr(text));
    EXPECT_EQ(result.out, "");
  }
  const Result endpoint = Kv("nonsense")({"get", "k"});
  EXPECT_EQ(endpoint.code, 2) << endpoint;
  EXPECT_THAT(endpoint.err, HasSubstr("nonsense"));
}

}  // namespace
}  // namespace kv::e2e
