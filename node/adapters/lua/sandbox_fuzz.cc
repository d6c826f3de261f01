// Any source and any two values: no crash, nothing beyond the bounds; and two values that are merged are so by the laws' own
// judgement or refused by name.
//
// The input is the source, then after a zero byte each the values.
#include <cstdint>
#include <string>
#include <string_view>

#include "node/adapters/lua/json.h"
#include "node/adapters/lua/merge_function.h"
#include "node/adapters/lua/sandbox.h"
#include "node/base/check.h"
#include "node/base/limits.h"

namespace {

std::string_view take(std::string_view& bytes) {
  const std::string_view part = bytes.substr(0, bytes.find('\0'));
  bytes.remove_prefix(std::min(part.size() + 1, bytes.size()));
  return part;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string source(take(bytes));
  const std::string a(take(bytes));
  const std::string b(bytes);
  kv::lua::Usage usage;
  const auto merged = kv::lua::run_merge(source, a, b, &usage);
  KV_CHECK(usage.peak_bytes <= kv::lua::kMaxMemoryBytes, "memory is bounded");
  if (!merged.ok()) {
    KV_CHECK(merged.status().code() == absl::StatusCode::kInvalidArgument, "refused by name");
    return 0;
  }
  KV_CHECK(merged->size() <= kv::kMaxMergeValueBytes, "so is a result");
  KV_CHECK(kv::lua::check_source(source).ok(), "what runs is a merge function");
  const auto all = kv::lua::merge_all(source, {a, b, *merged});
  KV_CHECK(all.ok() || all.status().code() == absl::StatusCode::kFailedPrecondition ||
               all.status().code() == absl::StatusCode::kInvalidArgument,
           "merged, or refused by name");
  if (const auto text = kv::lua::canonical_json(*merged); text.has_value())
    KV_CHECK(kv::lua::canonical_json(*text) == text, "one text for each document");
  return 0;
}
