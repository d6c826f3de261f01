// Takes values out of a TOML tree and collects everything that is wrong with them.
//
// Every key that a caller asks for becomes known; finish() then finds the keys that nobody asked
// for, so the code that reads a configuration is its schema. A value that is wrong or absent leaves
// the caller's variable as it was.
//
// Not thread-safe. The tree outlives the reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "node/adapters/config/toml_tree.h"

namespace kv {

class ConfigReader {
 public:
  // Some table of the document, or one that is absent and all of whose keys are.
  struct Section {
    std::string name;  // empty for the root
    const TomlValue* table = nullptr;
    int line = 1;
  };

  // What texts a key may have.
  struct TextRule {
    bool (*accepts)(std::string_view);
    const char* expected;
  };

  enum class Presence { kRequired, kOptional };

  ConfigReader(const TomlValue& root, std::string filename);

  Section root() const { return root_; }
  Section section(const std::string& name);                // [name]
  std::vector<Section> sections(const std::string& name);  // [[name]], each

  // Each returns the line of the value, or 0 when there is none or it was refused.
  int text(const Section& section, const std::string& key, const TextRule& rule, Presence presence,
           std::string& out);
  int integer(const Section& section, const std::string& key, std::int64_t min, std::int64_t max,
              std::int64_t& out);
  int integers(const Section& section, const std::string& key, std::uint32_t min, std::uint32_t max,
               std::set<std::uint32_t>& out);  // a list of them
  int size(const Section& section, const std::string& key, std::uint64_t min, std::uint64_t max,
           std::size_t& out);

  // A text that must be one of a few; `names` in the order of the values 0, 1, 2...
  template <typename Enum>
  int choice(const Section& section, const std::string& key,
             std::initializer_list<const char*> names, Enum& out) {
    std::size_t chosen = 0;
    const int line = choose(section, key, names, chosen);
    if (line != 0) out = static_cast<Enum>(chosen);
    return line;
  }

  // integer() for narrower and unsigned types that hold everything up to `max`.
  template <typename Integer>
  int integer_as(const Section& section, const std::string& key, std::int64_t min, std::int64_t max,
                 Integer& out) {
    std::int64_t value = 0;
    const int line = integer(section, key, min, max, value);
    if (line != 0) out = static_cast<Integer>(value);
    return line;
  }

  void add_error(int line, const std::string& found, const std::string& expected);

  // Adds unknown keys to the errors. OK if there are none, else INVALID_ARGUMENT with one per line.
  absl::Status finish();

 private:
  struct Error {
    int line = 0;
    std::string message;
  };

  const TomlMember* take(const Section& section, const std::string& key);
  int refuse(const Section& section, const TomlMember& member, const std::string& expected);
  int choose(const Section& section, const std::string& key,
             std::initializer_list<const char*> names, std::size_t& out);
  void find_unknown_keys(const Section& section);
  std::string advice_for(const Section& section, const std::string& key) const;

  const std::string filename_;
  const Section root_;
  std::vector<Section> sections_;  // all that were asked for and are there
  std::map<std::string, std::vector<std::string>, std::less<>> known_;  // keys by section
  std::vector<Error> errors_;
};

}  // namespace kv
