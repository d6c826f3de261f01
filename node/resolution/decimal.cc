#include "node/resolution/decimal.h"

#include <algorithm>

#include "node/base/limits.h"

namespace kv {
namespace {

struct Parts {
  bool negative = false;
  std::string_view whole;     // without leading zeros
  std::string_view fraction;  // without trailing zeros

  bool is_zero() const { return whole.empty() && fraction.empty(); }
};

Parts split(std::string_view text) {
  Parts parts;
  if (text.starts_with('-') || text.starts_with('+')) {
    parts.negative = text.starts_with('-');
    text.remove_prefix(1);
  }
  const std::size_t point = std::min(text.find('.'), text.size());
  parts.whole = text.substr(0, point);
  parts.fraction = text.substr(std::min(point + 1, text.size()));
  while (parts.whole.starts_with('0')) parts.whole.remove_prefix(1);
  while (parts.fraction.ends_with('0')) parts.fraction.remove_suffix(1);
  if (parts.is_zero()) parts.negative = false;
  return parts;
}

// Fractions compare like words: "05" before "1", and a prefix before what continues it.
std::weak_ordering by_size(const Parts& a, const Parts& b) {
  if (a.whole.size() != b.whole.size()) return a.whole.size() <=> b.whole.size();
  if (a.whole != b.whole) return a.whole <=> b.whole;
  return a.fraction <=> b.fraction;
}

}  // namespace

bool is_decimal(std::string_view text) {
  if (text.size() > kMaxDecimalBytes) return false;
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (std::count(text.begin(), text.end(), '.') > 1) return false;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return std::any_of(text.begin(), text.end(), is_digit) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return c == '.' || is_digit(c); });
}

std::weak_ordering compare_decimals(std::string_view a, std::string_view b) {
  const Parts left = split(a);
  const Parts right = split(b);
  if (left.negative != right.negative)
    return left.negative ? std::weak_ordering::less : std::weak_ordering::greater;
  return left.negative ? by_size(right, left) : by_size(left, right);
}

}  // namespace kv
