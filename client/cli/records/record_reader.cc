#include "client/cli/records/record_reader.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

#include <utility>

#include "client/cli/records/json_lines.h"
#include "client/cli/records/tsv.h"
#include "kv/limits.h"

namespace kv::cli {
namespace {

// A line that has a tab may be a record of two empty columns, which is refused rather than skipped.
bool is_blank(const Line& line) {
  return !line.too_long && line.text.find_first_not_of(" \r") == absl::string_view::npos;
}

}  // namespace

RecordFormat detect_format(absl::string_view first_line) {
  absl::ConsumePrefix(&first_line, "\xef\xbb\xbf");
  const std::size_t start = first_line.find_first_not_of(' ');
  const bool json = start != absl::string_view::npos && first_line[start] == '{';
  return json ? RecordFormat::kJson : RecordFormat::kTsv;
}

std::optional<RecordFormat> format_of_name(absl::string_view path) {
  if (absl::EndsWithIgnoreCase(path, ".tsv")) return RecordFormat::kTsv;
  for (const absl::string_view end : {".json", ".jsonl", ".ndjson"})
    if (absl::EndsWithIgnoreCase(path, end)) return RecordFormat::kJson;
  return std::nullopt;
}

std::optional<NumberedRecord> RecordReader::next() {
  Line line;
  while (lines_.next(&line)) {
    if (!is_blank(line)) return NumberedRecord{.line = line.number, .record = parse(line)};
  }
  return std::nullopt;
}

absl::StatusOr<Record> RecordReader::parse(const Line& line) {
  if (line.too_long) {
    return absl::InvalidArgumentError(
        absl::StrCat("line is longer than ", LineReader::kMaxLine, " bytes"));
  }
  if (!format_.has_value()) format_ = detect_format(line.text);
  absl::StatusOr<Record> record =
      *format_ == RecordFormat::kJson ? parse_json_line(line.text) : parse_tsv(line.text, base64_);
  if (!record.ok()) return record;
  if (absl::Status status = client::check_write(record->key, record->value, ""); !status.ok())
    return status;
  return record;
}

}  // namespace kv::cli
