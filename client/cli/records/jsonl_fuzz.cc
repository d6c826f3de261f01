// Any line: it is refused with a reason, or what it means survives being written and read again, in
// both spellings.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "client/cli/records/json_lines.h"

namespace {

void must(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string line(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<kv::cli::Record> record = kv::cli::parse_json_line(line);
  if (!record.ok()) {
    must(!record.status().message().empty());
  } else {
    must(kv::cli::parse_json_line(kv::cli::format_json_line(*record, false)).value() == *record);
  }
  // And any bytes can be a record.
  const kv::cli::Record bytes{.key = line.substr(0, size / 2), .value = line.substr(size / 2)};
  for (const bool base64 : {false, true}) {
    const std::string text = kv::cli::format_json_line(bytes, base64);
    must(text.find('\n') == std::string::npos);
    must(kv::cli::parse_json_line(text).value() == bytes);
  }
  return 0;
}
