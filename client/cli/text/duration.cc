#include "client/cli/text/duration.h"

#include <absl/strings/str_cat.h>

#include <cstdint>
#include <optional>
#include <string>

namespace kv::cli {
namespace {

constexpr std::int64_t kMaxMs = std::int64_t{36'500} * 24 * 60 * 60 * 1000;
constexpr std::size_t kMaxDigits = 9;  // on either side of the point: no product overflows

std::optional<std::int64_t> unit_ms(absl::string_view unit) {
  if (unit == "ms") return 1;
  if (unit == "s") return 1000;
  if (unit == "m") return 60 * 1000;
  if (unit == "h") return 60 * 60 * 1000;
  if (unit == "d") return 24 * 60 * 60 * 1000;
  return std::nullopt;
}

// Takes the digits that `text` begins with off it.
absl::string_view take_digits(absl::string_view* text) {
  std::size_t count = text->find_first_not_of("0123456789");
  if (count == absl::string_view::npos) count = text->size();
  const absl::string_view digits = text->substr(0, count);
  text->remove_prefix(count);
  return digits;
}

std::int64_t number(absl::string_view digits) {
  std::int64_t result = 0;
  for (const char digit : digits) result = result * 10 + (digit - '0');
  return result;
}

}  // namespace

absl::StatusOr<std::chrono::milliseconds> parse_duration(absl::string_view text) {
  const auto malformed = [text](absl::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is no duration", why, "; write for example 500ms, 2s or 1m"));
  };
  absl::string_view rest = text;
  const absl::string_view whole = take_digits(&rest);
  absl::string_view fraction;
  if (!rest.empty() && rest.front() == '.') {
    rest.remove_prefix(1);
    fraction = take_digits(&rest);
    if (fraction.empty()) return malformed("");
  }
  if (whole.empty()) return malformed("");
  if (rest.empty()) return malformed(": it has no unit");
  const std::optional<std::int64_t> unit = unit_ms(rest);
  if (!unit.has_value()) return malformed(": its unit is not ms, s, m, h or d");
  if (whole.size() > kMaxDigits || fraction.size() > kMaxDigits)
    return malformed(": it has too many digits");
  std::int64_t scale = 1;
  for (std::size_t i = 0; i < fraction.size(); ++i) scale *= 10;
  const std::int64_t scaled_fraction = number(fraction) * *unit;
  if (scaled_fraction % scale != 0) return malformed(": it is no whole number of milliseconds");
  const std::int64_t milliseconds = number(whole) * *unit + scaled_fraction / scale;
  if (milliseconds > kMaxMs) return malformed(": it is longer than 36500d");
  return std::chrono::milliseconds(milliseconds);
}

}  // namespace kv::cli
