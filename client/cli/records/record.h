// One record of an import or export: any bytes as key, any bytes as value.
#pragma once

#include <string>

namespace kv::cli {

struct Record {
  std::string key{};
  std::string value{};

  friend bool operator==(const Record&, const Record&) = default;
};

}  // namespace kv::cli
