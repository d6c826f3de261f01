// scan, export and status, against fake nodes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/commands/testing/cli_fixture.h"
#include "client/testing/fake_node.h"
#include "client/testing/sockets.h"

namespace kv::cli {
namespace {

using client::testing::failure;
using client::testing::FakeNode;
using client::testing::packed;
using client::testing::RefusingPort;

class ScanCommands : public CliTest {
 protected:
  ScanCommands() {
    set_environment("KV_ENDPOINTS", node_.address());
    node_.store().write("a", "1", "");
    node_.store().write("b\t", "two\nlines", "");
    node_.store().write("c", "\xff", "");
  }

  FakeNode node_;
};

TEST_F(ScanCommands, ScanPrintsEscapedLines) {
  const CliResult scan = run({"scan"});
  EXPECT_EQ(scan.code, 0);
  EXPECT_EQ(scan.out, "a\t1\nb\\t\ttwo\\nlines\nc\t\\xff\n");
  EXPECT_EQ(scan.err, "");
  EXPECT_EQ(run({"scan", "--base64", "--prefix", "Yw=="}).out, "Yw==\t/w==\n");
}

TEST_F(ScanCommands, ScanAsJson) {
  EXPECT_EQ(run({"scan", "-o", "json"}).out,
            "{\"key\":\"a\",\"value\":\"1\"}\n{\"key\":\"b\\t\",\"value\":\"two\\nlines\"}\n"
            "{\"key\":\"c\",\"value_base64\":\"/w==\"}\n");
  node_.store().add_sibling("a", "other");
  EXPECT_EQ(run({"scan", "-o", "json", "--limit", "1"}).json().at("values"),
            (nlohmann::json::array({"1", "other"})));
  EXPECT_EQ(run({"scan", "--limit", "1"}).out, "a\t1\na\tother\n");
}

TEST_F(ScanCommands, ScanAsTable) {
  EXPECT_EQ(run({"scan", "-o", "table"}).out,
            "KEY  VALUE\na    1\nb\\t  two\\nlines\nc    \\xff\n");
  EXPECT_EQ(run({"scan", "-o", "table", "--base64", "--start", "Yw=="}).out,
            "KEY   VALUE\nYw==  /w==\n");
  EXPECT_EQ(run({"scan", "-o", "table", "--prefix", "none"}).out, "KEY  VALUE\n");
  node_.store().add_sibling("a", "other");
  EXPECT_EQ(run({"scan", "-o", "table", "--limit", "1"}).out, "KEY  VALUE\na    1\na    other\n");
}

TEST_F(ScanCommands, ScanPassesItsBounds) {
  EXPECT_EQ(
      run({"scan", "--start", "b", "--end", "c", "--prefix", "b", "--limit", "7", "--level", "all"})
          .out,
      "b\\t\ttwo\\nlines\n");
  EXPECT_EQ(node_.last_scan().start(), "b");
  EXPECT_EQ(node_.last_scan().end(), "c");
  EXPECT_EQ(node_.last_scan().prefix(), "b");
  EXPECT_EQ(node_.last_scan().limit(), 7U);
  EXPECT_EQ(node_.last_scan().level(), v1::LEVEL_ALL);
  EXPECT_EQ(run({"scan", "--limit", "-1"}).code, 2);
  EXPECT_EQ(run({"scan", "--limit", "x"}).code, 2);
}

TEST_F(ScanCommands, ScanThatFailsMidwayKeepsWhatItPrinted) {
  node_.set_page_hook([](int) {
    return packed(failure(grpc::StatusCode::UNAVAILABLE, "2 of 3 partitions' replicas are gone"));
  });
  const CliResult scan = run({"scan"});
  EXPECT_EQ(scan.code, 5);
  EXPECT_EQ(scan.out, "a\t1\nb\\t\ttwo\\nlines\n");
  EXPECT_EQ(scan.err, "kv: 2 of 3 partitions' replicas are gone\n");
}

TEST_F(ScanCommands, ExportIsReadBackByImport) {
  std::string every_byte;
  for (int byte = 0; byte < 256; ++byte) every_byte.push_back(static_cast<char>(byte));
  node_.store().write(every_byte, every_byte, "");
  node_.store().write("{\"key\"", "", "");
  const auto all = node_.store().all();
  for (const std::vector<std::string>& flags : std::vector<std::vector<std::string>>{
           {}, {"--base64"}, {"--format", "tsv"}, {"--format", "tsv", "--base64"}}) {
    std::vector<std::string> exporting = {"export"};
    exporting.insert(exporting.end(), flags.begin(), flags.end());
    const CliResult exported = run(exporting);
    EXPECT_EQ(exported.code, 0);
    EXPECT_EQ(exported.err.substr(0, 19), "exported 5 records,");
    FakeNode other;
    std::vector<std::string> importing = {"--endpoints", other.address(), "import", "-"};
    if (flags.size() == 3) importing.emplace_back("--base64");
    const CliResult imported = run(importing, exported.out);
    EXPECT_EQ(imported.code, 0) << imported.err;
    EXPECT_EQ(other.store().all(), all);
  }
}

TEST_F(ScanCommands, ExportReportsSiblingsItCannotWrite) {
  node_.store().add_sibling("a", "other");
  const CliResult exported = run({"export"});
  EXPECT_EQ(exported.code, 7);
  EXPECT_EQ(exported.out.substr(0, 12), "{\"key\":\"b\\t\"");
  EXPECT_EQ(exported.err.substr(0, exported.err.find('\n')),
            "kv: a: not exported: the key has 2 siblings");
  const CliResult json = run({"export", "-o", "json"});
  EXPECT_EQ(json.err.substr(0, json.err.find('\n')),
            "{\"error\":\"not exported: the key has 2 siblings\",\"key\":\"a\"}");
}

class StatusCommand : public CliTest {
 protected:
  StatusCommand() {
    v1::StatusResponse response;
    response.set_cluster("demo");
    response.set_id("n1");
    response.set_keys(60123);
    response.set_clock_skew_ms(-2);
    response.set_disk_bytes(4 * 1024 * 1024);
    response.set_memory_bytes(30 * 1024 * 1024);
    response.set_dot_log_entries(12);
    response.set_max_dot_log_entries(16'000'000);
    response.set_markers(1003);
    response.set_replicas_unfit(3);
    response.set_replicas_discarded(4);
    response.set_partitions(64);
    response.set_partitions_total(64);
    response.set_n(3);
    for (const auto& [id, address] :
         {std::pair{"n1", node_.address()}, std::pair{"n2", dead_.address()}}) {
      v1::StatusResponse::Member* member = response.add_members();
      member->set_id(id);
      member->set_client_address(address);
    }
    v1::StatusResponse::Peer* peer = response.add_peers();
    peer->set_id("n2");
    peer->set_debt_dots(5003);
    peer->set_debt_age_ms(12'400);
    peer->set_transfers_owed(2);
    response.mutable_anti_entropy()->set_objects_sent(7);
    response.mutable_reads()->set_repairs(8);
    response.mutable_scrub()->set_different(9);
    response.mutable_scrub()->set_mended(6);
    node_.set_status(response);
  }

  FakeNode node_;
  RefusingPort dead_;
};

TEST_F(StatusCommand, AsJson) {
  const CliResult status = run({"--endpoints", node_.address(), "status", "-o", "json"});
  EXPECT_EQ(status.code, 0);
  const nlohmann::json nodes = status.json().at("nodes");
  ASSERT_EQ(nodes.size(), 2U);
  EXPECT_EQ(nodes[0].at("id"), "n1");
  EXPECT_EQ(nodes[0].at("address"), node_.address());
  EXPECT_EQ(nodes[0].at("state"), "alive");
  EXPECT_EQ(nodes[0].at("keys"), 60123);
  EXPECT_EQ(nodes[0].at("clock_skew_ms"), -2);
  EXPECT_EQ(nodes[0].at("disk_bytes"), 4 * 1024 * 1024);
  EXPECT_EQ(nodes[0].at("memory_bytes"), 30 * 1024 * 1024);
  EXPECT_EQ(nodes[0].at("dot_log_entries"), 12);
  EXPECT_EQ(nodes[0].at("max_dot_log_entries"), 16'000'000);
  EXPECT_EQ(nodes[0].at("markers"), 1003);
  EXPECT_EQ(nodes[0].at("replicas_unfit"), 3);
  EXPECT_EQ(nodes[0].at("replicas_discarded"), 4);
  EXPECT_EQ(nodes[0].at("partitions"), 64);
  EXPECT_EQ(nodes[0].at("anti_entropy").at("objects_sent"), 7);
  EXPECT_EQ(nodes[0].at("reads").at("repairs"), 8);
  EXPECT_EQ(nodes[0].at("scrub").at("mended"), 6);
  EXPECT_THAT(status.err, testing::HasSubstr("scrub has found 9 keys in which replicas differed, "
                                             "and mended 6 here"));
  EXPECT_EQ(nodes[0].at("peers"), (nlohmann::json::array({{{"id", "n2"},
                                                           {"alive", false},
                                                           {"debt_dots", 5003},
                                                           {"debt_age_ms", 12'400},
                                                           {"transfers_owed", 2},
                                                           {"clock_skew_ms", 0}}})));
  EXPECT_EQ(nodes[1].at("id"), "n2");
  EXPECT_EQ(nodes[1].at("state"), "unreachable");
  EXPECT_EQ(nodes[1].at("error"), dead_.address() + ": cannot connect");
}

TEST_F(StatusCommand, AsTable) {
  const CliResult status = run({"--endpoints", dead_.address() + "," + node_.address(), "status"});
  EXPECT_EQ(status.code, 0);
  for (const char* text :
       {"NODE", "60,123", "4.0 MiB", "64/64", "n2 unreachable, owed 5,003 dots for 12.4 s"}) {
    EXPECT_NE(status.out.find(text), std::string::npos) << status.out;
  }
  EXPECT_EQ(status.out, run({"--endpoints", node_.address(), "status", "-o", "table"}).out);
}

TEST_F(StatusCommand, SaysWhoseClockIsOff) {
  v1::StatusResponse response;
  response.set_id("n1");
  response.set_clock_skew_ms(5003);
  response.set_skewed(true);
  node_.set_status(response);
  const CliResult json = run({"--endpoints", node_.address(), "status", "-o", "json"});
  EXPECT_EQ(json.json().at("nodes")[0].at("state"), "skewed");
  EXPECT_EQ(json.json().at("nodes")[0].at("clock_skew_ms"), 5003);
  const CliResult table = run({"--endpoints", node_.address(), "status", "-o", "table"});
  EXPECT_NE(table.out.find("skewed"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("5003 ms"), std::string::npos) << table.out;
}

TEST_F(StatusCommand, FailsWhenNobodyAnswers) {
  const CliResult status = run({"--endpoints", dead_.address(), "status"});
  EXPECT_EQ(status.code, 3);
  EXPECT_EQ(status.out, "");
  EXPECT_EQ(run({"--endpoints", dead_.address(), "status", "-o", "json"}).error().at("code"),
            "UNAVAILABLE");
}

}  // namespace
}  // namespace kv::cli
