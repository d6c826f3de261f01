// put, get, del and what all commands share, against a fake node.
#include <gtest/gtest.h>

#include "client/cli/commands/testing/cli_fixture.h"
#include "client/testing/fake_node.h"
#include "client/testing/sockets.h"
#include "kv/limits.h"

namespace kv::cli {
namespace {

using client::testing::failure;
using client::testing::FakeNode;
using client::testing::packed;
using client::testing::RefusingPort;

const std::string kBinary("\0\xff\r\n\t", 5);

class KeyCommands : public CliTest {
 protected:
  KeyCommands() { set_environment("KV_ENDPOINTS", node_.address()); }

  void answer(const grpc::Status& status) {
    node_.set_hook([status](const std::string&, grpc::ServerContext&) { return status; });
  }

  FakeNode node_;
};

TEST_F(KeyCommands, PutSaysOkOnStandardError) {
  const CliResult put = run({"put", "key", "value"});
  EXPECT_EQ(put.code, 0);
  EXPECT_EQ(put.out, "");
  EXPECT_EQ(put.err, "ok dot=0000000000abcdef:1 acks=2\n");
  EXPECT_EQ(node_.store().value("key"), "value");
}

TEST_F(KeyCommands, ConditionsGoWithTheWrite) {
  EXPECT_EQ(run({"put", "key", "v", "--if-absent"}).code, 0);
  EXPECT_EQ(node_.last_put().condition(), kv::v1::IF_ABSENT);
  EXPECT_EQ(run({"put", "key", "v", "--if-current", "--token", "KzE"}).code, 0);
  EXPECT_EQ(node_.last_put().condition(), kv::v1::IF_CURRENT);
  EXPECT_EQ(run({"del", "key", "--if-current", "--token", "KzE"}).code, 0);
  EXPECT_EQ(node_.last_delete().condition(), kv::v1::IF_CURRENT);
  EXPECT_EQ(run({"put", "key", "v"}).code, 0);
  EXPECT_EQ(node_.last_put().condition(), kv::v1::CONDITION_UNSPECIFIED);
  EXPECT_EQ(run({"put", "key", "v", "--if-current"}).err, "kv: --if-current needs --token\n");
  EXPECT_EQ(run({"put", "key", "v", "--if-current", "--if-absent", "--token", "KzE"}).code, 2);
  answer(packed(failure(grpc::StatusCode::ABORTED, "the key has changed")));
  EXPECT_EQ(run({"put", "key", "v", "--if-current", "--token", "KzE"}).code, 8);
}

TEST_F(KeyCommands, RequestIdsGoWithWrites) {
  EXPECT_EQ(run({"put", "key", "v", "--request-id", "r 1"}).code, 0);
  EXPECT_EQ(node_.last_put().request_id(), "r 1");
  EXPECT_EQ(run({"del", "key", "--request-id", "id"}).code, 0);
  EXPECT_EQ(node_.last_delete().request_id(), "id");
  EXPECT_EQ(run({"put", "key", "v"}).code, 0);
  EXPECT_EQ(node_.last_put().request_id(), "");
  EXPECT_EQ(run({"incr", "key", "--request-id", "id"}).code, 0);
  EXPECT_EQ(run({"put", "key", "v", "--request-id", ""}).err,
            "kv: --request-id is empty; it has 1 to 64 bytes\n");
  EXPECT_EQ(run({"set", "ls", "key", "--request-id", "id"}).code, 2);
  EXPECT_EQ(run({"map", "get", "key", "--request-id", "id"}).code, 2);
  EXPECT_EQ(run({"get", "key", "--request-id", "id"}).code, 2);
  EXPECT_EQ(run({"put", "key", "v", "--request-id", std::string(65, 'x')}).err,
            "kv: --request-id: request id has 65 bytes; the limit is 64\n");
}

TEST_F(KeyCommands, PutAndDelAsJson) {
  const CliResult put = run({"put", "key", "value", "-o", "json"});
  EXPECT_EQ(put.out,
            "{\"key\":\"key\",\"dot\":\"0000000000abcdef:1\",\"token\":\"KzE\",\"acks\":2,"
            "\"coordinator\":\"n1\"}\n");
  EXPECT_EQ(put.err, "");
  const CliResult del = run({"-o", "json", "del", "key"});
  EXPECT_EQ(del.json().at("dot"), "0000000000abcdef:2");
  EXPECT_EQ(node_.store().value("key"), std::nullopt);
}

TEST_F(KeyCommands, PutTakesAwkwardArgumentsAsTheyAre) {
  for (const std::string value : {"", "-5", "++", "[a,b]", "{}", "get", "a b", "\xff\xfe", "%20",
                                  "key=1", "h\xc3\xa9", "\"\"", "\n"}) {
    EXPECT_EQ(run({"put", "key", value}).code, 0) << value;
    EXPECT_EQ(node_.store().value("key"), value);
  }
  for (const std::string value : {"--level", "-x", "--", "-"}) {
    EXPECT_EQ(run({"put", "--", "key", value}, "in").code, 0) << value;
    EXPECT_EQ(node_.store().value("key"), value == "-" ? "in" : value);
  }
  for (const std::string key : {"put", "get", "++", "-7", "[k]", " "}) {
    EXPECT_EQ(run({"put", key, "v"}).code, 0) << key;
    EXPECT_EQ(node_.store().value(key), "v");
  }
}

TEST_F(KeyCommands, PutReadsFilesAndStandardInput) {
  const InputFile file(kBinary);
  EXPECT_EQ(run({"put", "file", "--file", file.path()}).code, 0);
  EXPECT_EQ(node_.store().value("file"), kBinary);
  EXPECT_EQ(run({"put", "stdin", "-"}, kBinary).code, 0);
  EXPECT_EQ(node_.store().value("stdin"), kBinary);
  EXPECT_EQ(run({"put", "empty", "-"}, "").code, 0);
  EXPECT_EQ(node_.store().value("empty"), "");
}

TEST_F(KeyCommands, PutWantsExactlyOneValue) {
  for (const auto& result : {run({"put", "k"}), run({"put", "k", "v", "--file", "f"}),
                             run({"put", "k", "-", "--file", "f"})}) {
    EXPECT_EQ(result.code, 2);
    EXPECT_EQ(result.err, "kv: put takes exactly one of VALUE, - and --file FILE\n");
  }
  EXPECT_EQ(run({"put", "k", "v", "w"}).code, 2);
  EXPECT_EQ(run({"put"}).code, 2);
  EXPECT_EQ(node_.calls(), 0);
}

TEST_F(KeyCommands, PutNamesWhatItCannotRead) {
  const CliResult missing = run({"put", "k", "--file", "/nonexistent/file"});
  EXPECT_EQ(missing.code, 2);
  EXPECT_EQ(missing.err, "kv: cannot read /nonexistent/file: No such file or directory\n");
  EXPECT_EQ(run({"put", "k", "--file", "/"}).err, "kv: cannot read /: it is a directory\n");
}

TEST_F(KeyCommands, RefusesWhatIsOverALimitByNameAndSize) {
  const std::string large(client::kMaxValueBytes + 1, 'v');
  EXPECT_EQ(run({"put", "k", "-"}, large).err,
            "kv: value has 4194305 bytes; the limit is 4194304\n");
  EXPECT_EQ(run({"put", "k", "-"}, large + large).err,
            "kv: value has 8388610 bytes; the limit is 4194304\n");
  EXPECT_EQ(run({"put", "aw==", "-", "--base64"}, large + large).err,
            "kv: base64 value has 8388610 bytes; the limit is 5592410\n");
  // It has no end, so that its size cannot be known.
  EXPECT_EQ(run({"put", "k", "--file", "/dev/zero"}).err,
            "kv: value has more than 1073741824 bytes; the limit is 4194304\n");
  const InputFile file(large);
  const CliResult from_file = run({"put", "k", "--file", file.path()});
  EXPECT_EQ(from_file.err, "kv: value has 4194305 bytes; the limit is 4194304\n");
  EXPECT_EQ(from_file.code, 2);
  EXPECT_EQ(run({"put", "", "v"}).err, "kv: key is empty; it must have 1 to 4096 bytes\n");
  EXPECT_EQ(run({"get", std::string(4097, 'k')}).err,
            "kv: key has 4097 bytes; the limit is 4096\n");
  EXPECT_EQ(run({"put", "k", "v", "--token", std::string(87384, 'A')}).err,
            "kv: token has 65538 bytes; the limit is 65536\n");
  EXPECT_EQ(run({"get", "k", "--timeout", "61s"}).err,
            "kv: timeout is 61000 ms; it must be more than 0 and at most 60000 ms\n");
  EXPECT_EQ(run({"get", "k", "--timeout", "0s"}).code, 2);
  EXPECT_EQ(node_.calls(), 0);
  const CliResult most =
      run({"put", std::string(4096, 'k'), "-", "--timeout", "20s"}, large.substr(1));
  EXPECT_EQ(most.code, 0) << most.err;
}

TEST_F(KeyCommands, GetPrintsTheValueExactly) {
  node_.store().write("key", kBinary, "");
  const CliResult got = run({"get", "key"});
  EXPECT_EQ(got.code, 0);
  EXPECT_EQ(got.out, kBinary);
  EXPECT_EQ(got.err, "");
  out_is_terminal_ = true;
  EXPECT_EQ(run({"get", "key"}).out, kBinary + "\n");
}

TEST_F(KeyCommands, GetAsJson) {
  node_.store().write("key", "v", "");
  EXPECT_EQ(run({"get", "key", "-o", "json"}).out,
            "{\"key\":\"key\",\"values\":[\"v\"],\"token\":\"dG9rZW4gb2Yga2V5\",\"replicas\":["
            "\"n1\",\"n2\"],\"agreed\":true}\n");
  node_.store().write("\xff", kBinary, "");
  const nlohmann::json binary = run({"get", "\xff", "-o", "json"}).json();
  EXPECT_EQ(binary.at("key_base64"), "/w==");
  EXPECT_EQ(binary.at("values_base64"), nlohmann::json::array({"AP8NCgk="}));
  EXPECT_FALSE(binary.contains("values"));
}

TEST_F(KeyCommands, GetSaysWhenThereIsNothing) {
  const CliResult raw = run({"get", "none"});
  EXPECT_EQ(raw.code, 1);
  EXPECT_EQ(raw.out, "");
  EXPECT_EQ(raw.err, "kv: not found\n");
  const CliResult json = run({"get", "none", "-o", "json"});
  EXPECT_EQ(json.code, 1);
  EXPECT_EQ(json.json().at("values"), nlohmann::json::array());
  EXPECT_EQ(run({"get", "none", "-o", "table"}).code, 1);
}

TEST_F(KeyCommands, GetAsTable) {
  node_.store().write("key", "a\tb", "");
  EXPECT_EQ(run({"get", "key", "-o", "table"}).out,
            "KEY  REPLICAS  AGREED  VALUE\n"
            "key  n1, n2    yes     a\\tb\n");
}

TEST_F(KeyCommands, GetAsTableHasARowForEachValue) {
  node_.store().write("\xff", "h\xc3\xa9", "");
  node_.store().add_sibling("\xff", "b");
  const CliResult got = run({"get", "\xff", "-o", "table"});
  EXPECT_EQ(got.code, 0);
  EXPECT_EQ(got.out,
            "KEY   REPLICAS  AGREED  VALUE\n"
            "\\xff  n1, n2    yes     h\xc3\xa9\n"
            "\\xff  n1, n2    yes     b\n");
  EXPECT_EQ(run({"get", "/w==", "-o", "table", "--base64"}).out,
            "KEY   REPLICAS  AGREED  VALUE\n"
            "/w==  n1, n2    yes     aMOp\n"
            "/w==  n1, n2    yes     Yg==\n");
  const CliResult none = run({"get", "none", "-o", "table"});
  EXPECT_EQ(none.out, "");
  EXPECT_EQ(none.err, "kv: not found\n");
}

TEST_F(KeyCommands, PutAndDelAsTable) {
  const CliResult put = run({"put", "a\tkey", "value", "-o", "table"});
  EXPECT_EQ(put.code, 0);
  EXPECT_EQ(put.err, "");
  EXPECT_EQ(put.out,
            "KEY     DOT                 ACKS  COORDINATOR\n"
            "a\\tkey  0000000000abcdef:1  2     n1\n");
  EXPECT_EQ(run({"del", "/w==", "-o", "table", "--base64"}).out,
            "KEY   DOT                 ACKS  COORDINATOR\n"
            "/w==  0000000000abcdef:2  2     n1\n");
  answer(packed(failure(grpc::StatusCode::UNAVAILABLE, "1 of 3 replicas alive, 2 needed")));
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"put", "k", "v"}, {"del", "k"}, {"get", "k"}}) {
    std::vector<std::string> all = {"-o", "table"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const CliResult refused = run(all);
    EXPECT_EQ(refused.code, 5);
    EXPECT_EQ(refused.out, "");
    EXPECT_EQ(refused.err, "kv: 1 of 3 replicas alive, 2 needed\n");
  }
}

