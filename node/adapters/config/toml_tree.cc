#include "node/adapters/config/toml_tree.h"

// Compiled in here rather than linked: the packaged library throws, and allows nesting so deep that
// its own recursion could exhaust the stack.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 16
#include <toml++/toml.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace kv {
namespace {

// Tables within tables: the root, a section, a value, and some room for a message about more.
constexpr int kMaxDepth = 8;

int line_of(const toml::source_region& source) { return static_cast<int>(source.begin.line); }

// False when it is nested too deep.
bool convert(const toml::node& node, int depth, TomlValue& out);

bool convert_table(const toml::table& table, int depth, TomlValue& out) {
  out.kind = TomlValue::Kind::kTable;
  for (auto&& [key, value] : table) {
    TomlMember member{std::string(key.str()), line_of(key.source()), {}};
    if (!convert(value, depth + 1, member.value)) return false;
    out.members.push_back(std::move(member));
  }
  return true;
}

bool convert_array(const toml::array& array, int depth, TomlValue& out) {
  out.kind = TomlValue::Kind::kArray;
  for (auto&& element : array) {
    out.elements.emplace_back();
    if (!convert(element, depth + 1, out.elements.back())) return false;
  }
  return true;
}

bool convert(const toml::node& node, int depth, TomlValue& out) {
  if (depth > kMaxDepth) return false;
  out.line = line_of(node.source());
  if (const auto* table = node.as_table()) return convert_table(*table, depth, out);
  if (const auto* array = node.as_array()) return convert_array(*array, depth, out);
  if (const auto* string = node.as_string()) {
    out.kind = TomlValue::Kind::kString;
    out.text = string->get();
  } else if (const auto* integer = node.as_integer()) {
    out.kind = TomlValue::Kind::kInteger;
    out.integer = integer->get();
    out.text = absl::StrCat(out.integer);
  } else if (const auto* number = node.as_floating_point()) {
    out.kind = TomlValue::Kind::kFloat;
    out.text = absl::StrCat(number->get());
  } else if (const auto* boolean = node.as_boolean()) {
    out.kind = TomlValue::Kind::kBoolean;
    out.text = boolean->get() ? "true" : "false";
  } else {
    out.kind = TomlValue::Kind::kDate;
  }
  return true;
}

}  // namespace

const TomlMember* TomlValue::find(std::string_view key) const {
  const auto at = std::find_if(members.begin(), members.end(),
                               [key](const TomlMember& member) { return member.key == key; });
  return at == members.end() ? nullptr : &*at;
}

absl::StatusOr<TomlValue> parse_toml(std::string_view text, const std::string& filename) {
  const toml::parse_result result = toml::parse(text);
  if (!result) {
    const toml::parse_error& error = result.error();
    return absl::InvalidArgumentError(
        absl::StrCat(filename, ":", line_of(error.source()),
                     ": found no valid TOML: ", std::string(error.description())));
  }
  TomlValue root;
  if (!convert(result.table(), 0, root)) {
    return absl::InvalidArgumentError(absl::StrCat(filename, ":1: found tables nested deeper than ",
                                                   kMaxDepth, "; expected no more than two"));
  }
  return root;
}

}  // namespace kv
