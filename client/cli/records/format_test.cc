#include <gtest/gtest.h>

#include <random>
#include <sstream>

#include "client/cli/records/json_lines.h"
#include "client/cli/records/record_reader.h"
#include "client/cli/records/tsv.h"

namespace kv::cli {
namespace {

std::string every_byte() {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  return bytes;
}

// Texts and noise that have hurt formats before.
std::vector<std::string> awkward() {
  std::vector<std::string> strings = {"a",
                                      "",
                                      " ",
                                      "{",
                                      " {",
                                      "{}",
                                      "{\"key\":\"a\"}",
                                      "\xef\xbb\xbf",
                                      "\xef\xbb\xbf{",
                                      "\xef\xbb",
                                      "\t",
                                      "\n",
                                      "\r",
                                      "\r\n",
                                      "\\",
                                      "\\n",
                                      "\\x41",
                                      "\"",
                                      "a\tb",
                                      "trailing\r",
                                      "trailing ",
                                      "h\xc3\xa9",
                                      "\xe2\x82\xac",
                                      "\xf0\x9f\x90\xa6",
                                      "\xff\xfe",
                                      "\xed\xa0\x80",
                                      "\x7f",
                                      std::string(1, '\0'),
                                      std::string("a\0b", 3),
                                      every_byte(),
                                      std::string(5000, 'x')};
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    std::string noise;
    for (std::size_t size = random() % 20; size > 0; --size)
      noise.push_back(static_cast<char>(random()));
    strings.push_back(noise);
  }
  return strings;
}

std::string refusal_of_json(absl::string_view line) {
  const absl::StatusOr<Record> record = parse_json_line(line);
  return record.ok() ? "accepted" : std::string(record.status().message());
}

std::string refusal_of_tsv(absl::string_view line) {
  const absl::StatusOr<Record> record = parse_tsv(line, false);
  return record.ok() ? "accepted" : std::string(record.status().message());
}

TEST(Formats, KeepAnyBytes) {
  for (const std::string& key : awkward()) {
    for (const std::string& value : {std::string("value"), key}) {
      const Record record{.key = key, .value = value};
      for (const bool base64 : {false, true}) {
        EXPECT_EQ(parse_json_line(format_json_line(record, base64)).value(), record);
        EXPECT_EQ(parse_tsv(format_tsv(record, base64), base64).value(), record);
      }
    }
  }
}

// A whole file in either format is read as that format, whatever its first key is.
TEST(Formats, AreToldApartByTheirFirstLine) {
  for (const std::string& key : awkward()) {
    const Record record{.key = key, .value = "v"};
    EXPECT_EQ(detect_format(format_json_line(record, false)), RecordFormat::kJson);
    EXPECT_EQ(detect_format(format_tsv(record, false)), RecordFormat::kTsv)
        << format_tsv(record, false);
    EXPECT_EQ(detect_format(format_tsv(record, true)), RecordFormat::kTsv);
  }
  EXPECT_EQ(detect_format("\xef\xbb\xbf  {\"key\":1"), RecordFormat::kJson);
}

TEST(JsonLine, IsWrittenAsTextWhereItIsText) {
  EXPECT_EQ(format_json_line({"k", "h\xc3\xa9 \"\n"}, false),
            "{\"key\":\"k\",\"value\":\"h\xc3\xa9 \\\"\\n\"}");
  EXPECT_EQ(format_json_line({"k", "\xff"}, false), "{\"key\":\"k\",\"value_base64\":\"/w==\"}");
  EXPECT_EQ(format_json_line({"\xff", ""}, false), "{\"key_base64\":\"/w==\",\"value\":\"\"}");
  EXPECT_EQ(format_json_line({"k", "v"}, true),
            "{\"key_base64\":\"aw==\",\"value_base64\":\"dg==\"}");
}

TEST(JsonLine, TakesMembersInAnyOrderAndSpelling) {
  EXPECT_EQ(parse_json_line(R"(  { "value" : "v" , "key" : "k" }  )").value(), (Record{"k", "v"}));
  EXPECT_EQ(parse_json_line(R"({"k\u0065y":"k","value":"\u00e9\ud83d\udc26\u0000"})").value(),
            (Record{"k", std::string("\xc3\xa9\xf0\x9f\x90\xa6\0", 7)}));
  EXPECT_EQ(parse_json_line("\xef\xbb\xbf{\"key\":\"k\",\"value\":\"v\"}").value(),
            (Record{"k", "v"}));
  EXPECT_EQ(parse_json_line(R"({"key_base64":"","value_base64":"AAE="})").value(),
            (Record{"", std::string("\0\1", 2)}));
}

TEST(JsonLine, StoresObjectsAndArraysAsTheirText) {
  EXPECT_EQ(
      parse_json_line(R"({"key":"k","value": { "a" : [1, 2.50, 1e5], "b c":"} \" ]", "d":{} } })")
          ->value,
      R"({"a":[1,2.50,1e5],"b c":"} \" ]","d":{}})");
  EXPECT_EQ(parse_json_line(R"({"value":[ ],"key":"k"})")->value, "[]");
  EXPECT_EQ(parse_json_line(R"({"value":[12345678901234567890123],"key":"k"})")->value,
            "[12345678901234567890123]");
}