TEST_F(KeyCommands, TokensGoFromGetToPut) {
  node_.store().write("key", "v", "");
  const CliResult token = run({"get", "key", "--token-only"});
  EXPECT_EQ(token.code, 0);
  EXPECT_EQ(token.out, "dG9rZW4gb2Yga2V5");
  EXPECT_EQ(run({"put", "key", "w", "--token", token.out}).code, 0);
  EXPECT_EQ(node_.last_put().token(), "token of key");
  EXPECT_EQ(run({"del", "key", "--token", token.out}).code, 0);
  EXPECT_EQ(node_.last_delete().token(), "token of key");
  EXPECT_EQ(run({"get", "key", "--token-only", "-o", "json"}).json().at("token"), token.out);
  const CliResult bad = run({"put", "key", "w", "--token", "a+b="});
  EXPECT_EQ(bad.code, 2);
  EXPECT_EQ(bad.err, "kv: --token: not base64url: wrong character at position 2\n");
}

TEST_F(KeyCommands, Base64ForBinary) {
  EXPECT_EQ(run({"put", "/w==", "AP8NCgk=", "--base64"}).code, 0);
  EXPECT_EQ(node_.store().value("\xff"), kBinary);
  EXPECT_EQ(run({"get", "/w==", "--base64"}).out, "AP8NCgk=");
  EXPECT_EQ(run({"get", "/w==", "--base64", "-o", "json"}).json().at("key_base64"), "/w==");
  EXPECT_EQ(run({"put", "/w==", "-", "--base64"}, "AAE=\n").code, 0);
  EXPECT_EQ(node_.store().value("\xff"), std::string("\0\1", 2));
  EXPECT_EQ(run({"del", "/w==", "--base64"}).code, 0);
  EXPECT_EQ(node_.store().value("\xff"), std::nullopt);
  EXPECT_EQ(run({"put", "/w==", "!", "--base64"}).err,
            "kv: VALUE: not base64: its length is 1, which is not a multiple of 4\n");
  EXPECT_EQ(run({"get", "key", "--base64"}).code, 2);
}

