// bucket and incr, against a fake node.
#include <gtest/gtest.h>

#include "client/cli/commands/testing/cli_fixture.h"
#include "client/testing/fake_node.h"

namespace kv::cli {
namespace {

using client::testing::failure;
using client::testing::FakeNode;
using client::testing::packed;

class BucketCommand : public CliTest {
 protected:
  BucketCommand() { set_environment("KV_ENDPOINTS", node_.address()); }

  FakeNode node_;
};

TEST_F(BucketCommand, CreatesListsAndShows) {
  EXPECT_EQ(run({"bucket", "create", "carts", "--policy", "siblings"}).out, "carts\tsiblings\t-\n");
  EXPECT_EQ(run({"bucket", "create", "best", "--policy", "max", "-o", "json"}).out,
            "{\"name\":\"best\",\"policy\":\"max\",\"ttl_ms\":0}\n");
  EXPECT_EQ(run({"bucket", "ls"}).out, "carts\tsiblings\t-\nbest\tmax\t-\n");
  EXPECT_EQ(run({"bucket", "show", "best"}).out, "best\tmax\t-\n");
  EXPECT_EQ(run({"bucket", "ls", "-o", "table"}).out,
            "NAME   POLICY    TTL\ncarts  siblings  -\nbest   max       -\n");
  const CliResult none = run({"bucket", "show", "worst"});
  EXPECT_EQ(none.code, 1);
  EXPECT_EQ(none.err, "kv: there is no bucket \"worst\"\n");
}

TEST_F(BucketCommand, SaysWhatItsArgumentsLack) {
  const auto refused = [&](std::vector<std::string> arguments) {
    const CliResult result = run(std::move(arguments));
    EXPECT_EQ(result.code, 2);
    EXPECT_EQ(node_.calls(), 0);
    return result.err;
  };
  EXPECT_EQ(refused({"bucket", "create", "b"}), "kv: bucket create takes --policy POLICY\n");
  EXPECT_EQ(refused({"bucket", "create", "--policy", "lww"}), "kv: bucket create takes a NAME\n");
  EXPECT_EQ(refused({"bucket", "ls", "b"}), "kv: bucket ls takes no NAME\n");
  EXPECT_EQ(refused({"bucket", "ls", "--policy", "lww"}),
            "kv: --policy goes with bucket create only\n");
  EXPECT_EQ(refused({"bucket", "create", "b", "--policy", "custom"}),
            "kv: --policy custom takes --merge FILE\n");
  EXPECT_EQ(refused({"bucket", "create", "b", "--policy", "lww", "--merge", "f.lua"}),
            "kv: --merge, --samples and --samples-from go with --policy custom only\n");
  EXPECT_NE(refused({"bucket", "create", "b", "--policy", "newest"}).find("is not one of lww|"),
            std::string::npos);
  EXPECT_NE(refused({"bucket", "drop", "b"}).find("is not one of create|ls|show"),
            std::string::npos);
}

TEST_F(BucketCommand, ANumberOfReplicasGoesAlong) {
  const CliResult made =
      run({"bucket", "create", "logs", "--policy", "lww", "--n", "1", "-o", "json"});
  EXPECT_EQ(made.json().at("n"), 1);
  EXPECT_EQ(node_.last_bucket().n(), 1U);
  EXPECT_EQ(run({"bucket", "create", "logs", "--policy", "lww", "--n", "8"}).code, 2);
  EXPECT_EQ(run({"bucket", "ls", "--n", "1"}).err, "kv: --n goes with bucket create only\n");
}

TEST_F(BucketCommand, AMergeFunctionGoesAlongWithItsSamples) {
  const InputFile merge("function merge(a, b) return a end\n");
  const InputFile samples("{\"a\":1}\r\n\n  two words\n3");
  for (int i = 0; i < 100; ++i)
    node_.store().write("k" + std::to_string(100 + i), "value " + std::to_string(i), "");
  const CliResult made =
      run({"bucket", "create", "words", "--policy", "custom", "--merge", merge.path(), "--samples",
           samples.path(), "--samples-from", "old", "-o", "json"});
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(made.json().at("merge"), "function merge(a, b) return a end\n");
  const kv::v1::Bucket sent = node_.last_bucket();
  EXPECT_EQ(sent.policy(), "custom");
  EXPECT_EQ(sent.merge(), "function merge(a, b) return a end\n");
  ASSERT_EQ(sent.samples_size(), 64);
  EXPECT_EQ(sent.samples(0), "{\"a\":1}");
  EXPECT_EQ(sent.samples(1), "  two words");
  EXPECT_EQ(sent.samples(2), "3");
  EXPECT_EQ(sent.samples(3), "value 0");
  EXPECT_EQ(sent.samples(63), "value 98") << "of all of them, spread evenly";
  EXPECT_EQ(node_.last_scan().bucket(), "old");
  EXPECT_EQ(run({"bucket", "create", "more", "--policy", "custom", "--merge", merge.path(),
                 "--samples", "-"},
                "on standard input")
                .code,
            0);
  EXPECT_EQ(node_.last_bucket().samples(0), "on standard input");
}

TEST_F(BucketCommand, WhatIsWrongWithAMergeFunctionIsShownAsItIs) {
  const InputFile merge("function merge(a, b) return a end");
  node_.set_hook([](const std::string&, grpc::ServerContext&) {
    return packed(failure(grpc::StatusCode::INVALID_ARGUMENT,
                          "the merge function is not commutative:\n  a = 1\n  b = 2"));
  });
  const CliResult refused =
      run({"bucket", "create", "b", "--policy", "custom", "--merge", merge.path()});
  EXPECT_EQ(refused.code, 2);
  EXPECT_EQ(refused.err, "kv: the merge function is not commutative:\n  a = 1\n  b = 2\n");
  const CliResult missing =
      run({"bucket", "create", "b", "--policy", "custom", "--merge", "/nowhere.lua"});
  EXPECT_EQ(missing.code, 2);
  EXPECT_NE(missing.err.find("cannot read /nowhere.lua"), std::string::npos) << missing.err;
}

TEST_F(BucketCommand, AnotherOneOfThatNameIsAConditionNotMet) {
  node_.set_hook([](const std::string&, grpc::ServerContext&) {
    return packed(failure(grpc::StatusCode::ALREADY_EXISTS, "there is one"));
  });
  EXPECT_EQ(run({"bucket", "create", "b", "--policy", "lww"}).code, 8);
}

TEST_F(BucketCommand, IncrAddsOneOrWhatIsAsked) {
  const CliResult one = run({"--bucket", "visits", "incr", "home"});
  EXPECT_EQ(one.code, 0);
  EXPECT_EQ(one.err, "ok dot=0000000000abcdef:1 acks=2\n");
  EXPECT_EQ(node_.last_update().add(), 1);
  EXPECT_EQ(node_.last_update().bucket(), "visits");
  EXPECT_EQ(node_.last_update().key(), "home");
  EXPECT_EQ(run({"incr", "home", "--level", "all", "--", "-7"}).code, 0);
  EXPECT_EQ(node_.last_update().add(), -7);
  EXPECT_EQ(node_.last_update().level(), kv::v1::LEVEL_ALL);
  const CliResult bad = run({"incr", "home", "much"});
  EXPECT_EQ(bad.code, 2);
  EXPECT_NE(bad.err.find("\"much\" is no whole number of 64 bits"), std::string::npos) << bad.err;
}

}  // namespace
}  // namespace kv::cli
