#include "client/cli/records/json_lines.h"

#include <absl/strings/str_cat.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "client/cli/text/utf8.h"
#include "kv/codec.h"

namespace kv::cli {
namespace {

// Accepts any JSON and keeps nothing but the first error. The library's own tree would be destroyed
// and printed by recursion; events need no depth.
class Checker : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return false; }
  bool key(string_t&) override { return true; }
  bool start_object(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception&) override {
    error_ = absl::StrCat("not JSON: wrong at byte ", position);
    return false;
  }

  const std::string& error() const { return error_; }

 private:
  bool enter() {
    if (++depth_ <= kMaxJsonDepth) return true;
    error_ = absl::StrCat("nested deeper than ", kMaxJsonDepth);
    return false;
  }
  bool leave() {
    --depth_;
    return true;
  }

  std::size_t depth_ = 0;
  std::string error_;
};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Walks over text that Checker has accepted as one object, so that it needs no checks of its own.
class Cursor {
 public:
  explicit Cursor(absl::string_view text) : text_(text), at_(text.find('{') + 1) {}

  // The next member: the text of its name and of its value, as they stand. False after the last.
  bool next(absl::string_view* name, absl::string_view* value) {
    skip_space();
    if (text_[at_] == ',') ++at_;
    skip_space();
    if (text_[at_] == '}') return false;
    *name = take_string();
    at_ = text_.find(':', at_) + 1;
    skip_space();
    *value = take_value();
    return true;
  }

 private:
  void skip_space() {
    while (is_space(text_[at_])) ++at_;
  }

  absl::string_view take_string() {
    const std::size_t start = at_++;
    while (text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    return text_.substr(start, ++at_ - start);
  }

  absl::string_view take_value() {
    if (text_[at_] == '"') return take_string();
    const std::size_t start = at_;
    std::size_t depth = 0;
    while (depth > 0 || (text_[at_] != ',' && text_[at_] != '}' && !is_space(text_[at_]))) {
      const char c = text_[at_];
      if (c == '"') {
        take_string();
        continue;
      }
      ++at_;
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) break;
    }
    return text_.substr(start, at_ - start);
  }

  absl::string_view text_;
  std::size_t at_;
};

// JSON without the white space between its parts; numbers and strings stay exactly as they were
// written.
std::string compact(absl::string_view json) {
  std::string text;
  text.reserve(json.size());
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string && c == '\\') {
      text += c;
      text += json[++i];
      continue;
    }
    if (c == '"') in_string = !in_string;
    if (in_string || !is_space(c)) text += c;
  }
  return text;
}

// Precondition: `text` is a JSON string as Cursor takes it.
std::string decode_string(absl::string_view text) {
  return nlohmann::json::parse(text.begin(), text.end()).get<std::string>();
}

absl::StatusOr<std::string> decode_member(const std::string& name, absl::string_view value) {
  const bool base64 = name == "key_base64" || name == "value_base64";
  if (value.front() == '"') {
    if (!base64) return decode_string(value);
    absl::StatusOr<std::string> bytes = client::decode_base64(decode_string(value));
    if (!bytes.ok())
      return absl::InvalidArgumentError(absl::StrCat(name, ": ", bytes.status().message()));
    return bytes;
  }
  const bool nested = value.front() == '{' || value.front() == '[';
  if (name == "value" && nested) return compact(value);
  return absl::InvalidArgumentError(absl::StrCat("\"", name, "\" must be a string",
                                                 name == "value" ? ", an object or an array" : ""));
}

std::string member(absl::string_view name, const std::string& bytes, bool base64) {
  if (base64 || !is_utf8(bytes))
    return absl::StrCat("\"", name, "_base64\":\"", client::encode_base64(bytes), "\"");
  return absl::StrCat("\"", name, "\":", nlohmann::json(bytes).dump());
}

absl::StatusOr<Record> parse_members(absl::string_view line) {
  std::optional<std::string> key;
  std::optional<std::string> value;
  Cursor cursor(line);
  absl::string_view name_text;
  absl::string_view value_text;
  while (cursor.next(&name_text, &value_text)) {
    const std::string name = decode_string(name_text);
    const bool is_key = name == "key" || name == "key_base64";
    if (!is_key && name != "value" && name != "value_base64") {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown member ", name_text.substr(0, 100),
                       "; known are key, key_base64, value and value_base64"));
    }
    std::optional<std::string>& target = is_key ? key : value;
    if (target.has_value())
      return absl::InvalidArgumentError(absl::StrCat("more than one ", is_key ? "key" : "value"));
    absl::StatusOr<std::string> decoded = decode_member(name, value_text);
    if (!decoded.ok()) return decoded.status();
    target = *std::move(decoded);
  }
  if (!key.has_value()) return absl::InvalidArgumentError("no \"key\" or \"key_base64\"");
  if (!value.has_value()) return absl::InvalidArgumentError("no \"value\" or \"value_base64\"");
  return Record{.key = *std::move(key), .value = *std::move(value)};
}

}  // namespace

std::string format_json_line(const Record& record, bool base64) {
  return absl::StrCat("{", member("key", record.key, base64), ",",
                      member("value", record.value, base64), "}");
}

absl::StatusOr<Record> parse_json_line(absl::string_view line) {
  Checker checker;
  if (!nlohmann::json::sax_parse(line.begin(), line.end(), &checker))
    return absl::InvalidArgumentError(checker.error());
  constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";
  const std::size_t start =
      line.find_first_not_of(" \t\n\r", line.substr(0, 3) == kByteOrderMark ? 3 : 0);
  if (line[start] != '{') return absl::InvalidArgumentError("not a JSON object");
  return parse_members(line.substr(start));
}

}  // namespace kv::cli