TEST_F(KeyCommands, SiblingsHaveTheirOwnExitCode) {
  node_.store().write("key", "a", "");
  node_.store().add_sibling("key", "b");
  const CliResult raw = run({"get", "key"});
  EXPECT_EQ(raw.code, 7);
  EXPECT_EQ(raw.out, "");
  EXPECT_EQ(raw.err, "kv: the key has 2 siblings; see them with -o json\n");
  const CliResult json = run({"get", "key", "-o", "json"});
  EXPECT_EQ(json.code, 0);
  EXPECT_EQ(json.json().at("values"), (nlohmann::json::array({"a", "b"})));
}

TEST_F(KeyCommands, FlagsStandAnywhereAndComeFromTheEnvironment) {
  EXPECT_EQ(run({"--level", "one", "--bucket", "b1", "get", "k"}).code, 1);
  EXPECT_EQ(node_.last_get().level(), v1::LEVEL_ONE);
  EXPECT_EQ(node_.last_get().bucket(), "b1");
  EXPECT_EQ(run({"get", "--level=all", "k", "--bucket", "b2"}).code, 1);
  EXPECT_EQ(node_.last_get().level(), v1::LEVEL_ALL);
  EXPECT_EQ(run({"get", "k"}).code, 1);
  EXPECT_EQ(node_.last_get().level(), v1::LEVEL_QUORUM);
  EXPECT_EQ(node_.last_get().bucket(), "default");
  set_environment("KV_LEVEL", "one");
  set_environment("KV_BUCKET", "b3");
  set_environment("KV_OUTPUT", "json");
  EXPECT_EQ(run({"get", "k"}).json().at("key"), "k");
  EXPECT_EQ(node_.last_get().level(), v1::LEVEL_ONE);
  EXPECT_EQ(node_.last_get().bucket(), "b3");
  EXPECT_EQ(run({"put", "k", "v", "--durability", "disk", "--level", "all"}).code, 0);
  EXPECT_EQ(node_.last_put().durability(), v1::DURABILITY_DISK);
  EXPECT_EQ(node_.last_put().level(), v1::LEVEL_ALL);
}

