// Planted bugs (node/base/simulation_lists.h) that clients of real nodes can notice, each with the run that finds it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kv::jepsen {

struct PlantedBug {
  std::string name{};
  std::string workload{};
  std::vector<std::string> nemeses{};
  std::int64_t seconds = 15;
};

const std::vector<PlantedBug>& planted_bugs();

}  // namespace kv::jepsen
