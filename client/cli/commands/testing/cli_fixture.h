// For tests: runs `kv` inside this process, on streams of its own.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace kv::cli {

struct CliResult {
  int code = 0;
  std::string out{};
  std::string err{};

  nlohmann::json json() const { return nlohmann::json::parse(out); }
  nlohmann::json error() const { return nlohmann::json::parse(err); }
};

// A file of its own: the tests of two builds may run at once.
class InputFile {
 public:
  explicit InputFile(const std::string& content, const std::string& suffix = "");
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  void remove() const;

 private:
  std::string path_;
};

class CliTest : public ::testing::Test {
 protected:
  // Without what the environment of whoever runs the tests says.
  CliTest();
  ~CliTest() override;

  // `kv ARGUMENTS`, with `in` on standard input.
  CliResult run(std::vector<std::string> arguments, const std::string& in = "");

  void set_environment(const std::string& name, const std::string& value);

  bool out_is_terminal_ = false;
  bool err_is_terminal_ = false;
};

}  // namespace kv::cli
