#include "node/resolution/decimal.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "node/base/limits.h"

namespace kv {
namespace {

TEST(Decimal, WhatIsOne) {
  for (const char* text : {"0", "-0", "+7", "12.50", ".5", "5.", "-.5", "00012"})
    EXPECT_TRUE(is_decimal(text)) << text;
  for (const char* text :
       {"", "-", "+", ".", "-.", "1e5", "1.2.3", "--1", "1-", " 1", "0x1", "NaN"})
    EXPECT_FALSE(is_decimal(text)) << text;
  EXPECT_TRUE(is_decimal(std::string(kMaxDecimalBytes, '9')));
  EXPECT_FALSE(is_decimal(std::string(kMaxDecimalBytes + 1, '9')));
}

TEST(Decimal, AreComparedExactly) {
  const char* const ascending[] = {"-10",
                                   "-9.5",
                                   "-9.4999999999999999999999999999",
                                   "-.05",
                                   "0",
                                   "0.05",
                                   "0.1",
                                   "9007199254740992",
                                   "9007199254740993",
                                   "9007199254740993.00000000001"};
  for (std::size_t a = 0; a < std::size(ascending); ++a)
    for (std::size_t b = 0; b < std::size(ascending); ++b)
      EXPECT_EQ(compare_decimals(ascending[a], ascending[b]), std::weak_ordering(a <=> b))
          << ascending[a] << " " << ascending[b];
}

TEST(Decimal, EqualNumbersMayBeWrittenDifferently) {
  for (const auto& [a, b] : {std::pair{"1", "1.0"}, {"-0", "0"}, {"+5", "005"}, {".5", "0.50"}})
    EXPECT_EQ(compare_decimals(a, b), std::weak_ordering::equivalent) << a << " " << b;
}

RC_GTEST_PROP(Decimal, WholeNumbersAreInTheirOrder, (std::int64_t a, std::int64_t b)) {
  RC_ASSERT(compare_decimals(std::to_string(a), std::to_string(b)) == std::weak_ordering(a <=> b));
}

}  // namespace
}  // namespace kv
