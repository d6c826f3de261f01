// put, get, del, scan and status through the nodes of one healthy cluster. Every test has keys of
// its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jepsen-style-tests/process/harness/cluster.h"
#include "kv/codec.h"

namespace kv::e2e {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::SizeIs;

constexpr std::size_t kMaxValueBytes = 4 << 20;
constexpr std::size_t kMaxKeyBytes = 4096;

class Commands : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = std::make_unique<DirectCluster>(ClusterOptions{.settings = kPatient});
  }
  static void TearDownTestSuite() { cluster_.reset(); }

  static DirectCluster& cluster() { return *cluster_; }
  static Kv kv() { return cluster_->kv(); }

  void expect_put(const std::string& key, const std::string& value) {
    const Result result = kv()({"put", key, value});
    EXPECT_EQ(result.code, 0) << result;
  }

 private:
  static std::unique_ptr<DirectCluster> cluster_;
};

std::unique_ptr<DirectCluster> Commands::cluster_;

TEST_F(Commands, EveryLevelThroughEveryNode) {
  const std::vector<std::pair<std::string, std::size_t>> levels = {
      {"one", 1}, {"quorum", 2}, {"all", 3}};
  for (const auto& [name, replicas] : levels) {
    const std::string& level = name;  // clang 14 lets no lambda capture a structured binding
    const std::string key = "level-" + level;
    const Json put = cluster().at("n1").json({"put", key, "v", "--level", level});
    EXPECT_GE(put.at("acks").get<std::size_t>(), replicas);
    // At ONE the others may learn of it later.
    for (const std::string id : {"n2", "n3"})
      EXPECT_TRUE(eventually([&] { return cluster().at(id).get(key, level) == "v"; }))
          << level << " at " << id;
    const Json get = cluster().at("n3").json({"get", key, "--level", level});
    EXPECT_GE(get.at("replicas").size(), replicas);

    EXPECT_EQ(cluster().at("n2")({"put", key, "w", "--level", level}).code, 0);
    EXPECT_TRUE(eventually([&] { return cluster().at("n1").get(key, level) == "w"; })) << level;
    EXPECT_EQ(cluster().at("n1")({"del", key, "--level", level}).code, 0);
    for (const std::string id : {"n1", "n2", "n3"})
      EXPECT_TRUE(eventually([&] { return cluster().at(id).get(key, level) == "<absent>"; }))
          << level << " at " << id;
  }
}

TEST_F(Commands, ValuesComeBackByteForByte) {
  std::string every_byte;
  for (int i = 0; i < 256; ++i) every_byte.push_back(static_cast<char>(i));
  const std::vector<std::pair<std::string, std::string>> values = {
      {"newlines", "one\ntwo\r\n\n"},
      {"nul", std::string("a\0b\0", 4)},
      {"empty", ""},
      {"bytes", every_byte}};
  for (const auto& [name, value] : values) {
    const Result put = cluster().at("n1")({"put", name, "-"}, value);
    EXPECT_EQ(put.code, 0) << name << put;
    const Result get = cluster().at("n2")({"get", name});
    EXPECT_EQ(get.code, 0) << name << get;
    EXPECT_EQ(get.out, value) << name;
    EXPECT_EQ(get.err, "") << name;
  }
  EXPECT_EQ(kv().json({"get", "bytes"}).at("values_base64"),
            Json::array({client::encode_base64(every_byte)}));
  EXPECT_EQ(kv()({"get", "--base64", client::encode_base64("bytes")}).out,
            client::encode_base64(every_byte));
}

