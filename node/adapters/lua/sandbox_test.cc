// What a merge function can do, what it cannot, and where it is stopped.
#include "node/adapters/lua/sandbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/base/limits.h"

namespace kv::lua {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

// The body of merge(a, b).
std::string merge_of(const std::string& code) { return "function merge(a, b)\n" + code + "\nend"; }

absl::StatusOr<std::string> run(const std::string& code, const std::string& a = "a",
                                const std::string& b = "b") {
  return run_merge(merge_of(code), a, b);
}

std::string error_of(const std::string& code) {
  const auto result = run(code);
  EXPECT_FALSE(result.ok()) << code << " returned " << *result;
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(result.status().message());
}

TEST(Sandbox, CallsTheFunctionWithAnyBytes) {
  const std::string zero("\0\xff\n", 3);
  EXPECT_EQ(*run("return a .. b", zero, "x"), zero + "x");
  EXPECT_EQ(*run("return a < b and b or a", "3", "20"), "3") << "as text";
}

TEST(Sandbox, WhatIsNoMergeFunctionIsRefusedWithItsLine) {
  EXPECT_TRUE(check_source(merge_of("return a")).ok());
  EXPECT_EQ(check_source("function merge(a, b)\nreturn a +\nend").message(),
            "merge:3: unexpected symbol near 'end'");
  EXPECT_EQ(check_source("return 1").message(), "it defines no function merge(a, b)");
  EXPECT_EQ(check_source("merge = 1").message(), "it defines no function merge(a, b)");
  EXPECT_THAT(std::string(check_source("error('at once')").message()), HasSubstr("at once"));
  EXPECT_THAT(std::string(check_source("\x1bLua").message()), HasSubstr("binary chunk"));
  EXPECT_THAT(std::string(check_source("while true do end").message()), HasSubstr("instructions"));
}

TEST(Sandbox, OnlyTextIsAResult) {
  EXPECT_EQ(error_of("return nil"), "merge returned a nil, not a string");
  EXPECT_EQ(error_of("return 1"), "merge returned a number, not a string");
  EXPECT_EQ(error_of(""), "merge returned a nil, not a string");
  EXPECT_EQ(error_of("return ('x'):rep(256 * 1024 + 1)"),
            "merge returned more than 262144 bytes, the limit");
  EXPECT_EQ(run("return ('x'):rep(256 * 1024)")->size(), kMaxMergeValueBytes);
}

TEST(Sandbox, ErrorsOfAnyKindComeBackAsText) {
  EXPECT_EQ(error_of("error('no cart')"), "merge:2: no cart");
  EXPECT_EQ(error_of("error({})"), "an error, a table");
  EXPECT_EQ(error_of("error()"), "an error, a nil");
  EXPECT_EQ(error_of("return x.y"), "merge:2: attempt to index a nil value (global 'x')");
  EXPECT_LE(error_of("error(('x'):rep(100000))").size(), 500U);
}

TEST(Sandbox, NothingThatReachesOutIsThere) {
  for (const char* name : {"_G",
                           "collectgarbage",
                           "coroutine",
                           "debug",
                           "dofile",
                           "getmetatable",
                           "io",
                           "load",
                           "loadfile",
                           "loadstring",
                           "next",
                           "os",
                           "package",
                           "pcall",
                           "print",
                           "rawequal",
                           "rawget",
                           "rawlen",
                           "rawset",
                           "require",
                           "setmetatable",
                           "utf8",
                           "warn",
                           "xpcall",
                           "math.random",
                           "math.randomseed",
                           "math.sin",
                           "math.log",
                           "string.dump",
                           "string.gsub",
                           "string.gmatch",
                           "string.match",
                           "string.pack",
                           "table.move"})
    EXPECT_EQ(*run(std::string("return type(") + name + ")"), "nil") << name;
  EXPECT_EQ(*run("return type(_ENV.io)"), "nil");
  EXPECT_THAT(error_of("return ('x'):dump()"), HasSubstr("nil value"));
  EXPECT_THAT(error_of("return ('x'):gsub('x', 'y')"), HasSubstr("nil value"));
  EXPECT_THAT(error_of("return '1' + 1"), HasSubstr("arithmetic on a string"));
}

TEST(Sandbox, NothingIsLeftForTheNextCall) {
  const std::string code =
      "local calls = 0\nfunction merge(a, b) calls = calls + 1; seen = (seen or 0) + 1\n"
      "string.kept = (string.kept or 0) + 1; return calls .. ' ' .. seen .. ' ' .. string.kept end";
  EXPECT_EQ(*run_merge(code, "", ""), "1 1 1");
  EXPECT_EQ(*run_merge(code, "", ""), "1 1 1");
}

TEST(Sandbox, NoAddressIsShown) {
  EXPECT_EQ(
      *run("return tostring({}) .. tostring(print) .. tostring(merge) .. tostring(json.null)"),
      "tablenilfunctionuserdata");
  EXPECT_EQ(*run("return tostring(1.5) .. tostring(10) .. tostring(true) .. tostring('x')"),
            "1.510truex");
  EXPECT_EQ(error_of("return string.format('%p', a)"), "merge:2: format: there are no addresses");
  EXPECT_EQ(error_of("return string.format('%-10p', a)"),
            "merge:2: format: there are no addresses");
  EXPECT_EQ(error_of("return string.format('%s', {})"), "merge:2: format: a table has no text");
  EXPECT_EQ(*run("return ('%5.1f|%d%%p|%q'):format(2.25, 7, a)"), "  2.2|7%p|\"a\"");
}

TEST(Sandbox, PairsGoByKeys) {
  EXPECT_EQ(
      *run("local t = {z = 1, a = 2, [10] = 3, [2] = 4, [2.5] = 5, [true] = 6, [-1] = 7}\n"
           "local s = ''\nfor k, v in pairs(t) do s = s .. tostring(k) .. '=' .. v .. ' ' end "
           "return s"),
      "true=6 -1=7 2=4 2.5=5 10=3 a=2 z=1 ");
  EXPECT_EQ(*run("local t, s = {}, ''\nfor i = 1, 300 do t['k' .. i % 100] = i end\n"
                 "for k in pairs(t) do t[k] = nil; t.k7 = nil; s = s .. k end return s:sub(1, 12)"),
            "k0k1k10k11k1")
      << "what is removed meanwhile is not visited, nor is a nil";
  EXPECT_THAT(error_of("for k in pairs({[{}] = 1}) do end"), HasSubstr("a key is a table"));
  EXPECT_THAT(error_of("for k in pairs(a) do end"), HasSubstr("table expected"));
}

TEST(Sandbox, TheLibraryDoesWhatItSays) {
  EXPECT_EQ(*run("local i, j = ('a.b.c'):find('.', 3) return i .. ' ' .. j"), "4 4");
  EXPECT_EQ(*run("return tostring(('abc'):find('d')) .. tostring(('abc'):find('', 9))"), "nilnil");
  EXPECT_EQ(*run("return ('ab'):rep(3, '-') .. ('x'):rep(-1) .. (''):rep(1 << 60)"), "ab-ab-ab");
  EXPECT_EQ(
      *run("local t = {'c', 'a', 'b'} table.sort(t) table.insert(t, 1, 'z') "
           "table.remove(t) return table.concat(t, ',') .. #t .. select('#', table.unpack(t))"),
      "z,a,b33");
  EXPECT_EQ(
      *run("table.sort({3, 1}, function(x, y) return x > y end) return tostring(math.max(1, 2.5)) "
           ".. math.type(3) .. math.tointeger(3.0)"),
      "2.5integer3");
}

// ---- Bounds ---------------------------------------------------------------------------------------------------------

TEST(Sandbox, InstructionsAreBounded) {
  for (const char* code :
       {"while true do end", "local function f() return f() end return f()", "repeat until false",
        "::again:: goto again", "for i = 1, math.huge do end",
        "local t = {} for i = 1, 2000 do t[i] = i end while true do for k in pairs(t) do end end",
        "local t = {} for i = 1, 50000 do t[i] = i end while true do table.insert(t, 1, 0) end",
        "local t = {} for i = 1, 50000 do t[i] = i end while true do table.remove(t, 1) end",
        "local s = ('x'):rep(4000000) while true do s:find('y') end",
        "local s = ('x'):rep(4000000) while true do s:upper() end",
        "local s = ('x'):rep(4000000) local t = {} for i = 1, 50000 do t[i] = s end table.sort(t)",
        "local s = '[' .. ('0,'):rep(100000) .. '0]' while true do json.decode(s) end",
        "local t = {} for i = 1, 1000 do t[i] = i end while true do json.encode(t) end"})
    EXPECT_THAT(error_of(code),  // a slow machine comes to its time first
                AnyOf(HasSubstr("instructions, the limit"), HasSubstr("ms, the limit")))
        << code;
}

TEST(Sandbox, MemoryIsBounded) {
  for (const char* code :
       {"local s = 'x' while true do s = s .. s end", "return ('x'):rep(5 << 20)",
        "local t = {} for i = 1, 1 << 40 do t[i] = ('x'):rep(1 << 20) .. i end",
        "local t = {} for i = 1, 1 << 40 do t = {t} end",
        "return table.concat({}, ',', 1, 1 << 40)",
        "local function f() return 1 + f() end return f()"}) {
    Usage usage;
    const auto result = run_merge(merge_of(code), "", "", &usage);
    ASSERT_FALSE(result.ok()) << code;
    EXPECT_LE(usage.peak_bytes, kMaxMemoryBytes) << code;
  }
  EXPECT_THAT(error_of("local s = 'x' while true do s = s .. s end"), HasSubstr("memory"));
  EXPECT_THAT(error_of("return ('x'):rep(5 << 20)"), HasSubstr("too long"));
}

// What instructions do not tell is told by the processor's time.
TEST(Sandbox, TheProcessorsTimeIsBounded) {
  const std::string error =
      error_of("local s, t = ('x'):rep(4000000), ('x'):rep(3999999) .. 'x' while s <= t do end");
  EXPECT_TRUE(error.find("longer than 1000 ms") != std::string::npos ||
              error.find("instructions, the limit") != std::string::npos)
      << error;
}

TEST(Sandbox, NestingIsBounded) {
  EXPECT_FALSE(check_source("merge = " + std::string(10'000, '(')).ok());
  EXPECT_THAT(error_of("local t = {} for i = 1, 200 do t = {t} end return json.encode(t)"),
              HasSubstr("nested deeper than 100"));
  EXPECT_THAT(error_of("return json.decode(('['):rep(101) .. (']'):rep(101))"),
              HasSubstr("nested deeper than 100"));
  EXPECT_THAT(error_of("local t = {} for i = 1, 60 do t = {t, t} end return json.encode(t)"),
              HasSubstr("more than 262144 bytes"));
}

}  // namespace
}  // namespace kv::lua
