// The command line `kv` against given endpoints, and the records that tests send through it.
#pragma once

#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "jepsen-style-tests/process/harness/process.h"

namespace kv::e2e {

using Json = nlohmann::json;
using Arguments = std::vector<std::string>;

std::string kv_binary();
std::string kvnode_binary();  // KV_NODE_BINARY in the environment names another

class Kv {
 public:
  explicit Kv(std::string endpoints) : endpoints_(std::move(endpoints)) {}

  // Runs it with these arguments. Requests get more time than by default, for busy machines;
  // --timeout and KV_TIMEOUT in `env` go before that.
  Result operator()(const Arguments& arguments, const std::string& input = "",
                    const std::map<std::string, std::string>& env = {}) const;

  // The same, to be started and watched.
  Command command(const Arguments& arguments) const;

  // With -o json. What is printed, parsed; null, and a failed test, when it is not one JSON object.
  Json json(const Arguments& arguments) const;

  // The value; "<absent>" when there is none, "<failed: ...>" with what was said when it cannot be
  // read.
  std::string get(const std::string& key, const std::string& level = "quorum") const;

 private:
  std::string endpoints_;
};

// Keys and values that tell each other apart: PREFIX00000 ... , each value at least `value_bytes`
// long.
using Records = std::map<std::string, std::string>;
Records make_records(const std::string& prefix, std::size_t count, std::size_t value_bytes = 20);
std::string to_tsv(const Records& records);  // no escapes: text without tabs and newlines only

// What `kv export` or `kv scan -o json` printed.
Records parse_json_lines(const std::string& lines);

// How many records the two differ in, and the first few of them, for an assertion: "" when they are
// equal.
std::string difference(const Records& expected, const Records& found);

}  // namespace kv::e2e
