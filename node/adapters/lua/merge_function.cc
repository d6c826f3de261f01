#include "node/adapters/lua/merge_function.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "node/adapters/lua/json.h"
#include "node/adapters/lua/sandbox.h"

namespace kv::lua {
namespace {

// What making and clearing away a state costs beside the code's own instructions.
constexpr std::int64_t kStepsOfState = 3000;

absl::Status broken(const char* law,
                    const std::vector<std::pair<std::string, std::string>>& lines) {
  std::string text = absl::StrCat("the merge function is not ", law, ":");
  for (const auto& [name, value] : lines) absl::StrAppend(&text, "\n  ", name, " = ", value);
  return absl::FailedPreconditionError(text);
}

std::string result_of(const absl::StatusOr<std::string>& result) {
  return result.ok() ? shown(*result) : absl::StrCat("error: ", result.status().message());
}

bool is_same_result(const absl::StatusOr<std::string>& a, const absl::StatusOr<std::string>& b) {
  return a.ok() && b.ok() && is_same(*a, *b);
}

}  // namespace

bool is_same(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const auto document = canonical_json(a);
  return document.has_value() && document == canonical_json(b);
}

std::string shown(std::string_view value) {
  constexpr std::size_t kMost = 200;
  std::size_t end = std::min(value.size(), kMost);
  while (end > 0 && end < value.size() && (value[end] & '\xc0') == '\x80')
    --end;  // no half characters
  const std::string head(value.substr(0, end));
  std::string text = is_utf8(head) ? absl::Utf8SafeCEscape(head) : absl::CEscape(head);
  text = absl::StrReplaceAll(text, {{"\\\"", "\""}, {"\\'", "'"}});  // JSON is to be readable
  if (end < value.size()) absl::StrAppend(&text, "... (", value.size(), " bytes)");
  return value.empty() ? "\"\"" : text;
}

const absl::StatusOr<std::string>& Merges::call(const std::string& a, const std::string& b) {
  const std::pair key{a, b};
  if (const auto it = made_.find(key); it != made_.end()) return it->second;
  Usage usage;
  auto result = run_merge(source_, a, b, &usage);
  steps_ += usage.steps + kStepsOfState;
  return made_.emplace(key, std::move(result)).first->second;
}

absl::Status Merges::check_value(const std::string& value) { return call(value, value).status(); }

absl::Status Merges::check_idempotent(const std::string& a) {
  if (is_same_result(call(a, a), a)) return absl::OkStatus();
  return broken("idempotent", {{"a", shown(a)}, {"merge(a, a)", result_of(call(a, a))}});
}

absl::Status Merges::check_commutative_and_closed(const std::string& a, const std::string& b) {
  const auto& ab = call(a, b);
  const auto& ba = call(b, a);
  if (!ab.ok() || !ba.ok())
    return broken("closed (it takes merge(a, a) and merge(b, b))",
                  {{"a", shown(a)},
                   {"b", shown(b)},
                   {"merge(a, b)", result_of(ab)},
                   {"merge(b, a)", result_of(ba)}});
  if (!is_same(*ab, *ba))
    return broken("commutative", {{"a", shown(a)},
                                  {"b", shown(b)},
                                  {"merge(a, b)", result_of(ab)},
                                  {"merge(b, a)", result_of(ba)}});
  if (const absl::Status value = check_value(*ab); !value.ok())
    return broken("closed (merge(m, m) raises an error)",
                  {{"a", shown(a)},
                   {"b", shown(b)},
                   {"m = merge(a, b)", result_of(ab)},
                   {"merge(m, m)", result_of(call(*ab, *ab))}});
  return check_idempotent(*ab);
}

absl::Status Merges::check_associative(const std::string& a, const std::string& b,
                                       const std::string& c) {
  const auto& ab = call(a, b);
  const auto& bc = call(b, c);
  if (!ab.ok() || !bc.ok()) return absl::OkStatus();  // another law's business
  const auto& left = call(*ab, c);
  const auto& right = call(a, *bc);
  if (is_same_result(left, right)) return absl::OkStatus();
  return broken("associative", {{"a", shown(a)},
                                {"b", shown(b)},
                                {"c", shown(c)},
                                {"merge(merge(a, b), c)", result_of(left)},
                                {"merge(a, merge(b, c))", result_of(right)}});
}

absl::StatusOr<std::string> merge_all(std::string_view source, std::vector<std::string> values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  Merges merges(source);
  std::string all = values.front();
  for (std::size_t i = 1; i < values.size(); ++i) {
    const auto& merged = merges.call(all, values[i]);
    if (!merged.ok()) return merged.status();
    const absl::Status lawful = merges.check_commutative_and_closed(all, values[i]);
    if (!lawful.ok()) return lawful;
    all = *merged;
  }
  return all;
}

}  // namespace kv::lua
