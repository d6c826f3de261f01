// Decimal numbers as text, compared exactly: "-12", "0.50". No exponents, so that nothing is rounded. Pure; thread-safe.
#pragma once

#include <compare>
#include <string_view>

namespace kv {

// Digits, with at most one sign in front and one point among them, to kMaxDecimalBytes.
bool is_decimal(std::string_view text);

// By value: "1" and "1.0" are equal. Precondition: both are decimals.
std::weak_ordering compare_decimals(std::string_view a, std::string_view b);

}  // namespace kv
