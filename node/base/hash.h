// One stable hash for everything that nodes must agree on or that is written to disk (XXH3, 64 bits, seed 0).
#pragma once

#include <cstdint>
#include <string_view>

namespace kv {

std::uint64_t stable_hash(std::string_view bytes);

}  // namespace kv
