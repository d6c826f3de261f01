// Runs one fuzz target over stored inputs, in builds that have no libFuzzer: each file under the
// folders and files named on the command line, and the empty input. A finding ends the process as
// it would under libFuzzer.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

void run(const std::string& input) {
  // A copy of exactly this size, so that the address sanitizer sees a read of one byte too many.
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

bool run_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string input{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.good() && !file.eof()) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    return false;
  }
  // Named before it runs: when it crashes, this is the last line.
  std::fprintf(stderr, "%s (%zu bytes)\n", path.c_str(), input.size());
  run(input);
  return true;
}

int run_all(const std::vector<fs::path>& roots) {
  run("");
  int inputs = 1;
  for (const fs::path& root : roots) {
    if (!fs::exists(root)) {
      std::fprintf(stderr, "no stored inputs in %s: add at least one\n", root.c_str());
      return 1;
    }
    if (!fs::is_directory(root)) {
      if (!run_file(root)) return 1;
      ++inputs;
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      if (!entry.is_regular_file()) continue;
      if (!run_file(entry.path())) return 1;
      ++inputs;
    }
  }
  std::fprintf(stderr, "%d inputs passed\n", inputs);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run_all(std::vector<fs::path>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
