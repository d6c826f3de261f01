// Functions that break one law each are refused with the values that show it; lawful ones are taken.
#include "node/adapters/lua/laws.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "node/base/limits.h"

namespace kv::lua {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string refusal(const std::string& source, const std::vector<std::string>& samples = {}) {
  const absl::Status status = check_laws(source, samples);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

std::string body(const std::string& code) { return "function merge(a, b)\n" + code + "\nend"; }

const std::string kNumbers = "a, b = assert(tonumber(a)), assert(tonumber(b))\n";
const std::string kObjects = "a, b = json.decode(a, 'object'), json.decode(b, 'object')\n";

std::string cart() {
  const char* root = std::getenv("KV_SOURCE_DIR");
  std::ifstream file(std::string(root == nullptr ? "." : root) + "/client/examples/cart.lua");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(Laws, LawfulFunctionsAreTaken) {
  EXPECT_EQ(check_laws(body("return a > b and a or b"), {}), absl::OkStatus());
  EXPECT_EQ(check_laws(body("return json.encode(math.max(json.decode(a, 'number'), "
                            "json.decode(b, 'number')))"),
                       {}),
            absl::OkStatus());
  // A list in order stands for a set: one text for each.
  EXPECT_EQ(
      check_laws("local function set_of(text) local list, set = json.decode(text, 'array'), {}\n"
                 "for i, x in ipairs(list) do assert(type(x) == 'string') "
                 "assert(i == 1 or list[i - 1] < x) set[x] = true end return set end\n" +
                     body("local all, list = set_of(a), json.array({})\n"
                          "for x in pairs(set_of(b)) do all[x] = true end\n"
                          "for x in pairs(all) do list[#list + 1] = x end "
                          "return json.encode(list)"),
                 {"[]", "[\"x\"]"}),
      absl::OkStatus());
}

TEST(Laws, TheCartIsLawful) {
  EXPECT_EQ(check_laws(cart(), {}), absl::OkStatus());
  EXPECT_EQ(check_laws(cart(), {"{\"apples\": 1}", "{\"pears\": 2.0, \"apples\": 3}", "{}"}),
            absl::OkStatus());
  EXPECT_THAT(refusal(cart(), {"[]", "{\"apples\":-1}"}),
              AllOf(StartsWith("the merge function takes none of the samples"), HasSubstr("a = []"),
                    HasSubstr("an object was expected")));
}

TEST(Laws, NotCommutative) {
  EXPECT_THAT(refusal(body("return a")),
              AllOf(StartsWith("the merge function is not commutative:\n  a = "),
                    HasSubstr("\n  merge(a, b) = "), HasSubstr("\n  merge(b, a) = "),
                    HasSubstr("let the function raise an error")));
  EXPECT_THAT(
      refusal(body(kObjects + "for k, v in pairs(b) do a[k] = v end return json.encode(a)")),
      HasSubstr("not commutative:\n  a = {\"a\":1}\n  b = {\"a\":2}\n"
                "  merge(a, b) = {\"a\":2}\n  merge(b, a) = {\"a\":1}"));
}

TEST(Laws, NotIdempotent) {
  EXPECT_THAT(refusal(body(kNumbers + "return tostring(a + b)")),
              HasSubstr("not idempotent:\n  a = 1\n  merge(a, a) = 2"));
  EXPECT_THAT(refusal(body("return a .. b")), HasSubstr("not idempotent"));
  EXPECT_THAT(refusal(body("return 'always'")), HasSubstr("not idempotent"));
}

TEST(Laws, NotAssociative) {
  EXPECT_THAT(refusal(body(kNumbers + "return json.encode((a + b) / 2)")),
              AllOf(HasSubstr("not associative:\n  a = "), HasSubstr("merge(merge(a, b), c) = "),
                    HasSubstr("merge(a, merge(b, c)) = ")));
  // The more frequent of two answers, by a rule that depends on who meets whom.
  EXPECT_THAT(refusal("local beats = {rock = 'scissors', scissors = 'paper', paper = 'rock'}\n" +
                          body("assert(beats[a] and beats[b]) return beats[a] == b and a or b == a "
                               "and a or b"),
                      {"rock", "paper", "scissors"}),
              HasSubstr("not associative"));
}

TEST(Laws, NotClosed) {
  EXPECT_THAT(
      refusal(body(kObjects +
                   "for k, v in pairs(b) do if a[k] == nil or v > a[k] then a[k] = v end end "
                   "for k, v in pairs(a) do assert(v >= v) end return json.encode(a)")),
      AllOf(HasSubstr("not closed (it takes merge(a, a) and merge(b, b))"),
            HasSubstr("error: merge:")))
      << "a number and a text cannot be compared";
  EXPECT_THAT(
      refusal(body("assert(#a < 3 and #b < 3) return a == b and a or a < b and a .. b or b .. a"),
              {"x", "y", "zz"}),
      HasSubstr("not closed (merge(m, m) raises an error)"));
}

TEST(Laws, AreTriedOnTheSamplesAndTheirLike) {
  // Lawless only where a field occurs that nobody would guess.
  const std::string source =
      body(kObjects +
           "local c = {} for k, v in pairs(a) do assert(math.type(v) == 'integer') c[k] = v end\n"
           "for k, v in pairs(b) do assert(math.type(v) == 'integer')\n"
           "if k == 'stock of shop 7' then c[k] = (c[k] or 0) + v else c[k] = math.max(c[k] or v, "
           "v) end end\n"
           "return json.encode(c)");
  EXPECT_TRUE(check_laws(source, {}).ok());
  EXPECT_THAT(refusal(source, {"{\"stock of shop 7\":4}", "{\"x\":1}"}),
              HasSubstr("not idempotent:\n  a = {\"stock of shop 7\":"));
}

TEST(Laws, TooFewValues) {
  EXPECT_THAT(refusal(body("error('never')")),
              AllOf(HasSubstr("takes only 0 of the values"), HasSubstr("give samples"),
                    HasSubstr("error: merge:2: never")));
  EXPECT_THAT(refusal(body("assert(a == 'on' and b == 'on') return a"), {"on"}),
              HasSubstr("takes only 1 of the values"));
  EXPECT_TRUE(check_laws(body("local rank = {low = 1, mid = 2, high = 3} "
                              "return assert(rank[a]) > assert(rank[b]) and a or b"),
                         {"low", "mid", "high"})
                  .ok());
}

TEST(Laws, LimitsAreNamed) {
  EXPECT_THAT(refusal(""), HasSubstr("needs a merge function"));
  EXPECT_THAT(refusal(std::string(kMaxMergeSourceBytes + 1, ' ')),
              HasSubstr("merge function of 16385 bytes; the limit is 16384"));
  EXPECT_THAT(refusal("x ="), HasSubstr("the merge function: merge:1: unexpected symbol"));
  EXPECT_THAT(refusal(body("return a"), std::vector<std::string>(65, "x")),
              HasSubstr("65 samples; the limit is 64"));
  EXPECT_THAT(refusal(body("return a"), {std::string(kMaxMergeSamplesBytes + 1, 'x')}),
              HasSubstr("samples of 1048577 bytes; the limit is 1048576"));
  EXPECT_THAT(refusal(body("for i = 1, 1000000 do end return a > b and a or b")),
              HasSubstr("instructions, the limit: make it simpler"));
}

TEST(Laws, CandidatesAreTheSameEveryTime) {
  const std::vector<std::string> samples = {"{\"a\":1,\"b\":[\"x\"]}", "{\"c\":2}", "p,q", "r"};
  const Candidates one = make_candidates(samples);
  const Candidates two = make_candidates(samples);
  EXPECT_EQ(one.given, samples);
  EXPECT_EQ(one.derived, two.derived);
  EXPECT_EQ(one.generated, two.generated);
  EXPECT_GE(one.derived.size(), 8U);
  EXPECT_THAT(one.derived, testing::Contains("{\"a\":1,\"b\":[\"x\"],\"c\":2}"));
}

}  // namespace
}  // namespace kv::lua
