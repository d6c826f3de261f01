#include "node/adapters/config/toml_tree.h"

#include <stdexcept>

namespace kv {
static constexpr void parser_asserts(bool condition) {
  if (!condition) throw std::logic_error("the parser cannot make sense of it");
}
}  // namespace kv

// Compiled in here rather than linked, for two settings that the packaged library has otherwise:
//   - Its parser asserts what some input makes untrue ("[=]" does), and in release builds tells the
//     compiler that it cannot be. Here, a failed assertion is an error like any other.
//   - It allows nesting so deep that its recursion could exhaust the stack.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 1
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 16
#define TOML_ASSERT(condition) ::kv::parser_asserts(static_cast<bool>(condition))
#pragma push_macro("NDEBUG")
#undef NDEBUG
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

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

// For characters beyond ASCII outside strings and comments, toml++ 3.3 runs into what it has
// declared unreachable (in is_non_ascii_horizontal_whitespace: any Greek letter will do). It never
// sees one.
std::string ascii_only(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // byte order mark
  std::string ascii(text);
  for (char& c : ascii) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return ascii;
}

}  // namespace

const TomlMember* TomlValue::find(std::string_view key) const {
  const auto at = std::find_if(members.begin(), members.end(),
                               [key](const TomlMember& member) { return member.key == key; });
  return at == members.end() ? nullptr : &*at;
}

absl::StatusOr<TomlValue> parse_toml(std::string_view text, const std::string& filename) {
  const auto refused = [&filename](int line, const std::string& why) {
    return absl::InvalidArgumentError(absl::StrCat(filename, ":", line, ": ", why));
  };
  try {
    const toml::table table = toml::parse(ascii_only(text));
    TomlValue root;
    if (convert(table, 0, root)) return root;
    return refused(1, absl::StrCat("found tables nested deeper than ", kMaxDepth,
                                   "; expected no more than two"));
  } catch (const toml::parse_error& error) {
    return refused(line_of(error.source()),
                   absl::StrCat("found no valid TOML: ", std::string(error.description())));
  } catch (const std::exception& error) {
    return refused(1, absl::StrCat("found no valid TOML: ", error.what()));
  }
}

}  // namespace kv
