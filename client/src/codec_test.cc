#include "kv/codec.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <set>

namespace kv::client {
namespace {

TEST(Dot, PrintsTheActorWithAllItsDigits) {
  EXPECT_EQ(format_dot({.actor = 0xdeadbeef, .counter = 7}), "00000000deadbeef:7");
  EXPECT_EQ(format_dot({.actor = std::numeric_limits<std::uint64_t>::max(),
                        .counter = 18446744073709551615U}),
            "ffffffffffffffff:18446744073709551615");
}

TEST(Dot, ReadsWhatItPrints) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    const Dot dot{.actor = random(), .counter = (random() >> (i % 64)) | 1};
    const absl::StatusOr<Dot> read = parse_dot(format_dot(dot));
    ASSERT_TRUE(read.ok()) << format_dot(dot);
    EXPECT_EQ(*read, dot);
  }
}

TEST(Dot, RefusesEveryOtherSpelling) {
  for (const char* text :
       {"", ":", "00000000deadbeef", "00000000deadbeef:", "00000000deadbeef:0",
        "00000000deadbeef:07", "00000000DEADBEEF:7", "deadbeef:7", "00000000deadbeef:7 ",
        " 00000000deadbeef:7", "00000000deadbeef:-7", "00000000deadbeef:+7", "00000000deadbeef;7",
        "0x000000deadbeef:7", "00000000deadbeef:18446744073709551616"}) {
    EXPECT_EQ(parse_dot(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(Base64, AgreesWithTheVectorsOfRfc4648) {
  EXPECT_EQ(encode_base64(""), "");
  EXPECT_EQ(encode_base64("f"), "Zg==");
  EXPECT_EQ(encode_base64("fo"), "Zm8=");
  EXPECT_EQ(encode_base64("foo"), "Zm9v");
  EXPECT_EQ(encode_base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(encode_base64("\xfb\xff"), "+/8=");
  EXPECT_EQ(encode_token("\xfb\xff"), "-_8");
  EXPECT_EQ(encode_token("f"), "Zg");
}

TEST(Base64, DecodesWhatItEncodes) {
  std::mt19937_64 random(2);
  for (std::size_t size = 0; size < 100; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(random()));
    EXPECT_EQ(decode_base64(encode_base64(bytes)).value(), bytes);
    EXPECT_EQ(decode_token(encode_token(bytes)).value(), bytes);
  }
}

TEST(Base64, RefusesEveryOtherSpelling) {
  // Wrong length, no padding, too much of it, padding inside, stray bits, the other alphabet, white
  // space.
  for (const char* text :
       {"Z", "Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zh==", "Zm9=", "-_8=", "Zg==\n", " Zg=="}) {
    EXPECT_EQ(decode_base64(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  for (const char* text : {"Z", "Zg==", "Zh", "Zm9", "+/8", "Zg\n"}) {
    EXPECT_EQ(decode_token(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

// Every text that is accepted is the one that its bytes encode to: checked over all texts of up to
// 4 digits and padding.
TEST(Base64, HasOneTextPerValue) {
  const std::string digits = "AQgw/=-";
  std::set<std::string> seen;
  for (int n = 0; n < 7 * 7 * 7 * 7; ++n) {
    std::string text;
    for (int rest = n, i = 0; i < 4; ++i, rest /= 7)
      text.push_back(digits[static_cast<std::size_t>(rest % 7)]);
    const absl::StatusOr<std::string> bytes = decode_base64(text);
    if (!bytes.ok()) continue;
    EXPECT_EQ(encode_base64(*bytes), text);
    EXPECT_TRUE(seen.insert(*bytes).second) << text;
  }
  EXPECT_GT(seen.size(), 100U);
}

}  // namespace
}  // namespace kv::client