TEST_F(Commands, FourMebibytesPassAndOneByteMoreIsRefused) {
  std::string value;
  for (std::size_t i = 0; value.size() < kMaxValueBytes; ++i)
    value += std::to_string(i * 7919) + "\n";
  value.resize(kMaxValueBytes);
  const std::string file = cluster().dir() / "large";
  write_file(file, value);
  const Result put = kv()({"put", "large", "--file", file, "--level", "all", "--timeout", "60s"});
  EXPECT_EQ(put.code, 0) << put;
  const Result get = cluster().at("n3")({"get", "large", "--level", "one"});
  EXPECT_EQ(get.code, 0);
  EXPECT_TRUE(get.out == value) << get.out.size() << " bytes came back";

  write_file(file, value + "x");
  const Result refused = kv()({"put", "large", "--file", file});
  EXPECT_EQ(refused.code, 2) << refused;
  EXPECT_THAT(refused.err, AllOf(HasSubstr("value"), HasSubstr("4194305"), HasSubstr("4194304")));
  // The rest of standard input is counted, not kept.
  const Result streamed = kv()({"put", "large", "-"}, value + "x");
  EXPECT_EQ(streamed.code, 2) << streamed;
  EXPECT_THAT(streamed.err, HasSubstr("value has 4194305 bytes; the limit is 4194304"));
  EXPECT_EQ(kv()({"put", "too-large", "-"}, value + "x").code, 2);
  EXPECT_EQ(kv().get("too-large"), "<absent>");
  EXPECT_TRUE(kv().get("large") == value) << "a refused write changed the value";
  EXPECT_EQ(kv()({"del", "large", "--level", "all"}).code, 0);
}

TEST_F(Commands, KeysHaveLimits) {
  const std::string longest(kMaxKeyBytes, 'k');
  EXPECT_EQ(kv()({"put", longest, "long"}).code, 0);
  EXPECT_EQ(kv().get(longest), "long");
  EXPECT_EQ(kv()({"put", "x", "short"}).code, 0);
  EXPECT_EQ(kv().get("x"), "short");
  const Result long_key = kv()({"put", longest + "k", "v"});
  EXPECT_EQ(long_key.code, 2) << long_key;
  EXPECT_THAT(long_key.err, AllOf(HasSubstr("key"), HasSubstr("4097"), HasSubstr("4096")));
  EXPECT_EQ(kv()({"get", longest + "k"}).code, 2);
  const Result empty_key = kv()({"put", "", "v"});
  EXPECT_EQ(empty_key.code, 2) << empty_key;
  EXPECT_THAT(empty_key.err, HasSubstr("key is empty"));
  const std::string binary = client::encode_base64(std::string("\0\n\xff", 3));
  EXPECT_EQ(kv()({"put", "--base64", binary, client::encode_base64("v")}).code, 0);
  EXPECT_EQ(kv()({"get", "--base64", binary}).out, client::encode_base64("v"));
}

TEST_F(Commands, AnUnknownBucketIsRefusedByName) {
  for (const Arguments& arguments : {Arguments{"put", "k", "v"}, Arguments{"get", "k"},
                                     Arguments{"del", "k"}, Arguments{"scan"}}) {
    Arguments all = {"--bucket", "nowhere"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Result result = kv()(all);
    EXPECT_EQ(result.code, 2) << result;
    EXPECT_THAT(result.err, HasSubstr("no bucket \"nowhere\""));
  }
}

TEST_F(Commands, AWrongTokenIsRefusedAndChangesNothing) {
  expect_put("token-a", "a");
  expect_put("token-b", "b");
  const std::string token_a = kv()({"get", "token-a", "--token-only"}).out;
  const std::string token_b = kv()({"get", "token-b", "--token-only"}).out;
  std::string damaged = token_a;
  damaged[damaged.size() / 2] = damaged[damaged.size() / 2] == 'A' ? 'B' : 'A';
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"garbage!", "base64url"},
      {"Z2FyYmFnZQ", "token"},
      {damaged, "token"},
      {token_b, "another bucket or key"}};
  for (const auto& [token, text] : wrong) {
    for (const Arguments& arguments :
         {Arguments{"put", "token-a", "x"}, Arguments{"del", "token-a"}}) {
      Arguments all = arguments;
      all.insert(all.end(), {"--token", token});
      const Result result = kv()(all);
      EXPECT_EQ(result.code, 2) << token << ": " << result;
      EXPECT_THAT(result.err, HasSubstr(text)) << token;
    }
  }
  EXPECT_EQ(kv().get("token-a"), "a");
}

