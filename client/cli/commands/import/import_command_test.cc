// import, against fake nodes: what is stored, what is said, and what a dying node changes.
#include <gtest/gtest.h>

#include <atomic>

#include "client/cli/commands/testing/cli_fixture.h"
#include "client/testing/fake_node.h"
#include "client/testing/sockets.h"

namespace kv::cli {
namespace {

using client::testing::failure;
using client::testing::FakeNode;
using client::testing::FakeStore;
using client::testing::packed;
using client::testing::RefusingPort;
using client::testing::Tunnel;

std::string json_lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += "{\"key\":\"k" + std::to_string(i) + "\",\"value\":\"v" + std::to_string(i) + "\"}\n";
  }
  return text;
}

class ImportCommand : public CliTest {
 protected:
  ImportCommand() { set_environment("KV_ENDPOINTS", node_.address()); }

  // Refuses the keys that `failures` names.
  void refuse(std::map<std::string, v1::Failure> failures) {
    node_.set_operation_hook(
        [failures](const v1::BatchRequest::Operation& operation) -> std::optional<v1::Failure> {
          const auto found = failures.find(operation.put().key());
          return found == failures.end() ? std::nullopt : std::optional(found->second);
        });
  }

  const std::shared_ptr<FakeStore> store_ = std::make_shared<FakeStore>();
  FakeNode node_{store_};
};

TEST_F(ImportCommand, StoresEveryLine) {
  const CliResult result = run({"import", "-", "--batch", "7"}, json_lines(100));
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err.substr(0, 30), "imported 100 records, 580 B in");
  EXPECT_NE(result.err.find("/s), 0 refused\n"), std::string::npos);
  EXPECT_EQ(store_->all().size(), 100U);
  EXPECT_EQ(store_->value("k99"), "v99");
  EXPECT_EQ(node_.calls("Batch"), 15);
}

TEST_F(ImportCommand, ReadsFilesInBothFormats) {
  const InputFile file("a\t1\r\n\nb\\t\t2");
  EXPECT_EQ(run({"import", file.path()}).code, 0);
  EXPECT_EQ(store_->all(), (std::map<std::string, std::string>{{"a", "1"}, {"b\t", "2"}}));
  EXPECT_EQ(run({"import", file.path(), "--format", "json"}).code, 2);
  file.remove();
  const CliResult missing = run({"import", file.path()});
  EXPECT_EQ(missing.code, 2);
  EXPECT_NE(missing.err.find("cannot read " + file.path()), std::string::npos);
  EXPECT_EQ(run({"import", "-"}, "").code, 0);
}

TEST_F(ImportCommand, TsvThatLooksLikeJsonIsStillTsv) {
  const std::map<std::string, std::string> records = {
      {"{\"key\":1}", "a"}, {"{", "{}"}, {"b", "2"}};
  const std::string tsv = "{\"key\":1}\ta\n{\t{}\nb\t2\n";
  const InputFile file(tsv, ".TSV");
  const CliResult by_name = run({"import", file.path()});
  EXPECT_EQ(by_name.code, 0) << by_name.err;
  EXPECT_EQ(store_->all(), records);
  EXPECT_EQ(run({"import", file.path(), "--format", "json"}).code, 2);
  FakeNode other;
  EXPECT_EQ(run({"--endpoints", other.address(), "import", "-", "--format", "tsv"}, tsv).code, 0);
  EXPECT_EQ(other.store().all(), records);
  // Nothing but the first line is left to decide.
  EXPECT_EQ(run({"import", "-"}, tsv).code, 2);
}

TEST_F(ImportCommand, ReportsRefusedLinesAndImportsTheOthers) {
  const std::string input = json_lines(2) + "oops\n" + "{\"key\":\"\",\"value\":\"v\"}\n" +
                            "{\"key\":\"last\",\"value\":\"v\"}\n";
  const CliResult result = run({"import", "-"}, input);
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.err.substr(0, result.err.find("imported")),
            "line 3: refused: not JSON: wrong at byte 1\n"
            "line 4: refused: key is empty; it must have 1 to 4096 bytes\n");
  EXPECT_NE(result.err.find("imported 3 records"), std::string::npos);
  EXPECT_NE(result.err.find("2 refused"), std::string::npos);
  EXPECT_EQ(store_->all().size(), 3U);
}

TEST_F(ImportCommand, ReportsAsJson) {
  const CliResult result = run({"import", "-", "-o", "json"}, json_lines(1) + "oops\n");
  EXPECT_EQ(result.code, 2);
  std::istringstream lines(result.err);
  std::string line;
  std::getline(lines, line);
  const nlohmann::json refused = nlohmann::json::parse(line);
  EXPECT_EQ(refused.at("line"), 2);
  EXPECT_EQ(refused.at("outcome"), "not_applied");
  std::getline(lines, line);
  const nlohmann::json summary = nlohmann::json::parse(line);
  EXPECT_EQ(summary.at("records"), 1);
  EXPECT_EQ(summary.at("refused"), 1);
  EXPECT_EQ(summary.at("bytes"), 4);
}

TEST_F(ImportCommand, GoesOnAfterALineThatANodeRefuses) {
  refuse({{"k1", failure(grpc::StatusCode::INVALID_ARGUMENT, "no such keys here")}});
  const CliResult result = run({"import", "-", "--batch", "2"}, json_lines(6));
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.err.substr(0, result.err.find('\n')), "line 2: refused: no such keys here");
  EXPECT_EQ(store_->all().size(), 5U);
}

