#include "jepsen-style-tests/process/harness/kv.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "kv/codec.h"

namespace kv::e2e {
namespace {

std::string bytes_of(const Json& record, const std::string& name) {
  if (record.contains(name)) return record.at(name).get<std::string>();
  return client::decode_base64(record.at(name + "_base64").get<std::string>()).value();
}

}  // namespace

std::string kv_binary() { return from_environment("KV_BIN_DIR") + "/kv"; }
std::string kvnode_binary() {
  const char* other = std::getenv("KV_NODE_BINARY");
  return other != nullptr ? other : from_environment("KV_BIN_DIR") + "/kvnode";
}

Command Kv::command(const Arguments& arguments) const {
  Command command{.argv = {kv_binary(), "--endpoints", endpoints_}, .env = {{"KV_TIMEOUT", "20s"}}};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  return command;
}

Result Kv::operator()(const Arguments& arguments, const std::string& input,
                      const std::map<std::string, std::string>& env) const {
  Command command = this->command(arguments);
  command.input = input;
  for (const auto& [name, value] : env) command.env[name] = value;
  return run(command);
}

Json Kv::json(const Arguments& arguments) const {
  Arguments all = {"-o", "json"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const Result result = (*this)(all);
  Json parsed = Json::parse(result.out, nullptr, false);
  if (parsed.is_object()) return parsed;
  ADD_FAILURE() << "no JSON object from kv " << arguments.front() << ": " << result;
  return nullptr;
}

std::string Kv::get(const std::string& key, const std::string& level) const {
  const Result result = (*this)({"get", key, "--level", level});
  if (result.code == 0) return result.out;
  return result.code == 1 ? "<absent>" : "<failed: " + result.err + ">";
}

Records make_records(const std::string& prefix, std::size_t count, std::size_t value_bytes) {
  Records records;
  for (std::size_t i = 0; i < count; ++i) {
    std::string number = std::to_string(i);
    number.insert(0, number.size() < 5 ? 5 - number.size() : 0, '0');
    std::string value = "value of " + prefix + number;
    if (value.size() < value_bytes) value.append(value_bytes - value.size(), '.');
    records.emplace(prefix + number, value);
  }
  return records;
}

std::string to_tsv(const Records& records) {
  std::string text;
  for (const auto& [key, value] : records) text += key + "\t" + value + "\n";
  return text;
}

Records parse_json_lines(const std::string& lines) {
  Records records;
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) {
    const Json record = Json::parse(line);
    const bool is_new = records.emplace(bytes_of(record, "key"), bytes_of(record, "value")).second;
    EXPECT_TRUE(is_new) << "twice: " << line;
  }
  return records;
}

std::string difference(const Records& expected, const Records& found) {
  std::size_t count = 0;
  std::ostringstream text;
  const auto note = [&](const std::string& key, const std::string& what) {
    if (++count <= 5) text << "\n  " << key.substr(0, 80) << ": " << what;
  };
  for (const auto& [key, value] : expected) {
    const auto at = found.find(key);
    if (at == found.end())
      note(key, "missing");
    else if (at->second != value)
      note(key, "is \"" + at->second.substr(0, 80) + "\", not \"" + value.substr(0, 80) + "\"");
  }
  for (const auto& [key, value] : found)
    if (!expected.contains(key)) note(key, "should not be there");
  return count == 0 ? ""
                    : std::to_string(count) + " of " + std::to_string(expected.size()) +
                          " differ:" + text.str();
}

}  // namespace kv::e2e
