#include "node/adapters/log/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace kv::log {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

class Log : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "kv-log-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }

  void TearDown() override {
    ASSERT_TRUE(init({}).ok());  // lets go of the file
    fs::remove_all(folder_);
  }

  fs::path file() const { return folder_ / "deeper" / "node.log"; }

  void start(Format format, Level level = Level::kInfo) {
    const absl::Status status =
        init({.format = format, .level = level, .node = "n1", .file = file().string()});
    ASSERT_TRUE(status.ok()) << status;
  }

  std::string content() const {
    std::ifstream in(file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    std::istringstream in(content());
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

  std::vector<nlohmann::json> records() const {
    std::vector<nlohmann::json> records;
    for (const std::string& line : lines()) records.push_back(nlohmann::json::parse(line));
    return records;
  }

  fs::path folder_;
};

TEST_F(Log, JsonHasTimeLevelNodeAndMessage) {
  start(Format::kJson, Level::kDebug);
  const absl::Time before = absl::Now();
  debug("one");
  info("two");
  warn("three");
  error("four");
  const absl::Time after = absl::Now();
  std::vector<std::string> levels;
  for (const nlohmann::json& record : records()) {
    EXPECT_EQ(record.size(), 4u);
    EXPECT_EQ(record["node"], "n1");
    levels.push_back(record["level"].get<std::string>() + " " +
                     record["message"].get<std::string>());
    const auto text = record["time"].get<std::string>();
    EXPECT_THAT(text,
                MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"));
    absl::Time time;
    ASSERT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, nullptr));
    EXPECT_GE(time, before - absl::Milliseconds(1));
    EXPECT_LE(time, after);
  }
  EXPECT_THAT(levels, ElementsAre("debug one", "info two", "warn three", "error four"));
}

TEST_F(Log, JsonCarriesAnyTextUnchanged) {
  start(Format::kJson);
  const std::vector<std::string> messages = {
      "two\nlines\r\n",
      R"(quotes " and \ backslashes \n)",
      "tab\tbell\a escape\x1b[31m delete\x7f",
      std::string("a zero \0 byte", 13),
      "ünïcödé 値 🐦",
      "{} {0} %s %n",
      "",
      std::string(100'000, 'x'),
  };
  for (const std::string& message : messages) info(message);
  std::vector<std::string> read;
  for (const nlohmann::json& record : records()) read.push_back(record["message"]);
  EXPECT_EQ(read, messages);
}

TEST_F(Log, JsonReplacesWhatIsNotUtf8) {
  start(Format::kJson);
  info("\xff");
  info("cut \xe5\x80");  // the last byte of three is missing
  info("surrogate \xed\xa0\x80 end");
  info("\xc0\xaf overlong");
  const auto read = records();
  ASSERT_EQ(read.size(), 4u);
  EXPECT_EQ(read[0]["message"], "\uFFFD");
  EXPECT_THAT(read[1]["message"].get<std::string>(), AllOf(HasSubstr("cut "), HasSubstr("\uFFFD")));
  EXPECT_THAT(read[2]["message"].get<std::string>(),
              AllOf(HasSubstr("surrogate "), HasSubstr(" end")));
  EXPECT_THAT(read[3]["message"].get<std::string>(), HasSubstr(" overlong"));
}

TEST_F(Log, AHumanLineHasTimeLevelNodeAndMessage) {
  start(Format::kHuman);
  info("started");
  error("stopped");
  const auto read = lines();
  ASSERT_EQ(read.size(), 2u);
  EXPECT_THAT(read[0], MatchesRegex("[-0-9]{10}T[:0-9]{8}\\.[0-9]{3}Z INFO  n1 started"));
  EXPECT_THAT(read[1], MatchesRegex("[-0-9]{10}T[:0-9]{8}\\.[0-9]{3}Z ERROR n1 stopped"));
}

TEST_F(Log, AHumanLineIsOneLineAndMovesNoCursor) {
  start(Format::kHuman);
  info(std::string("a\nb\rc\x1b[2Jd\x7f\te\0f ü", 18));
  info(
      "\xc2\x9b"
      "2J and \xc2\xa9");
  const auto read = lines();
  ASSERT_EQ(read.size(), 2u);
  EXPECT_THAT(read[0], HasSubstr(" n1 a\\nb\\rc\\x1b[2Jd\\x7f\te\\x00f ü"));
  EXPECT_THAT(read[1], HasSubstr(" n1 \\xc2\x9b"
                                 "2J and \xc2\xa9"));
}

TEST_F(Log, RecordsBelowTheLevelAreNotWritten) {
  start(Format::kHuman, Level::kWarn);
  debug("no");
  info("no");
  EXPECT_THAT(content(), IsEmpty());
  warn("yes");
  error("yes");
  EXPECT_EQ(lines().size(), 2u);
  EXPECT_FALSE(enabled(Level::kDebug));
  EXPECT_FALSE(enabled(Level::kInfo));
  EXPECT_TRUE(enabled(Level::kWarn));
  EXPECT_TRUE(enabled(Level::kError));
}

TEST_F(Log, DebugIsHeldBackUntilTheNextFlush) {
  start(Format::kHuman, Level::kDebug);
  debug("first");
  EXPECT_THAT(content(), IsEmpty());
  info("second");
  EXPECT_EQ(lines().size(), 2u);
  debug("third");
  flush();
  EXPECT_EQ(lines().size(), 3u);
}

TEST_F(Log, TheFileIsAppendedTo) {
  start(Format::kHuman, Level::kDebug);
  debug("first run");
  start(Format::kHuman);
  info("second run");
  const auto read = lines();
  ASSERT_EQ(read.size(), 2u);
  EXPECT_THAT(read[0], HasSubstr("first run"));
  EXPECT_THAT(read[1], HasSubstr("second run"));
}

TEST_F(Log, AFileThatCannotBeOpenedIsNamedAndTheOldLogStays) {
  start(Format::kHuman);
  const absl::Status status = init({.file = folder_.string()});  // a folder
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(folder_.string()));
  info("still here");
  EXPECT_THAT(content(), HasSubstr("still here"));
}

TEST_F(Log, WithoutAFileItGoesToStderr) {
  ASSERT_TRUE(init({.format = Format::kJson, .node = "n7"}).ok());
  testing::internal::CaptureStderr();
  info("to stderr");
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_EQ(nlohmann::json::parse(written)["message"], "to stderr");
}

TEST_F(Log, WithoutANodeNoNameIsWritten) {
  ASSERT_TRUE(init({}).ok());
  testing::internal::CaptureStderr();
  info("early");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("Z INFO  early\n"));
}

TEST_F(Log, ARecordThatCannotBeWrittenIsReportedAndDropped) {
  testing::internal::CaptureStderr();
  const absl::Status status = init({.file = "/dev/full"});
  info("lost");
  warn("lost");
  const std::string reported = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(reported, HasSubstr("/dev/full"));
}

TEST_F(Log, ThreadsDoNotMixTheirLines) {
  start(Format::kJson);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 250; ++i) info(std::string(100, static_cast<char>('a' + t)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto read = records();
  ASSERT_EQ(read.size(), 1000u);
  for (const nlohmann::json& record : read) {
    const auto message = record["message"].get<std::string>();
    EXPECT_EQ(message, std::string(100, message[0]));
  }
}

}  // namespace
}  // namespace kv::log