TEST_F(KeyCommands, UsageErrors) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {"frobnicate"},
                                             {"get"},
                                             {"get", "k", "extra"},
                                             {"get", "k", "--ttl", "3s"},
                                             {"put", "k", "v", "--if-current"},
                                             {"get", "k", "--level", "most"},
                                             {"get", "k", "-o", "xml"},
                                             {"get", "k", "--timeout", "2"},
                                             {"get", "k", "--endpoints", "nowhere"},
                                             {"put", "k", "v", "--durability", "ram"},
                                             {"completion", "tcsh"}}) {
    const CliResult result = run(arguments);
    EXPECT_EQ(result.code, 2);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err.substr(0, 4), "kv: ");
  }
  EXPECT_EQ(run({"get", "k", "--ttl", "3s"}).err,
            "kv: unexpected: --ttl 3s; write -- before a key or value that begins with a dash\nsee "
            "kv --help\n");
  const CliResult json = run({"get", "k", "--ttl", "3s", "-o", "json"});
  EXPECT_EQ(json.error().at("code"), "INVALID_ARGUMENT");
  set_environment("KV_TIMEOUT", "soon");
  EXPECT_EQ(run({"get", "k"}).code, 2);
}

TEST_F(KeyCommands, HelpAndVersion) {
  const CliResult help = run({"--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* text :
       {"put", "completion", "KV_ENDPOINTS", "Exit codes", "Examples", "--level one|quorum|all"}) {
    EXPECT_NE(help.out.find(text), std::string::npos) << text;
  }
  for (const char* command : {"put", "get", "del", "scan", "import", "export", "completion"}) {
    const CliResult result = run({command, "--help"});
    EXPECT_EQ(result.code, 0) << command;
    EXPECT_NE(result.out.find("Example"), std::string::npos) << command;
  }
  EXPECT_EQ(run({"status", "--help"}).code, 0);
  EXPECT_EQ(run({"--version"}).out.substr(0, 3), "kv ");
}

TEST_F(KeyCommands, RefusalsHaveTheirOwnExitCode) {
  answer(packed(failure(grpc::StatusCode::UNAVAILABLE, "1 of 3 replicas alive, 2 needed")));
  const CliResult put = run({"put", "k", "v"});
  EXPECT_EQ(put.code, 5);
  EXPECT_EQ(put.err, "kv: 1 of 3 replicas alive, 2 needed\n");
  const CliResult json = run({"put", "k", "v", "-o", "json"});
  EXPECT_EQ(json.err,
            "{\"error\":\"1 of 3 replicas alive, 2 "
            "needed\",\"code\":\"UNAVAILABLE\",\"outcome\":\"not_applied\"}\n");
  EXPECT_EQ(run({"get", "k"}).code, 5);
  answer(packed(failure(grpc::StatusCode::DEADLINE_EXCEEDED, "1 of 2 answered")));
  EXPECT_EQ(run({"get", "k"}).code, 5);
  answer(packed(failure(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full")));
  EXPECT_EQ(run({"put", "k", "v", "--timeout", "500ms"}).code, 5);
  answer(packed(failure(grpc::StatusCode::INVALID_ARGUMENT, "token is damaged")));
  EXPECT_EQ(run({"put", "k", "v"}).code, 2);
  answer(packed(failure(grpc::StatusCode::NOT_FOUND, "no bucket \"b\"")));
  EXPECT_EQ(run({"get", "k"}).code, 2);
}

TEST_F(KeyCommands, AnUnknownOutcomeNamesItsDot) {
  answer(packed(failure(grpc::StatusCode::DEADLINE_EXCEEDED, "1 of 2 acknowledged",
                        v1::Failure::UNKNOWN, client::Dot{.actor = 0xabc, .counter = 9})));
  const CliResult put = run({"put", "k", "v"});
  EXPECT_EQ(put.code, 6);
  EXPECT_EQ(put.out, "");
  EXPECT_EQ(put.err, "kv: outcome unknown: 1 of 2 acknowledged\ndot 0000000000000abc:9\n");
  const nlohmann::json error = run({"del", "k", "-o", "json"}).error();
  EXPECT_EQ(error.at("outcome"), "unknown");
  EXPECT_EQ(error.at("dot"), "0000000000000abc:9");
  EXPECT_EQ(error.at("error"), "1 of 2 acknowledged");
  EXPECT_EQ(error.at("token"), "dG9rZW4gb2YgdGhlIGRvdA");
}

TEST_F(KeyCommands, NobodyThereHasItsOwnExitCode) {
  RefusingPort dead;
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"put", "k", "v"}, {"get", "k"}, {"del", "k"}}) {
    std::vector<std::string> all = {"--endpoints", dead.address()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const CliResult result = run(all);
    EXPECT_EQ(result.code, 3);
    EXPECT_EQ(result.err, "kv: no node could be reached: " + dead.address() + ": cannot connect\n");
  }
  EXPECT_EQ(run({"--endpoints", dead.address() + "," + node_.address(), "put", "k", "v"}).code, 0);
}

TEST_F(KeyCommands, ATimeToLiveGoesWithThePut) {
  EXPECT_EQ(run({"put", "key", "v", "--ttl", "1.5s"}).code, 0);
  EXPECT_EQ(node_.last_put().ttl_ms(), 1500U);
  EXPECT_EQ(run({"put", "key", "v"}).code, 0);
  EXPECT_EQ(node_.last_put().ttl_ms(), 0U);
  EXPECT_EQ(run({"put", "key", "v", "--ttl", "0s"}).err, "kv: --ttl must be longer than 0\n");
}

}  // namespace
}  // namespace kv::cli
