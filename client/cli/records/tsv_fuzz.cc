// Any line: it is refused with a reason, or what it means survives being written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "client/cli/records/record_reader.h"
#include "client/cli/records/tsv.h"

namespace {

void must(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string line(reinterpret_cast<const char*>(data), size);
  for (const bool base64 : {false, true}) {
    const absl::StatusOr<kv::cli::Record> record = kv::cli::parse_tsv(line, base64);
    if (record.ok())
      must(kv::cli::parse_tsv(kv::cli::format_tsv(*record, base64), base64).value() == *record);
  }
  // And any bytes can be a record.
  const kv::cli::Record bytes{.key = line.substr(0, size / 2), .value = line.substr(size / 2)};
  for (const bool base64 : {false, true}) {
    const std::string text = kv::cli::format_tsv(bytes, base64);
    must(text.find('\n') == std::string::npos);
    must(kv::cli::detect_format(text) == kv::cli::RecordFormat::kTsv);
    must(kv::cli::parse_tsv(text, base64).value() == bytes);
  }
  return 0;
}
