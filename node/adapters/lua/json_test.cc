#include "node/adapters/lua/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/adapters/lua/sandbox.h"

namespace kv::lua {
namespace {

using testing::HasSubstr;

absl::StatusOr<std::string> evaluate(const std::string& expression, const std::string& a = "") {
  return run_merge("function merge(a, b)\n" + expression + "\nend", a, "");
}

std::string round_trip(const std::string& text) {
  return evaluate("return json.encode(json.decode(a))", text).value_or("refused");
}

TEST(Json, ATextOfEveryDocumentSurvives) {
  for (const char* text :
       {"null", "true", "0", "-7", "9223372036854775807", "-9223372036854775808", "0.1", "1e+300",
        "\"\"", "\"a\\n\\\"\\u0001\"", "\"\xc3\xa9\"", "[]", "{}", "[[],{}]",
        "[1,[2,[3]],null,false]", "{\"a\":{},\"b\":[],\"c\":{\"1\":\"x\"}}"})
    EXPECT_EQ(round_trip(text), text);
}

TEST(Json, IsWrittenInOneWay) {
  EXPECT_EQ(round_trip(" { \"b\" : 1.0 , \"a\" : [ 1e2, -0.0 ] } "), "{\"a\":[100,0],\"b\":1}");
  EXPECT_EQ(round_trip("\"\\u00e9\\/\""), "\"\xc3\xa9/\"");
  EXPECT_EQ(canonical_json("{\"a\":1,\"b\":2.0}"), canonical_json("{ \"b\":2, \"a\":1 }"));
  EXPECT_NE(canonical_json("[1,2]"), canonical_json("[2,1]"));
  EXPECT_EQ(canonical_json("{\"a\":1,}"), std::nullopt);
  EXPECT_EQ(canonical_json(std::string(101, '[') + std::string(101, ']')), std::nullopt);
  EXPECT_TRUE(canonical_json("\"" + std::string(500, '[') + "\"").has_value());
}

TEST(Json, WhatIsNoneIsRefused) {
  for (const char* text : {"", "{", "[1,]", "nul", "1 2", "\"\xff\"", "1e999", "'a'"})
    EXPECT_EQ(round_trip(text), "refused") << text;
  const auto refused = [](const std::string& code) {
    return std::string(evaluate(code).status().message());
  };
  EXPECT_THAT(refused("return json.encode(merge)"), HasSubstr("a function is no JSON"));
  EXPECT_THAT(refused("return json.encode({1, 2, x = 3})"), HasSubstr("fields beside its items"));
  EXPECT_THAT(refused("return json.encode({1, 2, [5] = 3})"), HasSubstr("holes"));
  EXPECT_THAT(refused("return json.encode({[5] = 3})"), HasSubstr("a field's name is a number"));
  EXPECT_THAT(refused("return json.encode(1 / 0)"), HasSubstr("is no JSON"));
  EXPECT_THAT(refused("return json.encode('\\xff')"), HasSubstr("no UTF-8"));
  EXPECT_THAT(refused("return json.decode('[]', 'object')"),
              HasSubstr("an object was expected, this is of type array"));
}

TEST(Json, TablesOfTheCodeBecomeDocuments) {
  EXPECT_EQ(
      *evaluate("return json.encode({z = {1, 2}, a = json.null, e = {}, f = json.array({})})"),
      "{\"a\":null,\"e\":{},\"f\":[],\"z\":[1,2]}");
  EXPECT_EQ(*evaluate("local t = json.decode('[1,2]') t[2] = nil t[1] = nil return json.encode(t)"),
            "[]");
  EXPECT_EQ(*evaluate("return tostring(json.decode('null') == json.null)"), "true");
  EXPECT_EQ(
      *evaluate(
          "return math.type(json.decode('3.0')) .. math.type(json.decode('18446744073709551615'))"),
      "integerfloat");
}

}  // namespace
}  // namespace kv::lua