TEST(JsonLine, RefusalsSayWhatIsWrong) {
  EXPECT_EQ(refusal_of_json("{\"key\":\"k\",\"value\":\"v\""), "not JSON: wrong at byte 23");
  EXPECT_EQ(refusal_of_json("[]"), "not a JSON object");
  EXPECT_EQ(refusal_of_json("\"key\""), "not a JSON object");
  EXPECT_EQ(refusal_of_json(R"({"key":"k"})"), "no \"value\" or \"value_base64\"");
  EXPECT_EQ(refusal_of_json(R"({"value":"v"})"), "no \"key\" or \"key_base64\"");
  EXPECT_EQ(refusal_of_json(R"({})"), "no \"key\" or \"key_base64\"");
  EXPECT_EQ(refusal_of_json(R"({"key":1,"value":"v"})"), "\"key\" must be a string");
  EXPECT_EQ(refusal_of_json(R"({"key":"k","value":null})"),
            "\"value\" must be a string, an object or an array");
  EXPECT_EQ(refusal_of_json(R"({"key":"k","value":17})"),
            "\"value\" must be a string, an object or an array");
  EXPECT_EQ(refusal_of_json(R"({"key":"k","value_base64":[]})"),
            "\"value_base64\" must be a string");
  EXPECT_EQ(refusal_of_json(R"({"key":"k","key_base64":"aw==","value":"v"})"), "more than one key");
  EXPECT_EQ(refusal_of_json(R"({"key":"k","value":"v","value":"v"})"), "more than one value");
  EXPECT_EQ(refusal_of_json(R"({"key":"k","value":"v","ttl":"3s"})"),
            "unknown member \"ttl\"; known are key, key_base64, value and value_base64");
  EXPECT_EQ(refusal_of_json(R"({"key":"k","value_base64":"a"})"),
            "value_base64: not base64: its length is 1, which is not a multiple of 4");
  EXPECT_EQ(refusal_of_json("{\"key\":\"\xff\",\"value\":\"v\"}"), "not JSON: wrong at byte 9");
  EXPECT_EQ(refusal_of_json(R"({"key":"\ud83d","value":"v"})"), "not JSON: wrong at byte 15");
}

TEST(JsonLine, RefusesNestingThatCouldExhaustTheStack) {
  const auto nested = [](std::size_t depth) {
    return "{\"key\":\"k\",\"value\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_EQ(refusal_of_json(nested(kMaxJsonDepth - 1)), "accepted");
  EXPECT_EQ(refusal_of_json(nested(kMaxJsonDepth)), "nested deeper than 256");
  EXPECT_EQ(refusal_of_json(nested(4'000'000)), "nested deeper than 256");
}

TEST(Tsv, EscapesWhatWouldBreakALine) {
  EXPECT_EQ(escape(std::string("a\tb\nc\rd\\e\0f\x7f\xff", 13)),
            "a\\tb\\nc\\rd\\\\e\\x00f\\x7f\\xff");
  EXPECT_EQ(escape("h\xc3\xa9"), "h\xc3\xa9");
  EXPECT_EQ(unescape("\\x4a\\x4A\\x4f").value(), "JJO");
  EXPECT_EQ(format_tsv({"{a", "{b"}, false), "\\x7ba\t{b");
  EXPECT_EQ(format_tsv({"\xef\xbb\xbfk", "v"}, false), "\\xef\\xbb\\xbfk\tv");
}

TEST(Tsv, DropsOneCarriageReturnAtTheEnd) {
  EXPECT_EQ(parse_tsv("k\tv\r", false).value(), (Record{"k", "v"}));
  EXPECT_EQ(parse_tsv("k\tv\\r\r", false).value(), (Record{"k", "v\r"}));
  EXPECT_EQ(parse_tsv("aw==\tdg==\r", true).value(), (Record{"k", "v"}));
}

TEST(Tsv, RefusalsSayWhatIsWrong) {
  EXPECT_EQ(refusal_of_tsv("no columns"), "no tab between key and value");
  EXPECT_EQ(refusal_of_tsv("a\tb\tc"),
            "more than two columns; write a tab inside a key or value as \\t");
  EXPECT_EQ(refusal_of_tsv("a\tb\\"), "value: a backslash at the end; write \\\\ for one");
  EXPECT_EQ(refusal_of_tsv("a\\q\tb"),
            "key: an unknown escape; known are \\t \\n \\r \\\\ and \\xNN");
  for (const char* line : {"a\t\\x", "a\t\\x4", "a\t\\xg0", "a\t\\x0g", "a\t\\X41"}) {
    EXPECT_EQ(refusal_of_tsv(line),
              "value: an unknown escape; known are \\t \\n \\r \\\\ and \\xNN");
  }
}

}  // namespace
}  // namespace kv::cli
