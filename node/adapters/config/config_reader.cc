#include "node/adapters/config/config_reader.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "node/adapters/config/values.h"

namespace kv {
namespace {

constexpr std::size_t kMaxShownBytes = 64;
constexpr std::size_t kMaxErrors = 20;

std::string quoted(const std::string& text) {
  const bool cut = text.size() > kMaxShownBytes;
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kMaxShownBytes)), cut ? "..." : "",
                      "\"");
}

std::string shown_key(const std::string& key) { return is_name(key) ? key : quoted(key); }

std::string shown_path(const ConfigReader::Section& section, const std::string& key) {
  return section.name.empty() ? shown_key(key) : absl::StrCat(section.name, ".", shown_key(key));
}

std::string shown_value(const TomlValue& value) {
  switch (value.kind) {
    case TomlValue::Kind::kString:
      return quoted(value.text);
    case TomlValue::Kind::kInteger:
    case TomlValue::Kind::kFloat:
    case TomlValue::Kind::kBoolean:
      return value.text;
    case TomlValue::Kind::kDate:
      return "a date or time";
    case TomlValue::Kind::kArray:
      return "an array";
    case TomlValue::Kind::kTable:
      return "a table";
  }
  return "a value";
}

// How many characters must be changed, added, removed or swapped with their neighbour.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({changed, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

