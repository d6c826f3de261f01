// A map whose entries stand side by side, in the order of their keys: for what is filled once, or is small, and is walked
// through at every turn of the core. Adding an entry moves those behind it, and invalidates references to all.
#pragma once

#include <boost/container/flat_map.hpp>

namespace kv {

template <typename Key, typename Value>
using FlatMap = boost::container::flat_map<Key, Value>;

}  // namespace kv