TEST_F(Commands, ATokenSupersedesWhatItsReadSaw) {
  expect_put("chain", "1");
  for (const std::string value : {"2", "3", "4"}) {
    const std::string reader = "n" + std::to_string(1 + (value[0] - '0') % 3);
    const std::string token = cluster().at(reader)({"get", "chain", "--token-only"}).out;
    const Json put = cluster().at("n1").json({"put", "chain", value, "--token", token});
    EXPECT_NE(put.at("token"), token);
    EXPECT_EQ(cluster().at(reader).get("chain"), value);
  }
  const std::string token = kv()({"get", "chain", "--token-only"}).out;
  EXPECT_EQ(cluster().at("n3")({"del", "chain", "--token", token, "--level", "all"}).code, 0);
  for (const std::string id : {"n1", "n2", "n3"})
    EXPECT_EQ(cluster().at(id).get("chain", "one"), "<absent>");
  EXPECT_TRUE(kv().json({"get", "chain"}).at("values").empty());
}

TEST_F(Commands, TheEnvironmentStandsInForFlags) {
  expect_put("env", "value");
  const Command with_flags = kv().command({});
  const std::string endpoints = with_flags.argv.at(2);
  const auto get = [](std::map<std::string, std::string> env, Arguments more = {}) {
    Command command{.argv = {kv_binary(), "get", "env"}, .env = std::move(env)};
    command.argv.insert(command.argv.end(), more.begin(), more.end());
    return run(command);
  };
  EXPECT_EQ(get({{"KV_ENDPOINTS", endpoints}}).out, "value");
  EXPECT_EQ(get({{"KV_ENDPOINTS", reserve_address()}}).code, 3);
  EXPECT_EQ(get({{"KV_ENDPOINTS", reserve_address()}}, {"--endpoints", endpoints}).out, "value");
  const Result bucket = get({{"KV_ENDPOINTS", endpoints}, {"KV_BUCKET", "nowhere"}});
  EXPECT_EQ(bucket.code, 2) << bucket;
  const Result level =
      get({{"KV_ENDPOINTS", endpoints}, {"KV_LEVEL", "all"}, {"KV_OUTPUT", "json"}});
  EXPECT_THAT(Json::parse(level.out).at("replicas"), SizeIs(3));
  EXPECT_EQ(get({{"KV_ENDPOINTS", endpoints}, {"KV_TIMEOUT", "2 parsecs"}}).code, 2);
  EXPECT_EQ(get({{"KV_ENDPOINTS", endpoints}, {"KV_LEVEL", "two"}}).code, 2);
}

std::vector<std::string> names_of(const Json& object) {
  std::vector<std::string> names;
  for (const auto& item : object.items()) names.push_back(item.key());
  return names;
}

TEST_F(Commands, JsonHasTheFieldsOfTheContract) {
  const Json put = kv().json({"put", "json", "value"});
  EXPECT_THAT(names_of(put),
              testing::UnorderedElementsAre("key", "dot", "token", "acks", "coordinator"));
  EXPECT_EQ(put.at("key"), "json");
  EXPECT_THAT(put.at("dot").get<std::string>(), MatchesRegex("[0-9a-f]+:[0-9]+"));
  EXPECT_THAT(put.at("token").get<std::string>(), MatchesRegex("[-_A-Za-z0-9]+"));
  EXPECT_THAT(put.at("coordinator").get<std::string>(), MatchesRegex("n[123]"));

  const Json get = kv().json({"get", "json", "--level", "all"});
  EXPECT_THAT(names_of(get),
              testing::UnorderedElementsAre("key", "values", "token", "replicas", "agreed"));
  EXPECT_EQ(get.at("values"), Json::array({"value"}));
  EXPECT_EQ(get.at("agreed"), true);
  EXPECT_THAT(get.at("replicas").get<std::vector<std::string>>(),
              testing::UnorderedElementsAre("n1", "n2", "n3"));

  const Json del = kv().json({"del", "json"});
  EXPECT_EQ(names_of(del), names_of(put));
  EXPECT_NE(del.at("dot"), put.at("dot"));
}

