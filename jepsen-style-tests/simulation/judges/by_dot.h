// A table of dots that is looked up and never walked: its order depends on the library.
#pragma once

#include <cstddef>
#include <unordered_map>

#include "node/causality/dot.h"

namespace kv::sim {

struct HashOfDot {
  std::size_t operator()(Dot dot) const {
    return static_cast<std::size_t>((dot.actor.id ^ dot.counter) * 0x9e3779b97f4a7c15);
  }
};

template <typename Value>
using ByDot = std::unordered_map<Dot, Value, HashOfDot>;

}  // namespace kv::sim
