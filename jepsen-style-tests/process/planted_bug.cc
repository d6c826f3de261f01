// What makes kvnode_planted of kvnode: before main() it switches on the bug that KV_PLANTED_BUG names.
//
// The variable must be set, "none" for no bug, so that nobody takes this program for a node to keep data in.
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "node/base/simulation.h"

namespace kv::simulation {
namespace {

[[noreturn]] void refuse(std::string_view why) {
  std::cerr << "kvnode_planted: KV_PLANTED_BUG " << why << "; expected none or one of:";
  for (const std::string_view name : kBugNames) std::cerr << " " << name;
  std::cerr << std::endl;
  std::_Exit(2);
}

Bug named_bug() {
  const char* name = std::getenv("KV_PLANTED_BUG");
  if (name == nullptr) refuse("is not set");
  if (std::string_view(name) == "none") return Bug::kCount;
  for (std::size_t i = 0; i < kBugs; ++i)
    if (kBugNames[i] == name) return static_cast<Bug>(i);
  refuse("names no planted bug");
}

[[maybe_unused]] const bool is_set = [] {
  planted = named_bug();
  return true;
}();

}  // namespace
}  // namespace kv::simulation
