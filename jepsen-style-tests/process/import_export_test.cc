// import reads what export writes, whatever the bytes, and says which lines it refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jepsen-style-tests/process/harness/cluster.h"
#include "kv/codec.h"

namespace kv::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Text, markup, and bytes that no text has.
Records awkward_records() {
  std::string every_byte;
  for (int i = 0; i < 256; ++i) every_byte.push_back(static_cast<char>(i));
  return {{"plain", "value"},
          {"tab\tand\nnewline", "a\tb\nc\r\n"},
          {"quote\"back\\slash", "{\"json\": [1, 2]}"},
          {"unicode \xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa6", "\xe6\x97\xa5\xe6\x9c\xac"},
          {"empty", ""},
          {std::string("nul\0key", 7), std::string("\0\0", 2)},
          {"every byte", every_byte},
          {every_byte, "key of every byte"},
          {"long", std::string(100'000, 'x')}};
}

std::string to_json_lines(const Records& records) {
  std::string text;
  for (const auto& [key, value] : records) {
    const Json line = {{"key_base64", client::encode_base64(key)},
                       {"value_base64", client::encode_base64(value)}};
    text += line.dump() + "\n";
  }
  return text;
}

class ImportExport : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(ImportExport, RoundTripKeepsEveryByte) {
  Records records = awkward_records();
  records.merge(make_records("many-", 300));
  const DirectCluster from({.nodes = 1, .name = "from"});
  const DirectCluster to({.nodes = 1, .name = "to"});
  const Result first = from.kv()({"import", "-"}, to_json_lines(records));
  ASSERT_EQ(first.code, 0) << first;
  Arguments exporting = {"export"};
  exporting.insert(exporting.end(), GetParam().begin(), GetParam().end());
  const Result exported = from.kv()(exporting);
  ASSERT_EQ(exported.code, 0) << exported;
  EXPECT_THAT(exported.err, HasSubstr("exported 309 records"));

  Arguments importing = {"import", "-"};
  if (GetParam().back() == "--base64" && GetParam().front() == "--format")
    importing.push_back("--base64");
  const Result imported = to.kv()(importing, exported.out);
  EXPECT_EQ(imported.code, 0) << imported;
  EXPECT_EQ(difference(records, to.held_by("n1")), "");
  EXPECT_TRUE(to.kv()(exporting).out == exported.out) << "the second export is not the first";
}

INSTANTIATE_TEST_SUITE_P(Formats, ImportExport,
                         testing::Values(std::vector<std::string>{"--base64"},
                                         std::vector<std::string>{"--format", "json"},
                                         std::vector<std::string>{"--format", "tsv"},
                                         std::vector<std::string>{"--format", "tsv", "--base64"}));

class Import : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = std::make_unique<DirectCluster>(ClusterOptions{.nodes = 1});
  }
  static void TearDownTestSuite() { cluster_.reset(); }
  static Kv kv() { return cluster_->kv(); }
  static const TempDir& dir() { return cluster_->dir(); }

 private:
  static std::unique_ptr<DirectCluster> cluster_;
};

std::unique_ptr<DirectCluster> Import::cluster_;

TEST_F(Import, RefusedLinesOfTsvAreNamedAndTheOthersStored) {
  const std::string lines =
      "a1\tfine\nno tab here\na3\tfine\n\tno key\n" + std::string(4097, 'k') + "\tlong\na6\tfine\n";
  const Result result = kv()({"import", "-", "--format", "tsv"}, lines);
  EXPECT_EQ(result.code, 2) << result;
  EXPECT_THAT(result.err, AllOf(HasSubstr("line 2: refused"), HasSubstr("line 4: refused"),
                                HasSubstr("line 5: refused"), HasSubstr("4097"),
                                HasSubstr("imported 3 records"), HasSubstr("3 refused"),
                                Not(HasSubstr("line 1:")), Not(HasSubstr("line 6:"))));
  for (const std::string key : {"a1", "a3", "a6"}) EXPECT_EQ(kv().get(key), "fine");
}

TEST_F(Import, RefusedLinesOfJsonAreNamedAndTheOthersStored) {
  const std::string lines =
      "{\"key\":\"b1\",\"value\":\"fine\"}\n{\"key\":\"b2\"}\nnonsense\n{\"key\":\"\",\"value\":"
      "\"x\"}\n"
      "{\"key\":\"b5\",\"value\":{\"an\": \"object\"}}\n";
  const Result result = kv()({"import", "-", "-o", "json"}, lines);
  EXPECT_EQ(result.code, 2) << result;
  std::vector<std::uint64_t> refused;
  std::istringstream stream(result.err);
  Json last;
  for (std::string line; std::getline(stream, line);) {
    last = Json::parse(line);
    if (last.contains("line")) refused.push_back(last.at("line").get<std::uint64_t>());
  }
  std::sort(refused.begin(), refused.end());
  EXPECT_THAT(refused, testing::ElementsAre(2, 3, 4));
  EXPECT_EQ(last.at("records"), 2);
  EXPECT_EQ(last.at("refused"), 3);
  EXPECT_EQ(kv().get("b1"), "fine");
  EXPECT_EQ(kv().get("b5"), "{\"an\":\"object\"}");
  EXPECT_EQ(kv().get("b2"), "<absent>");
}

TEST_F(Import, AFileAndStandardInputAreTheSame) {
  const Records records = make_records("file-", 50);
  const std::string file = dir() / "records.tsv";
  write_file(file, to_tsv(records));
  const Result result = kv()({"import", file});
  EXPECT_EQ(result.code, 0) << result;
  EXPECT_EQ(parse_json_lines(kv()({"scan", "--prefix", "file-", "-o", "json"}).out), records);
  EXPECT_EQ(kv()({"import", "-"}, "").code, 0);
}

TEST_F(Import, ALineForTheSameKeyLaterInTheFileWins) {
  std::string lines;
  for (int i = 0; i <= 500; ++i) lines += "same\tvalue " + std::to_string(i) + "\n";
  const Result result = kv()({"import", "-", "--batch", "7"}, lines);
  EXPECT_EQ(result.code, 0) << result;
  EXPECT_EQ(kv().get("same"), "value 500");
}

}  // namespace
}  // namespace kv::e2e
