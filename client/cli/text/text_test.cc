#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "client/cli/text/duration.h"
#include "client/cli/text/human.h"
#include "client/cli/text/progress.h"
#include "client/cli/text/utf8.h"

namespace kv::cli {
namespace {

using std::chrono::milliseconds;

TEST(Duration, IsANumberAndAUnit) {
  EXPECT_EQ(parse_duration("500ms").value(), milliseconds(500));
  EXPECT_EQ(parse_duration("2s").value(), milliseconds(2000));
  EXPECT_EQ(parse_duration("1m").value(), milliseconds(60'000));
  EXPECT_EQ(parse_duration("1000h").value(), milliseconds(3'600'000'000));
  EXPECT_EQ(parse_duration("36500d").value(), milliseconds(3'153'600'000'000));
  EXPECT_EQ(parse_duration("1.5s").value(), milliseconds(1500));
  EXPECT_EQ(parse_duration("0.25m").value(), milliseconds(15'000));
  EXPECT_EQ(parse_duration("0s").value(), milliseconds(0));
}

TEST(Duration, RefusesEverythingElse) {
  for (const char* text :
       {"", "s", "2", "2 s", " 2s", "2s ", "-2s", "+2s", "2x", "2S", ".5s", "2.s", "1.5ms",
        "36501d", "1e3s", "9999999999ms", "1m30s", "0x2s", "1.0000000000s"}) {
    EXPECT_EQ(parse_duration(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_EQ(parse_duration("2").status().message(),
            "\"2\" is no duration: it has no unit; write for example 500ms, 2s or 1m");
}

TEST(Utf8, IsStrict) {
  for (const char* text :
       {"", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "h\xc3\xa9llo \xe2\x82\xac"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
  for (const char* text : {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf",
                           "\xe2\x82", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
                           "\xf5\x80\x80\x80", "\xff", "a\xff"}) {
    EXPECT_FALSE(is_utf8(text)) << text;
  }
  EXPECT_TRUE(is_utf8(std::string(1, '\0')));
}

// What is written into JSON as text must be text for the JSON library too: checked over every
// sequence of two bytes, and every sequence of three that begins like one of three.
TEST(Utf8, AgreesWithTheJsonLibrary) {
  const auto accepts = [](const std::string& bytes) {
    try {
      return !nlohmann::json(bytes).dump().empty();
    } catch (const nlohmann::json::exception&) {
      return false;
    }
  };
  for (int n = 0; n < 256 * 256; ++n) {
    const std::string two = {static_cast<char>(n >> 8), static_cast<char>(n)};
    ASSERT_EQ(is_utf8(two), accepts(two)) << n;
    const std::string three = two + '\x80';
    ASSERT_EQ(is_utf8(three), accepts(three)) << n;
    const std::string four = three + '\xbf';
    ASSERT_EQ(is_utf8(four), accepts(four)) << n;
  }
}

TEST(DisplayWidth, CountsCharacters) {
  EXPECT_EQ(display_width("h\xc3\xa9llo"), 5U);
  EXPECT_EQ(display_width("\xff\xfe"), 2U);
}

TEST(Human, Figures) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1024), "1.0 KiB");
  EXPECT_EQ(human_bytes(1024 * 1024 - 1), "1.0 MiB");
  EXPECT_EQ(human_bytes(4 * 1024 * 1024), "4.0 MiB");
  EXPECT_EQ(human_duration(milliseconds(999)), "999 ms");
  EXPECT_EQ(human_duration(milliseconds(1234)), "1.2 s");
  EXPECT_EQ(human_duration(milliseconds(59'999)), "59.9 s");
  EXPECT_EQ(human_duration(milliseconds(125'000)), "2m05s");
  EXPECT_EQ(human_duration(milliseconds(3'720'000)), "1h02m");
}

TEST(Table, AlignsItsColumns) {
  Table table({"ID", "NAME", ""});
  table.add({"1", "\xc3\xa9t\xc3\xa9", "x"});
  table.add({"1000", "", ""});
  EXPECT_EQ(table.take(),
            "ID    NAME\n"
            "1     \xc3\xa9t\xc3\xa9   x\n"
            "1000\n");
  table.add({"2", "y", "z"});
  EXPECT_EQ(table.take(), "2     y     z\n");
  EXPECT_EQ(table.take(), "");
}

TEST(ProgressLine, ShowsBarRateAndTimeLeft) {
  const Progress progress{
      .records = 30'000, .bytes = 1500, .total_bytes = 6000, .elapsed = milliseconds(2000)};
  EXPECT_EQ(format_progress(progress, 120),
            " 25%  [=======>                    ]  30,000 records  15,000/s  6.0 s left");
  EXPECT_EQ(format_progress(progress, 60),
            " 25%  [===>          ]  30,000 records  15,000/s  6.0 s left");
}

TEST(ProgressLine, DropsTheBarWhereItHasNoRoom) {
  const Progress progress{
      .records = 30'000, .bytes = 1500, .total_bytes = 6000, .elapsed = milliseconds(2000)};
  EXPECT_EQ(format_progress(progress, 46), " 25%  30,000 records  15,000/s  6.0 s left");
  EXPECT_EQ(format_progress(progress, 12), " 25%  30,000");
}

TEST(ProgressLine, CountsWhereTheTotalIsUnknown) {
  EXPECT_EQ(format_progress({.records = 10, .bytes = 2048, .elapsed = milliseconds(100)}, 80),
            "10 records  100/s  2.0 KiB read");
}

TEST(ProgressLine, HoldsAtItsEnds) {
  EXPECT_EQ(format_progress({.total_bytes = 100}, 80),
            "  0%  [>                           ]  0 records  0/s");
  EXPECT_EQ(
      format_progress(
          {.records = 1, .bytes = 200, .total_bytes = 100, .elapsed = milliseconds(1000)}, 80),
      "100%  [============================]  1 records  1/s  0 ms left");
  EXPECT_EQ(format_progress({.total_bytes = 0}, 80),
            "100%  [============================]  0 records  0/s");
}

}  // namespace
}  // namespace kv::cli
