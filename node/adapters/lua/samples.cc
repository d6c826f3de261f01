#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "node/adapters/lua/json.h"
#include "node/adapters/lua/laws.h"
#include "node/base/limits.h"
#include "node/base/rng.h"

namespace kv::lua {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kSeed = 1;
constexpr std::size_t kDerived = 32;
constexpr std::size_t kRandom = 12;  // of each kind

const std::vector<std::string> kFixed = {"",
                                         "a",
                                         "b",
                                         "a,b",
                                         "0",
                                         "1",
                                         "-1",
                                         "2",
                                         "10",
                                         "2.5",
                                         "null",
                                         "true",
                                         "false",
                                         "\"a\"",
                                         "\"b\"",
                                         "[]",
                                         "[\"a\"]",
                                         "[\"b\",\"a\"]",
                                         "[1,2]",
                                         "[2,3,1]",
                                         "{}",
                                         "{\"a\":1}",
                                         "{\"a\":2}",
                                         "{\"b\":1}",
                                         "{\"a\":0,\"b\":3}",
                                         "{\"a\":{\"n\":1}}",
                                         "{\"a\":[\"x\"]}",
                                         "{\"a\":[\"y\",\"x\"],\"b\":[]}",
                                         "{\"a\":\"x\"}"};

std::string random_word(Rng& rng) {
  std::string word;
  for (std::uint64_t left = 1 + rng.below(3); left > 0; --left)
    word.push_back(static_cast<char>('a' + rng.below(4)));
  return word;
}

Json random_document(Rng& rng, int depth) {
  switch (rng.below(depth == 0 ? 3 : 5)) {
    case 0:
      return rng.between(-3, 20);
    case 1:
      return random_word(rng);
    case 2:
      return rng.below(4) == 0 ? Json(rng.below(2) == 0) : Json(rng.between(0, 3));
    case 3: {
      Json array = Json::array();
      for (std::uint64_t left = rng.below(4); left > 0; --left)
        array.push_back(random_document(rng, depth - 1));
      return array;
    }
    default: {
      Json object = Json::object();
      for (std::uint64_t left = rng.below(4); left > 0; --left)
        object[random_word(rng)] = random_document(rng, depth - 1);
      return object;
    }
  }
}

// Like both: each part is from one of them, or a little beside it.
Json mixed(Rng& rng, const Json& a, const Json& b) {
  if (a.is_object() && b.is_object()) {
    Json object = Json::object();
    for (const Json* from : {&a, &b})
      for (const auto& [name, value] : from->items()) {
        if (rng.below(3) == 0) continue;
        const auto other = (from == &a ? b : a).find(name);
        object[name] = other == (from == &a ? b : a).end() ? value : mixed(rng, value, *other);
      }
    return object;
  }
  if (a.is_array() && b.is_array()) {
    Json array = Json::array();
    for (const Json* from : {&a, &b})
      for (const Json& each : *from)
        if (rng.below(2) == 0 && std::find(array.begin(), array.end(), each) == array.end())
          array.push_back(each);
    return array;
  }
  const Json& one = rng.below(2) == 0 ? a : b;
  if (one.is_number_integer() && one.type() == Json::value_t::number_integer && rng.below(2) == 0) {
    const auto number = one.get<std::int64_t>();
    return number / 2 + rng.between(0, 5);
  }
  return one;
}

// A text that is no JSON, as a list.
std::string mixed(Rng& rng, const std::string& a, const std::string& b) {
  const char separator = absl::StrContains(a, "\n") ? '\n' : absl::StrContains(a, ",") ? ',' : ' ';
  std::vector<std::string> parts;
  for (const std::string* from : {&a, &b})
    for (const absl::string_view part : absl::StrSplit(*from, separator))
      if (rng.below(2) == 0) parts.emplace_back(part);
  return absl::StrJoin(parts, std::string(1, separator));
}

std::string like(Rng& rng, const std::string& a, const std::string& b) {
  const auto first = parse_json(a);
  const auto second = parse_json(b);
  return first.has_value() && second.has_value() ? mixed(rng, *first, *second).dump()
                                                 : mixed(rng, a, b);
}

}  // namespace

Candidates make_candidates(const std::vector<std::string>& samples) {
  Rng rng(kSeed);
  Candidates all;
  std::set<std::string> known;
  const auto add = [&](std::vector<std::string>& to, std::string value) {
    if (value.size() <= kMaxMergeValueBytes && known.insert(value).second)
      to.push_back(std::move(value));
  };
  for (const std::string& sample : samples) add(all.given, sample);
  const auto any = [&] { return all.given[rng.below(all.given.size())]; };
  for (std::size_t i = 0; i < kDerived && !all.given.empty(); ++i) {
    const std::string first = any(), second = any();
    add(all.derived, like(rng, first, second));
  }
  for (const std::string& value : kFixed) add(all.generated, value);
  for (std::size_t i = 0; i < kRandom; ++i) {
    add(all.generated, random_word(rng));
    add(all.generated, absl::StrCat(rng.between(-1000, 1000)));
    add(all.generated, random_document(rng, 3).dump());
    Json texts = Json::array();
    Json numbers = Json::object();
    for (std::uint64_t left = rng.below(5); left > 0; --left) {
      texts.push_back(random_word(rng));
      numbers[random_word(rng)] = rng.below(10);
    }
    add(all.generated, texts.dump());
    add(all.generated, numbers.dump());
  }
  return all;
}

}  // namespace kv::lua
