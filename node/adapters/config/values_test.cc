#include "node/adapters/config/values.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace kv {
namespace {

TEST(ParseSize, TakesIntegersAndBinaryUnits) {
  EXPECT_EQ(parse_size("0"), 0u);
  EXPECT_EQ(parse_size("512"), 512u);
  EXPECT_EQ(parse_size("512B"), 512u);
  EXPECT_EQ(parse_size("3KiB"), 3u * 1024);
  EXPECT_EQ(parse_size("32MiB"), 32u * 1024 * 1024);
  EXPECT_EQ(parse_size("32 MiB"), 32u * 1024 * 1024);
  EXPECT_EQ(parse_size("4GiB"), 4'294'967'296u);
  EXPECT_EQ(parse_size("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_size("17179869183GiB"), 17'179'869'183u << 30);
}

TEST(ParseSize, RefusesEverythingElse) {
  for (const char* text : {"",
                           " ",
                           "B",
                           "MiB",
                           "-1",
                           "+1",
                           "1.5MiB",
                           "0x10",
                           "1e3",
                           "32MB",
                           "32mib",
                           "32M",
                           "32 ",
                           " 32",
                           "32  MiB",
                           "32MiBB",
                           "32KiBMiB",
                           "1 2",
                           "1TiB",
                           "18446744073709551616",
                           "17179869184GiB",
                           "9999999999999999999999"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << "'" << text << "'";
  }
}

RC_GTEST_PROP(ParseSize, EverySizeIsReadAsWritten, (std::uint32_t number)) {
  RC_ASSERT(parse_size(std::to_string(number)) == number);
  RC_ASSERT(parse_size(std::to_string(number) + "MiB") == std::uint64_t{number} << 20);
}

TEST(IsAddress, TakesNamesAndNumbersWithAPort) {
  for (const char* text :
       {"127.0.0.1:7101", "localhost:1", "node-1.example.com:65535", "[::1]:7101",
        "[2001:db8::ff00:42:8329]:80", "[::ffff:10.0.0.1]:80", "db_1:7101"}) {
    EXPECT_TRUE(is_address(text)) << text;
  }
}

TEST(IsAddress, RefusesEverythingElse) {
  for (const char* text : {"",
                           ":",
                           "localhost",
                           "localhost:",
                           ":7101",
                           "localhost:0",
                           "localhost:65536",
                           "localhost:-1",
                           "localhost:+1",
                           "localhost:07101",
                           "localhost:7101 ",
                           " localhost:7101",
                           "local host:7101",
                           "localhost:http",
                           "http://localhost:7101",
                           "::1:7101",
                           "[::1]",
                           "[]:7101",
                           "[::1:7101",
                           "[zz::1]:7",
                           "[127]:7101",
                           "-a:1",
                           ".a:1",
                           "a/b:1",
                           "localhost:99999999999999999999"}) {
    EXPECT_FALSE(is_address(text)) << "'" << text << "'";
  }
  EXPECT_TRUE(is_address(std::string(253, 'a').append(":1")));
  EXPECT_FALSE(is_address(std::string(254, 'a').append(":1")));
  EXPECT_TRUE(is_address("[" + std::string(45, ':') + "]:1"));
  EXPECT_FALSE(is_address("[" + std::string(46, ':') + "]:1"));
}

TEST(IsName, TakesOneTo64OfAFewCharacters) {
  EXPECT_TRUE(is_name("n1"));
  EXPECT_TRUE(is_name("Node_1.eu-west"));
  EXPECT_TRUE(is_name(std::string(64, 'x')));
  EXPECT_FALSE(is_name(""));
  EXPECT_FALSE(is_name(std::string(65, 'x')));
  for (const char* text : {"a b", "a/b", "a\tb", "a\n", "ä", "a=b", "\""})
    EXPECT_FALSE(is_name(text)) << text;
  EXPECT_FALSE(is_name(std::string("a\0b", 3)));
}

}  // namespace
}  // namespace kv
