#include "jepsen-style-tests/checkers/verdict.h"

#include <absl/strings/str_cat.h>

#include <array>

#include "jepsen-style-tests/history/history_codec.h"

namespace kv::check {
namespace {

constexpr std::size_t kKept = 5;

#define KV_ID(name, id, text) id,
#define KV_TEXT(name, id, text) text,
constexpr std::array kIds{KV_DEMANDS(KV_ID)};
constexpr std::array kTexts{KV_DEMANDS(KV_TEXT)};

}  // namespace

const char* name_of(Demand demand) { return kIds[static_cast<std::size_t>(demand)]; }
const char* text_of(Demand demand) { return kTexts[static_cast<std::size_t>(demand)]; }

void Verdict::add(Demand demand, std::string what,
                  const std::vector<const history::Operation*>& evidence) {
  Found& found = found_[demand];
  ++found.count;
  if (found.first.size() >= kKept) return;
  Violation violation{std::move(what), {}};
  for (const history::Operation* op : evidence)
    violation.evidence.push_back(history::describe(*op));
  found.first.push_back(std::move(violation));
}

std::string to_text(const Verdict& verdict) {
  std::string text;
  for (const auto& [demand, found] : verdict.found()) {
    absl::StrAppend(&text, "VIOLATED ", name_of(demand), " (", found.count, "): ", text_of(demand),
                    "\n");
    for (const Violation& violation : found.first) {
      absl::StrAppend(&text, "  ", violation.what, "\n");
      for (const std::string& line : violation.evidence) absl::StrAppend(&text, "    ", line, "\n");
    }
    if (found.count > found.first.size())
      absl::StrAppend(&text, "  and ", found.count - found.first.size(), " more\n");
  }
  return text;
}

}  // namespace kv::check