TEST_F(Commands, StatusListsEveryNodeAndEachPeer) {
  // One endpoint is enough: the others are members that it names.
  const Json status = cluster().at("n2").json({"status"});
  ASSERT_THAT(status.at("nodes"), SizeIs(3));
  for (std::size_t i = 0; i < 3; ++i) {
    const Json& node = status.at("nodes").at(i);
    EXPECT_EQ(node.at("id"), cluster().nodes().at(i).id);
    EXPECT_EQ(node.at("address"), cluster().nodes().at(i).client);
    EXPECT_EQ(node.at("state"), "alive");
    EXPECT_TRUE(node.at("keys").is_number_unsigned());
    EXPECT_TRUE(node.at("clock_skew_ms").is_number_integer());
    ASSERT_THAT(node.at("peers"), SizeIs(2));
    for (const Json& peer : node.at("peers")) {
      EXPECT_NE(peer.at("id"), node.at("id"));
      EXPECT_TRUE(peer.at("debt_dots").is_number_unsigned());
      EXPECT_TRUE(peer.at("debt_age_ms").is_number_unsigned());
    }
  }
  const Result table = kv()({"status"});
  EXPECT_EQ(table.code, 0);
  for (const std::string text : {"NODE", "STATE", "PEERS", "n1", "n2", "n3", "64/64"})
    EXPECT_THAT(table.out, HasSubstr(text));
}

// Keys of one prefix lie in all 64 partitions; a scan puts them back in order.
TEST_F(Commands, ScanIsInOrderAcrossPartitions) {
  const Records records = make_records("scan/", 1200);
  ASSERT_EQ(kv()({"import", "-"}, to_tsv(records)).code, 0);
  const auto keys = [&](const Arguments& arguments) {
    Arguments all = {"scan"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Result result = cluster().at("n2")(all);
    EXPECT_EQ(result.code, 0) << result;
    std::vector<std::string> found;
    std::istringstream stream(result.out);
    for (std::string line; std::getline(stream, line);)
      found.push_back(line.substr(0, line.find('\t')));
    return found;
  };
  std::vector<std::string> all;
  for (const auto& [key, value] : records) all.push_back(key);
  EXPECT_EQ(keys({"--prefix", "scan/"}), all);
  EXPECT_EQ(keys({"--prefix", "scan/0001"}),
            std::vector<std::string>(all.begin() + 10, all.begin() + 20));
  EXPECT_EQ(keys({"--start", "scan/00100", "--end", "scan/00103"}),
            std::vector<std::string>(all.begin() + 100, all.begin() + 103));
  EXPECT_EQ(keys({"--prefix", "scan/", "--limit", "7"}),
            std::vector<std::string>(all.begin(), all.begin() + 7));
  EXPECT_EQ(keys({"--prefix", "scan/", "--start", "scan/01198"}),
            (std::vector<std::string>{all[1198], all[1199]}));
  EXPECT_THAT(keys({"--prefix", "scan/none"}), SizeIs(0));
  EXPECT_THAT(keys({"--start", "scan/b", "--end", "scan/a"}), SizeIs(0));
  EXPECT_EQ(parse_json_lines(kv()({"scan", "--prefix", "scan/", "-o", "json"}).out), records);

  ASSERT_EQ(kv()({"del", "scan/00500", "--level", "all"}).code, 0);
  EXPECT_EQ(keys({"--start", "scan/00499", "--end", "scan/00502"}),
            (std::vector<std::string>{all[499], all[501]}));
}

TEST_F(Commands, DelTakesSeveralKeys) {
  const Records records = make_records("del/", 450);
  ASSERT_EQ(kv()({"import", "-"}, to_tsv(records)).code, 0);
  Arguments arguments = {"del", "--level", "all", "-o", "json"};
  for (const auto& [key, value] : records)
    if (key != "del/00007") arguments.push_back(key);
  const Result result = cluster().at("n2")(arguments);
  EXPECT_EQ(result.code, 0) << result.err;
  std::istringstream lines(result.out);
  std::size_t answered = 5;
  for (std::string line; std::getline(lines, line); ++answered)
    EXPECT_EQ(Json::parse(line).at("key"), arguments.at(answered));
  EXPECT_EQ(answered, arguments.size());
  for (const std::string id : {"n1", "n2", "n3"})
    EXPECT_EQ(cluster().at(id)({"scan", "--prefix", "del/", "--level", "one"}).out,
              "del/00007\t" + records.at("del/00007") + "\n");
}

TEST_F(Commands, DurabilityDiskIsAcknowledged) {
  const Json put = kv().json({"put", "durable", "v", "--durability", "disk", "--level", "all"});
  EXPECT_EQ(put.at("acks"), 3);
  EXPECT_EQ(kv().get("durable"), "v");
  EXPECT_EQ(kv()({"del", "durable", "--durability", "disk"}).code, 0);
}

}  // namespace
}  // namespace kv::e2e
