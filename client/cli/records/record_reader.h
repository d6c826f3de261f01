// Records of a stream in either format, with the number of the line that each stands on.
// Not thread-safe. Does not own the stream.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <istream>
#include <optional>

#include "client/cli/records/line_reader.h"
#include "client/cli/records/record.h"

namespace kv::cli {

enum class RecordFormat { kJson, kTsv };

struct NumberedRecord {
  std::uint64_t line = 0;
  // kInvalidArgument: this line is refused, and why; later ones may be fine.
  absl::StatusOr<Record> record{};
};

class RecordReader {
 public:
  // Without `format` the first line that is not blank decides: JSON if it begins with "{", perhaps
  // after white space. `base64` is for TSV: its columns are base64. JSON lines say so themselves.
  RecordReader(std::istream& in, std::optional<RecordFormat> format, bool base64)
      : lines_(in), format_(format), base64_(base64) {}

  // Skips blank lines. Checks the service's limits. Nothing at the end of the stream; failed()
  // tells whether it broke off.
  std::optional<NumberedRecord> next();

  bool failed() const { return lines_.failed(); }
  std::uint64_t bytes_read() const { return lines_.bytes_read(); }

 private:
  absl::StatusOr<Record> parse(const Line& line);

  LineReader lines_;
  std::optional<RecordFormat> format_;
  const bool base64_;
};

RecordFormat detect_format(absl::string_view first_line);

// What the end of a file's name says: ".tsv", ".json", ".jsonl" or ".ndjson", in any case.
std::optional<RecordFormat> format_of_name(absl::string_view path);

}  // namespace kv::cli