TEST_F(ImportCommand, StopsWhenRepeatingDoesNotHelp) {
  refuse({{"k1", failure(grpc::StatusCode::UNAVAILABLE, "1 of 3 replicas alive")}});
  const CliResult result = run(
      {"import", "-", "--batch", "2", "--in-flight", "1", "--retry-for", "0s"}, json_lines(1000));
  EXPECT_EQ(result.code, 5);
  EXPECT_EQ(result.err.substr(0, result.err.find('\n')), "line 2: refused: 1 of 3 replicas alive");
  EXPECT_NE(result.err.find("kv: stopped: nothing after line "), std::string::npos) << result.err;
  EXPECT_LT(store_->all().size(), 999U);
}

TEST_F(ImportCommand, TellsUnknownOutcomesApart) {
  refuse({{"k0", failure(grpc::StatusCode::DEADLINE_EXCEEDED, "1 of 2 acknowledged",
                         v1::Failure::UNKNOWN, client::Dot{.actor = 1, .counter = 2})}});
  const CliResult result = run({"import", "-", "--retry-for", "0s"}, json_lines(2));
  EXPECT_EQ(result.code, 6);
  EXPECT_EQ(result.err.substr(0, result.err.find('\n')),
            "line 1: outcome unknown (dot 0000000000000001:2): 1 of 2 acknowledged");
}

TEST_F(ImportCommand, RepeatsWhatTimeCanHelp) {
  std::atomic<int> refusals{3};
  node_.set_operation_hook([&](const v1::BatchRequest::Operation&) -> std::optional<v1::Failure> {
    if (refusals-- > 0) return failure(grpc::StatusCode::UNAVAILABLE, "electing nobody");
    return std::nullopt;
  });
  const CliResult result = run({"import", "-"}, json_lines(10));
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err.substr(0, result.err.find('\n')), "kv: retrying: electing nobody");
  EXPECT_EQ(store_->all().size(), 10U);
}

TEST_F(ImportCommand, SurvivesTheDeathOfANodeMidway) {
  FakeNode dying(store_);
  Tunnel tunnel(dying.address());
  std::atomic<int> batches{0};
  dying.set_hook([&](const std::string&, grpc::ServerContext&) -> std::optional<grpc::Status> {
    if (++batches == 10) tunnel.cut();
    return std::nullopt;
  });
  const CliResult result = run({"--endpoints", tunnel.address() + "," + node_.address(), "import",
                                "-", "--batch", "20", "--timeout", "20s"},
                               json_lines(2000));
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(store_->all().size(), 2000U);
  EXPECT_GT(node_.calls("Batch"), 0);
  EXPECT_NE(result.err.find("imported 2,000 records"), std::string::npos);
  EXPECT_NE(result.err.find("0 refused"), std::string::npos);
}

TEST_F(ImportCommand, SaysWhenNobodyIsThere) {
  RefusingPort dead;
  const CliResult result =
      run({"--endpoints", dead.address(), "import", "-", "--retry-for", "0s"}, json_lines(1));
  EXPECT_EQ(result.code, 3);
  EXPECT_EQ(run({"import", "-", "--bucket", "b"}, json_lines(1)).code, 0);
}

// Each key is written ten times in a row, with every batch racing against others: the last line
// must win.
TEST_F(ImportCommand, StoresLinesOfOneKeyInTheirOrder) {
  std::string input;
  for (int i = 0; i < 500; ++i) {
    input += "{\"key\":\"k" + std::to_string(i / 10) + "\",\"value\":\"" + std::to_string(i % 10) +
             "\"}\n";
  }
  EXPECT_EQ(run({"import", "-", "--batch", "3", "--in-flight", "8"}, input).code, 0);
  const auto all = store_->all();
  EXPECT_EQ(all.size(), 50U);
  for (const auto& record : all) EXPECT_EQ(record.second, "9") << record.first;
}

TEST_F(ImportCommand, PassesLevelBucketAndDurability) {
  EXPECT_EQ(
      run({"import", "-", "--level", "all", "--bucket", "b", "--durability", "disk"}, json_lines(1))
          .code,
      0);
  EXPECT_EQ(node_.last_put().level(), v1::LEVEL_ALL);
  EXPECT_EQ(node_.last_put().bucket(), "b");
  EXPECT_EQ(node_.last_put().durability(), v1::DURABILITY_DISK);
}

TEST_F(ImportCommand, ChecksItsFlags) {
  for (const auto& flags : std::vector<std::vector<std::string>>{{"--batch", "0"},
                                                                 {"--batch", "1001"},
                                                                 {"--in-flight", "0"},
                                                                 {"--in-flight", "257"},
                                                                 {"--retry-for", "x"},
                                                                 {"--format", "csv"}}) {
    std::vector<std::string> arguments = {"import", "-"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    EXPECT_EQ(run(arguments).code, 2) << flags[0];
  }
}

TEST_F(ImportCommand, ShowsProgressOnATerminal) {
  err_is_terminal_ = true;
  const CliResult result = run({"import", "-"}, json_lines(10));
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.err.substr(0, 4), "\r\x1b[K");
  EXPECT_NE(result.err.find(" records  "), std::string::npos);
  // The bar is gone before the summary.
  EXPECT_NE(result.err.find("\r\x1b[Kimported 10 records"), std::string::npos);
}

}  // namespace
}  // namespace kv::cli
