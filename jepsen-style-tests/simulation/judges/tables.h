// Tables that are looked up and not walked, for their order depends on the library; or walked where no order makes a difference.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "node/causality/dot.h"

namespace kv::sim {

struct HashOfDot {
  std::size_t operator()(Dot dot) const {
    return static_cast<std::size_t>((dot.actor.id ^ dot.counter) * 0x9e3779b97f4a7c15);
  }
};

template <typename Value>
using ByDot = std::unordered_map<Dot, Value, HashOfDot>;

template <typename Value>
using ByKey = std::unordered_map<std::string, Value>;  // by storage key

template <typename Value>
std::vector<std::string> sorted_keys(const ByKey<Value>& table) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : table) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  return keys;
}

}  // namespace kv::sim