// The one that a person may have meant, if any is close enough.
std::optional<std::string> nearest(const std::string& key, const std::vector<std::string>& known) {
  if (key.size() > kMaxShownBytes) return std::nullopt;
  std::optional<std::string> best;
  std::size_t best_distance = 0;
  for (const std::string& candidate : known) {
    // A key whose unit was left out is meant, however long the unit is.
    const bool prefix = key.size() >= 4 && candidate.starts_with(key);
    const std::size_t distance = prefix ? 0 : edit_distance(key, candidate);
    const bool close = distance <= std::max<std::size_t>(1, candidate.size() / 3);
    if (close && (!best || distance < best_distance)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace

ConfigReader::ConfigReader(const TomlValue& root, std::string filename)
    : filename_(std::move(filename)), root_{"", &root, 1} {
  sections_.push_back(root_);
}

const TomlMember* ConfigReader::take(const Section& section, const std::string& key) {
  std::vector<std::string>& known = known_[section.name];
  if (std::find(known.begin(), known.end(), key) == known.end()) known.emplace_back(key);
  return section.table == nullptr ? nullptr : section.table->find(key);
}

ConfigReader::Section ConfigReader::section(const std::string& name) {
  known_[name];
  Section section{name, nullptr, 1};
  const TomlMember* member = take(root_, name);
  if (member == nullptr) return section;
  if (member->value.kind == TomlValue::Kind::kTable) {
    section.table = &member->value;
    sections_.push_back(section);
    return section;
  }
  add_error(member->line, absl::StrCat(name, " as ", shown_value(member->value)),
            absl::StrCat("a section [", name, "], at most once"));
  return section;
}

std::vector<ConfigReader::Section> ConfigReader::sections(const std::string& name) {
  known_[name];
  const TomlMember* member = take(root_, name);
  std::vector<Section> found;
  if (member == nullptr) return found;
  const std::string expected =
      absl::StrCat("a section [[", name, "]], with two brackets, for each");
  if (member->value.kind != TomlValue::Kind::kArray) {
    add_error(member->line, absl::StrCat(name, " as ", shown_value(member->value)), expected);
    return found;
  }
  for (const TomlValue& element : member->value.elements) {
    if (element.kind != TomlValue::Kind::kTable) {
      add_error(element.line, absl::StrCat(name, " with ", shown_value(element), " in it"),
                expected);
      continue;
    }
    found.push_back({name, &element, element.line});
  }
  sections_.insert(sections_.end(), found.begin(), found.end());
  return found;
}

int ConfigReader::refuse(const Section& section, const TomlMember& member,
                         const std::string& expected) {
  add_error(member.line,
            absl::StrCat(shown_path(section, member.key), " = ", shown_value(member.value)),
            expected);
  return 0;
}

int ConfigReader::text(const Section& section, const std::string& key, const TextRule& rule,
                       Presence presence, std::string& out) {
  const TomlMember* member = take(section, key);
  if (member == nullptr) {
    if (presence == Presence::kRequired) {
      const std::string where =
          section.name.empty() ? std::string() : absl::StrCat(" in this [[", section.name, "]]");
      add_error(section.line, absl::StrCat("no ", key, where),
                absl::StrCat(key, " = ", rule.expected));
    }
    return 0;
  }
  if (member->value.kind != TomlValue::Kind::kString || !rule.accepts(member->value.text)) {
    return refuse(section, *member, rule.expected);
  }
  out = member->value.text;
  return member->line;
}

int ConfigReader::integer(const Section& section, const std::string& key, std::int64_t min,
                          std::int64_t max, std::int64_t& out) {
  const TomlMember* member = take(section, key);
  if (member == nullptr) return 0;
  const TomlValue& value = member->value;
  if (value.kind != TomlValue::Kind::kInteger || value.integer < min || value.integer > max) {
    return refuse(section, *member, absl::StrCat("an integer from ", min, " to ", max));
  }
  out = value.integer;
  return member->line;
}

int ConfigReader::integers(const Section& section, const std::string& key, std::uint32_t min,
                           std::uint32_t max, std::set<std::uint32_t>& out) {
  const TomlMember* member = take(section, key);
  if (member == nullptr) return 0;
  std::set<std::uint32_t> found;
  bool is_good = member->value.kind == TomlValue::Kind::kArray;
  for (const TomlValue& each : member->value.elements) {
    is_good = is_good && each.kind == TomlValue::Kind::kInteger && each.integer >= min &&
              each.integer <= max;
    if (is_good) found.insert(static_cast<std::uint32_t>(each.integer));
  }
  if (!is_good)
    return refuse(section, *member,
                  absl::StrCat("a list of integers from ", min, " to ", max, ", such as [", min,
                               ", ", max, "]"));
  out = std::move(found);
  return member->line;
}

int ConfigReader::size(const Section& section, const std::string& key, std::uint64_t min,
                       std::uint64_t max, std::size_t& out) {
  const TomlMember* member = take(section, key);
  if (member == nullptr) return 0;
  std::optional<std::uint64_t> bytes;
  if (member->value.kind == TomlValue::Kind::kString) bytes = parse_size(member->value.text);
  if (member->value.kind == TomlValue::Kind::kInteger && member->value.integer >= 0) {
    bytes = static_cast<std::uint64_t>(member->value.integer);
  }
  if (!bytes || *bytes < min || *bytes > max) {
    return refuse(section, *member,
                  absl::StrCat("a size from ", min, " to ", max,
                               " bytes, as an integer or as \"32MiB\" (B, KiB, MiB, GiB)"));
  }
  out = *bytes;
  return member->line;
}

int ConfigReader::choose(const Section& section, const std::string& key,
                         std::initializer_list<const char*> names, std::size_t& out) {
  const TomlMember* member = take(section, key);
  if (member == nullptr) return 0;
  const auto* at = std::find(names.begin(), names.end(), member->value.text);
  if (member->value.kind != TomlValue::Kind::kString || at == names.end()) {
    return refuse(section, *member,
                  absl::StrCat("one of \"", absl::StrJoin(names, "\", \""), "\""));
  }
  out = static_cast<std::size_t>(at - names.begin());
  return member->line;
}

void ConfigReader::add_error(int line, const std::string& found, const std::string& expected) {
  errors_.push_back({line, absl::StrCat("found ", found, "; expected ", expected)});
}

// What to do about a key that is not known: where it belongs, what it resembles, or what there is.
std::string ConfigReader::advice_for(const Section& section, const std::string& key) const {
  for (const auto& [name, keys] : known_) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) continue;
    return name.empty() ? absl::StrCat(key, " before the first section")
                        : absl::StrCat(key, " in section ", name);
  }
  const std::vector<std::string>& known = known_.at(section.name);
  if (const auto meant = nearest(key, known)) {
    return absl::StrCat(*meant, ", if that is meant");
  }
  return absl::StrCat("one of ", absl::StrJoin(known, ", "));
}

void ConfigReader::find_unknown_keys(const Section& section) {
  const std::vector<std::string>& known = known_[section.name];
  for (const TomlMember& member : section.table->members) {
    if (std::find(known.begin(), known.end(), member.key) != known.end()) continue;
    add_error(member.line, absl::StrCat("unknown key ", shown_path(section, member.key)),
              advice_for(section, member.key));
  }
}

absl::Status ConfigReader::finish() {
  for (const Section& section : sections_) find_unknown_keys(section);
  if (errors_.empty()) return absl::OkStatus();
  std::stable_sort(errors_.begin(), errors_.end(),
                   [](const Error& a, const Error& b) { return a.line < b.line; });
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < std::min(errors_.size(), kMaxErrors); ++i) {
    lines.push_back(absl::StrCat(filename_, ":", errors_[i].line, ": ", errors_[i].message));
  }
  if (errors_.size() > kMaxErrors) {
    lines.push_back(absl::StrCat(filename_, ": and ", errors_.size() - kMaxErrors, " more"));
  }
  return absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
}

}  // namespace kv
