#include "node/adapters/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace kv {
namespace {

namespace fs = std::filesystem;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

constexpr const char* kMinimal = R"(cluster = "c"
[[node]]
id = "n1"
client = "127.0.0.1:7101"
peer = "127.0.0.1:7201"
)";

std::string minimal_and(std::string_view more) { return std::string(kMinimal).append(more); }

Config parsed(std::string_view text) {
  auto config = parse_config(text, "test.toml");
  EXPECT_TRUE(config.ok()) << config.status().message();
  return config.ok() ? *config : Config{};
}

std::string refusal(std::string_view text) {
  const auto config = parse_config(text, "test.toml");
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(config.status().message());
}

TEST(Config, TheLeastThatAFileMustSayGetsTheDefaults) {
  const Config config = parsed(kMinimal);
  EXPECT_EQ(config.cluster, "c");
  EXPECT_EQ(config.partitions, 64u);
  EXPECT_EQ(config.replicas, 3u);
  ASSERT_EQ(config.nodes.size(), 1u);
  EXPECT_EQ(config.nodes[0].id, "n1");
  EXPECT_EQ(config.nodes[0].client, "127.0.0.1:7101");
  EXPECT_EQ(config.nodes[0].peer, "127.0.0.1:7201");
  EXPECT_EQ(config.nodes[0].zone, "");
  EXPECT_EQ(config.storage.block_cache_bytes, 64u << 20);
  EXPECT_EQ(config.storage.write_buffer_bytes, 16u << 20);
  EXPECT_EQ(config.storage.change_log_bytes, 128u << 20);
  EXPECT_EQ(config.limits.max_watchers, 1000u);
  EXPECT_EQ(config.storage.sync_interval_ms, 100);
  EXPECT_EQ(config.limits.max_pending_requests, 10'000u);
  EXPECT_EQ(config.limits.max_pending_bytes, 64u << 20);
  EXPECT_EQ(config.limits.max_replication_in_flight_bytes, 16u << 20);
  EXPECT_EQ(config.limits.max_dot_log_entries, 250'000u);
  EXPECT_EQ(config.replication.probe_interval_ms, 1000);
  EXPECT_EQ(config.replication.heartbeat_interval_ms, 250);
  EXPECT_EQ(config.replication.failure_timeout_ms, 2000);
  EXPECT_EQ(config.replication.page_bytes, 256u << 10);
  EXPECT_EQ(config.clock.max_skew_ms, 500);
  EXPECT_EQ(config.server.shards, 1u);
  EXPECT_EQ(config.log.format, log::Format::kHuman);
  EXPECT_EQ(config.log.level, log::Level::kInfo);
}

TEST(Config, EverySettingIsTaken) {
  const Config config = parsed(R"(
cluster = "shop"
partitions = 128
replicas = 2
bucket_replicas = [2, 1]
[[node]]
id = "b"
client = "[::1]:1"
peer = "b.example.com:2"
zone = "west"
[[node]]
id = "a"
client = "h:3"
peer = "h:4"
[storage]
block_cache_bytes = "1GiB"
write_buffer_bytes = 2000000
change_log_bytes = 5000000
sync_interval_ms = 7
[limits]
max_pending_requests = 11
max_pending_bytes = "9MiB"
max_replication_in_flight_bytes = "10MiB"
max_dot_log_entries = 1000
max_watchers = 9
[replication]
probe_interval_ms = 12
heartbeat_interval_ms = 13
failure_timeout_ms = 26
page_bytes = "8KiB"
scrub_bytes_per_s = "16KiB"
[clock]
max_skew_ms = 14
[server]
shards = 15
[log]
format = "json"
level = "error"
)");
  EXPECT_EQ(config.cluster, "shop");
  EXPECT_EQ(config.partitions, 128u);
  EXPECT_EQ(config.replicas, 2u);
  EXPECT_EQ(config.bucket_replicas, (std::set<std::uint32_t>{1, 2}));
  ASSERT_EQ(config.nodes.size(), 2u);
  EXPECT_EQ(config.nodes[0].id, "b");
  EXPECT_EQ(config.nodes[0].client, "[::1]:1");
  EXPECT_EQ(config.nodes[0].peer, "b.example.com:2");
  EXPECT_EQ(config.nodes[0].zone, "west");
  EXPECT_EQ(config.nodes[1].id, "a");
  EXPECT_EQ(config.storage.block_cache_bytes, 1u << 30);
  EXPECT_EQ(config.storage.write_buffer_bytes, 2'000'000u);
  EXPECT_EQ(config.storage.change_log_bytes, 5'000'000u);
  EXPECT_EQ(config.limits.max_watchers, 9u);
  EXPECT_EQ(config.storage.sync_interval_ms, 7);
  EXPECT_EQ(config.limits.max_pending_requests, 11u);
  EXPECT_EQ(config.limits.max_pending_bytes, 9u << 20);
  EXPECT_EQ(config.limits.max_replication_in_flight_bytes, 10u << 20);
  EXPECT_EQ(config.limits.max_dot_log_entries, 1000u);
  EXPECT_EQ(config.replication.probe_interval_ms, 12);
  EXPECT_EQ(config.replication.heartbeat_interval_ms, 13);
  EXPECT_EQ(config.replication.failure_timeout_ms, 26);
  EXPECT_EQ(config.replication.page_bytes, 8u << 10);
  EXPECT_EQ(config.replication.scrub_bytes_per_s, 16 << 10);
  EXPECT_EQ(config.clock.max_skew_ms, 14);
  EXPECT_EQ(config.server.shards, 15u);
  EXPECT_EQ(config.log.format, log::Format::kJson);
  EXPECT_EQ(config.log.level, log::Level::kError);
}

TEST(Config, ListNodesHasOneLineForEachInTheOrderOfTheFile) {
  const Config config = parsed(R"(cluster = "c"
node = [{id = "b", client = "h:1", peer = "h:2", zone = "west"}, {id = "a", client = "h:3", peer = "h:4"}]
)");
  EXPECT_EQ(list_nodes(config), "b\th:1\th:2\twest\na\th:3\th:4\t-\n");
}

struct Bad {
  const char* more;   // after kMinimal, whose five lines are right
  const char* error;  // after "test.toml:"
};

TEST(Config, BadValuesAreRefusedWithTheirLineAndWhatWasExpected) {
  for (const Bad& bad : {
           Bad{"[storage]\nsync_interval_ms = 0\n",
               "7: found storage.sync_interval_ms = 0; expected an integer from 1 to 100"},
           Bad{"[storage]\nsync_interval_ms = 101\n",
               "7: found storage.sync_interval_ms = 101; expected an integer from 1 to 100"},
           Bad{"[storage]\n\nsync_interval_ms = \"100\"\n",
               "8: found storage.sync_interval_ms = \"100\"; expected an integer from 1 to 100"},
           Bad{"[storage]\nsync_interval_ms = 1.5\n",
               "7: found storage.sync_interval_ms = 1.5; expected an integer from 1 to 100"},
           Bad{"[storage]\nsync_interval_ms = true\n",
               "7: found storage.sync_interval_ms = true; expected an integer from 1 to 100"},
           Bad{"[storage]\nsync_interval_ms = [1]\n",
               "7: found storage.sync_interval_ms = an array; expected an integer from 1 to 100"},
           Bad{"[storage]\nsync_interval_ms = {a = 1}\n",
               "7: found storage.sync_interval_ms = a table; expected an integer from 1 to 100"},
           Bad{"[storage]\nsync_interval_ms = 2024-05-01\n",
               "7: found storage.sync_interval_ms = a date or time; expected an integer from 1 to "
               "100"},
           Bad{"[storage]\nblock_cache_bytes = \"32MB\"\n",
               "7: found storage.block_cache_bytes = \"32MB\"; expected a size from 1048576 to "
               "1099511627776 bytes, as an integer or as \"32MiB\" (B, KiB, MiB, GiB)"},
           Bad{"[storage]\nblock_cache_bytes = -1\n",
               "7: found storage.block_cache_bytes = -1; expected a size from 1048576 to "
               "1099511627776 bytes, as an integer or as \"32MiB\" (B, KiB, MiB, GiB)"},
           Bad{"[log]\nformat = \"xml\"\n",
               "7: found log.format = \"xml\"; expected one of \"human\", \"json\""},
           Bad{"[log]\nlevel = 3\n",
               "7: found log.level = 3; expected one of \"debug\", \"info\", \"warn\", \"error\""},
           Bad{"[server]\nshards = 65\n",
               "7: found server.shards = 65; expected an integer from 1 to 64"},
           Bad{"[replication]\nfailure_timeout_ms = 499\n",
               "7: found replication.failure_timeout_ms = 499 with heartbeat_interval_ms = 250; "
               "expected a "
               "timeout of at least twice the interval, so that one late answer is no failure"},
           Bad{"[replication]\nheartbeat_interval_ms = 1001\n",
               "7: found replication.failure_timeout_ms = 2000 with heartbeat_interval_ms = 1001; "
               "expected a "
               "timeout of at least twice the interval, so that one late answer is no failure"},
       }) {
    EXPECT_EQ(refusal(minimal_and(bad.more)), absl::StrCat("test.toml:", bad.error));
  }
}

// Each setting has limits, and both of them are inside.
TEST(Config, LimitsAreInclusive) {
  struct Range {
    const char* section;
    const char* key;
    std::uint64_t min;
    std::uint64_t max;
  };
  for (const Range& range : {
           Range{"storage", "block_cache_bytes", 1 << 20, std::uint64_t{1} << 40},
           Range{"storage", "write_buffer_bytes", 1 << 20, std::uint64_t{4} << 30},
           Range{"storage", "change_log_bytes", 1 << 20, std::uint64_t{1024} << 30},
           Range{"limits", "max_watchers", 1, 100'000},
           Range{"storage", "sync_interval_ms", 1, 100},
           Range{"limits", "max_pending_requests", 1, 1'000'000},
           Range{"limits", "max_pending_bytes", 8 << 20, std::uint64_t{64} << 30},
           Range{"limits", "max_replication_in_flight_bytes", 8 << 20, std::uint64_t{4} << 30},
           Range{"limits", "max_dot_log_entries", 100, 1'000'000'000},
           Range{"replication", "probe_interval_ms", 10, 3'600'000},
           Range{"replication", "page_bytes", 4 << 10, 4 << 20},
           Range{"replication", "scrub_bytes_per_s", 1 << 10, 1 << 30},
           Range{"clock", "max_skew_ms", 1, 3'600'000},
           Range{"server", "shards", 1, 64},
       }) {
    const auto with = [&](std::uint64_t value) {
      return minimal_and(absl::StrCat("[", range.section, "]\n", range.key, " = ", value, "\n"));
    };
    EXPECT_TRUE(parse_config(with(range.min), "f").ok()) << range.key;
    EXPECT_TRUE(parse_config(with(range.max), "f").ok()) << range.key;
    const std::string found = absl::StrCat("found ", range.section, ".", range.key, " = ");
    EXPECT_THAT(refusal(with(range.min - 1)), HasSubstr(absl::StrCat(found, range.min - 1)));
    EXPECT_THAT(refusal(with(range.max + 1)), HasSubstr(absl::StrCat(found, range.max + 1)));
  }
  const auto timeouts = [](int heartbeat, int timeout) {
    return minimal_and(absl::StrCat("[replication]\nheartbeat_interval_ms = ", heartbeat,
                                    "\nfailure_timeout_ms = ", timeout, "\n"));
  };
  EXPECT_EQ(parsed(timeouts(10, 20)).replication.failure_timeout_ms, 20);
  EXPECT_EQ(parsed(timeouts(60'000, 600'000)).replication.heartbeat_interval_ms, 60'000);
  EXPECT_THAT(refusal(timeouts(9, 600)), HasSubstr("from 10 to 60000"));
  EXPECT_THAT(refusal(timeouts(60'001, 600'000)), HasSubstr("from 10 to 60000"));
  EXPECT_THAT(refusal(timeouts(250, 600'001)), HasSubstr("from 20 to 600000"));
}

TEST(Config, PartitionsAreAPowerOfTwoAndAtLeastTheShards) {
  const auto with = [](const std::string& root, const std::string& more) {
    return absl::StrCat(root, "\n", kMinimal, more);
  };
  for (int partitions = 1; partitions <= 4096; partitions *= 2) {
    EXPECT_EQ(parsed(with(absl::StrCat("partitions = ", partitions), "")).partitions, partitions);
  }
  EXPECT_EQ(refusal(with("partitions = 100", "")),
            "test.toml:1: found partitions = 100; expected a power of two from 1 to 4096");
  EXPECT_THAT(refusal(with("partitions = 0", "")), HasSubstr("an integer from 1 to 4096"));
  EXPECT_THAT(refusal(with("partitions = 8192", "")), HasSubstr("an integer from 1 to 4096"));
  EXPECT_THAT(refusal(with("replicas = 0", "")), HasSubstr("an integer from 1 to 7"));
  EXPECT_THAT(refusal(with("replicas = 8", "")), HasSubstr("an integer from 1 to 7"));
  for (const char* list : {"1", "[0]", "[1, 8]", "[\"1\"]", "{}"})
    EXPECT_THAT(refusal(with(std::string("bucket_replicas = ") + list, "")),
                HasSubstr("expected a list of integers from 1 to 7, such as [1, 7]"));
  EXPECT_THAT(refusal(with("bucket_replicas = [7]", "")),
              HasSubstr("at most as many replicas as there are nodes"));
  EXPECT_EQ(parsed(with("replicas = 7", "")).replicas, 7u)
      << "more replicas than nodes are no mistake";
  EXPECT_EQ(parsed(with("partitions = 4", "[server]\nshards = 4\n")).server.shards, 4u);
  EXPECT_EQ(
      refusal(with("partitions = 4", "[server]\nshards = 5\n")),
      "test.toml:8: found server.shards = 5 with 4 partitions; expected at most one shard for each "
      "partition");
}

TEST(Config, UnknownKeysAreRefusedWithAdvice) {
  for (const Bad& bad : {
           Bad{"[limits]\nmax_pending_reqests = 5\n",
               "7: found unknown key limits.max_pending_reqests; expected max_pending_requests, if "
               "that is meant"},
           Bad{"[storage]\nsync_interval = 5\n",
               "7: found unknown key storage.sync_interval; expected sync_interval_ms, if that is "
               "meant"},
           Bad{"[strage]\nsync_interval_ms = 5\n",
               "6: found unknown key strage; expected storage, if that is meant"},
           Bad{"[clock]\npartitions = 8\n",
               "7: found unknown key clock.partitions; expected partitions before the first "
               "section"},
           Bad{"[clock]\nshards = 8\n",
               "7: found unknown key clock.shards; expected shards in section server"},
           Bad{"[log]\ncolour = true\n",
               "7: found unknown key log.colour; expected one of format, level"},
           Bad{"adress = \"h:1\"\n",
               "6: found unknown key node.adress; expected one of id, client, peer, zone"},
           Bad{"pere = \"h:1\"\n",
               "6: found unknown key node.pere; expected peer, if that is meant"},
           Bad{"[log]\nf = 1\n", "7: found unknown key log.f; expected one of format, level"},
           Bad{"[limits]\nmax_replication = 5\n",
               "7: found unknown key limits.max_replication; expected "
               "max_replication_in_flight_bytes, if that is meant"},
           Bad{"[replication]\nheart_interval_ms = 5\n",
               "7: found unknown key replication.heart_interval_ms; expected "
               "heartbeat_interval_ms, if that is meant"},
           Bad{"[log]\n\"a\\nb\" = 1\n",
               "7: found unknown key log.\"a\\nb\"; expected one of format, level"},
       }) {
    EXPECT_EQ(refusal(minimal_and(bad.more)), absl::StrCat("test.toml:", bad.error));
  }
}

TEST(Config, WhatIsRequiredIsMissed) {
  EXPECT_EQ(refusal(""),
            "test.toml:1: found no cluster; expected cluster = a name of 1 to 64 characters: A-Z, "
            "a-z, 0-9, '.', "
            "'_', '-'\n"
            "test.toml:1: found 0 nodes; expected 1 to 128 sections [[node]]");
  EXPECT_EQ(refusal("cluster = \"c\"\n\n[[node]]\nid = \"a\"\n"),
            "test.toml:3: found no client in this [[node]]; expected client = \"host:port\" with a "
            "port from 1 to "
            "65535\n"
            "test.toml:3: found no peer in this [[node]]; expected peer = \"host:port\" with a "
            "port from 1 to 65535");
  EXPECT_THAT(refusal("cluster = \"c\"\n[[node]]\nclient = \"h:1\"\npeer = \"h:2\"\n"),
              StartsWith("test.toml:2: found no id in this [[node]]; expected id = a name"));
}

TEST(Config, NodesAreCheckedOneByOneAndAgainstEachOther) {
  const auto with = [](const std::string& node) {
    return minimal_and(absl::StrCat("[[node]]\n", node));
  };
  EXPECT_EQ(refusal(with("id = \"n1\"\nclient = \"h:1\"\npeer = \"h:2\"\n")),
            "test.toml:7: found node.id = \"n1\" again; expected one that is not used yet; line 3 "
            "has it");
  EXPECT_EQ(refusal(with("id = \"n2\"\nclient = \"127.0.0.1:7101\"\npeer = \"h:2\"\n")),
            "test.toml:8: found node.client = \"127.0.0.1:7101\" again; expected one that is not "
            "used yet; line 4 "
            "has it");
  EXPECT_EQ(refusal(with("id = \"n2\"\nclient = \"h:1\"\npeer = \"127.0.0.1:7101\"\n")),
            "test.toml:9: found node.peer = \"127.0.0.1:7101\" again; expected one that is not "
            "used yet; line 4 has "
            "it");
  EXPECT_THAT(refusal(with("id = \"n2\"\nclient = \"h:1\"\npeer = \"h:1\"\n")),
              HasSubstr("line 8 has it"));
  EXPECT_THAT(refusal(with("id = \"n 2\"\nclient = \"h:1\"\npeer = \"h:2\"\n")),
              StartsWith("test.toml:7: found node.id = \"n 2\"; expected a name"));
  EXPECT_THAT(
      refusal(with("id = \"n2\"\nclient = \"h\"\npeer = \"h:70000\"\n")),
      MatchesRegex("test.toml:8: found node.client = \"h\"; .*\ntest.toml:9: found node.peer = "
                   "\"h:70000\"; expected \"host:port\" with a port from 1 to 65535"));
  EXPECT_THAT(refusal(with("id = \"n2\"\nclient = \"h:1\"\npeer = \"h:2\"\nzone = \"a/b\"\n")),
              StartsWith("test.toml:10: found node.zone = \"a/b\"; expected \"\" for none"));
  EXPECT_THAT(refusal(with("id = 2\nclient = \"h:1\"\npeer = \"h:2\"\n")),
              StartsWith("test.toml:7: found node.id = 2; expected a name"));
}

TEST(Config, TooManyNodesAreRefused) {
  const auto with = [](int nodes) {
    std::string text = "cluster = \"c\"\n";
    for (int i = 0; i < nodes; ++i) {
      absl::StrAppend(&text, "[[node]]\nid = \"n", i, "\"\nclient = \"h:", 1000 + i,
                      "\"\npeer = \"h:", 2000 + i, "\"\n");
    }
    return text;
  };
  EXPECT_EQ(parsed(with(128)).nodes.size(), 128u);
  EXPECT_EQ(refusal(with(129)),
            "test.toml:1: found 129 nodes; expected 1 to 128 sections [[node]]");
}

TEST(Config, SectionsOfTheWrongKindAreRefused) {
  EXPECT_EQ(refusal("cluster = \"c\"\n[node]\nid = \"a\"\n"),
            "test.toml:1: found 0 nodes; expected 1 to 128 sections [[node]]\n"
            "test.toml:2: found node as a table; expected a section [[node]], with two brackets, "
            "for each");
  EXPECT_EQ(refusal(minimal_and("[[log]]\nformat = \"json\"\n")),
            "test.toml:6: found log as an array; expected a section [log], at most once");
  EXPECT_EQ(refusal(absl::StrCat("log = \"debug\"\n", kMinimal)),
            "test.toml:1: found log as \"debug\"; expected a section [log], at most once");
  EXPECT_THAT(refusal("cluster = \"c\"\nnode = [1, 2]\n"),
              HasSubstr("test.toml:2: found node with 1 in it; expected a section [[node]]"));
}

TEST(Config, EveryMistakeIsReportedInTheOrderOfTheFile) {
  EXPECT_THAT(refusal("partitions = 3\n" +
                      minimal_and("[log]\nlevel = \"loud\"\n[clock]\nmax_skew_ms = 0\nx = 1\n")),
              MatchesRegex("test.toml:1: found partitions = 3; [^\n]*\n"
                           "test.toml:8: found log.level = \"loud\"; [^\n]*\n"
                           "test.toml:10: found clock.max_skew_ms = 0; [^\n]*\n"
                           "test.toml:11: found unknown key clock.x; [^\n]*"));
}

TEST(Config, ErrorsAreBoundedAndEscaped) {
  std::string many(kMinimal);
  for (int i = 0; i < 100; ++i) absl::StrAppend(&many, "[section", i, "]\n");
  EXPECT_THAT(refusal(many), EndsWith("\ntest.toml: and 80 more"));
  const std::string shown = refusal(
      minimal_and(absl::StrCat("[log]\nlevel = \"\\u001b[2J", std::string(500, 'x'), "\"\n")));
  EXPECT_THAT(shown, HasSubstr("\"\\x1b[2Jxxx"));
  EXPECT_THAT(shown, HasSubstr("xxx...\""));
  EXPECT_LT(shown.size(), 300u);
}

TEST(Config, WhatIsNoTomlIsRefusedWithItsLine) {
  EXPECT_THAT(refusal("cluster = \"c\"\npartitions = \n"),
              StartsWith("test.toml:2: found no valid TOML: "));
  EXPECT_THAT(refusal("cluster = \"c\"\ncluster = \"d\"\n"),
              StartsWith("test.toml:2: found no valid TOML: "));
  EXPECT_THAT(refusal("\n\na\xff\n"), StartsWith("test.toml:3: found no valid TOML: "));
  EXPECT_THAT(refusal(std::string("a\0b", 3)), StartsWith("test.toml:1: found no valid TOML: "));
  for (const char* text : {"[=]", "[", "[[", "[.]", "[[node]", "a", "=", "\"", "'''", "[a\n]"}) {
    EXPECT_THAT(refusal(text), StartsWith("test.toml:1: found no valid TOML: ")) << text;
  }
}

TEST(Config, CharactersBeyondAsciiBelongInComments) {
  EXPECT_EQ(parsed(minimal_and("# für Σ 値 \xff\n")).nodes.size(), 1u);
  EXPECT_THAT(refusal("\n\n\xff = 1\n"), StartsWith("test.toml:3: found no valid TOML: "));
  EXPECT_THAT(refusal("Σ = 1\n"), StartsWith("test.toml:1: found no valid TOML: "));
  EXPECT_THAT(refusal("a = 1 Σ\n"), StartsWith("test.toml:1: found no valid TOML: "));
  EXPECT_THAT(refusal("cluster = \"für\"\n"),
              StartsWith("test.toml:1: found cluster = \"f??r\"; expected a name"));
}

TEST(Config, WindowsLineEndsAndAByteOrderMarkAreTaken) {
  std::string text = "\xef\xbb\xbf";
  for (const char c : std::string(kMinimal))
    text += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(parsed(text).nodes.size(), 1u);
}

TEST(Config, HugeAndDeepFilesAreRefusedBeforeTheyHurt) {
  EXPECT_EQ(refusal(std::string(kMaxConfigBytes + 1, '\n')),
            "test.toml:1: found 1048577 bytes; expected at most 1048576");
  EXPECT_EQ(refusal("a = 1\n#" + std::string(kMaxConfigLineBytes, 'x')),
            "test.toml:2: found a line of 1025 bytes; expected at most 1024");
  EXPECT_EQ(
      parsed(minimal_and("#" + std::string(kMaxConfigLineBytes - 1, 'x') + "\n")).nodes.size(), 1u);
  EXPECT_THAT(refusal("a = " + std::string(900, '[')),
              StartsWith("test.toml:1: found no valid TOML: "));
  std::string deep = "a";
  for (int i = 0; i < 500; ++i) deep += ".a";
  EXPECT_THAT(refusal(deep + " = 1\n"), StartsWith("test.toml:1: found tables nested deeper than"));
  EXPECT_THAT(refusal("[" + deep + "]\n" + deep + " = 1\n"),
              StartsWith("test.toml:1: found tables nested"));
}

TEST(LoadConfig, AFileThatCannotBeReadIsNamed) {
  const auto config = load_config("/nonexistent/folder/x.toml");
  EXPECT_EQ(config.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(config.status().message()),
              HasSubstr("cannot read the configuration /nonexistent/folder/x.toml"));
  const auto folder = load_config(fs::temp_directory_path().string());
  EXPECT_FALSE(folder.ok());
  EXPECT_THAT(std::string(folder.status().message()), HasSubstr("cannot read the configuration"));
}

TEST(LoadConfig, ReadsAFileAndNamesItInErrors) {
  std::string path = (fs::temp_directory_path() / "kv-config-test-XXXXXX").string();
  const int handle = mkstemp(path.data());
  ASSERT_GE(handle, 0);
  close(handle);
  std::ofstream(path) << kMinimal;
  EXPECT_TRUE(load_config(path).ok());
  std::ofstream(path, std::ios::app) << "x = 1\n";
  EXPECT_THAT(std::string(load_config(path).status().message()), StartsWith(path + ":6: "));
  fs::remove(path);
}

}  // namespace
}  // namespace kv
