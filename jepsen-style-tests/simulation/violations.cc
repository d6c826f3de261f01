#include "jepsen-style-tests/simulation/violations.h"

#include <array>

namespace kv::sim {
namespace {

#define KV_ID(name, id, text) id,
#define KV_TEXT(name, id, text) text,
constexpr std::array<std::string_view, kChecks> kIds{KV_CHECKS(KV_ID)};
constexpr std::array<std::string_view, kChecks> kTexts{KV_CHECKS(KV_TEXT)};
#undef KV_ID
#undef KV_TEXT

}  // namespace

std::string_view name_of(Check check) { return kIds[static_cast<std::size_t>(check)]; }
std::string_view text_of(Check check) { return kTexts[static_cast<std::size_t>(check)]; }

}  // namespace kv::sim
