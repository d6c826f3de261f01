// JSON for merge functions, and what makes two documents the same. Deterministic: fields are written in the order of their
// names' bytes, without white space, numbers in the shortest form that means the same.
//
//   json.decode(text [, kind])   objects and arrays become tables, null becomes json.null; an error for what is no JSON, or not of
//                       that kind: "object", "array", "string", "number" ...
//   json.encode(value)  a table is an array if it came from one, went through json.array, or has the keys 1 to n; else an object
//   json.array(table)   marks it as an array, which an empty one needs; returns it
//   json.null
//
// As in JSON, 1 and 1.0 are one number; integers up to 64 bits are exact. Thread-safe.
#pragma once

#include <lua5.4/lua.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace kv::lua {

constexpr int kMaxJsonDepth = 100;

// None for what is no JSON, or nested deeper than that.
std::optional<nlohmann::json> parse_json(std::string_view text);

// One text for all texts of the same document.
std::optional<std::string> canonical_json(std::string_view text);

bool is_utf8(const std::string& text);

// Leaves on the stack a table with the functions above.
void push_json(lua_State* lua);

}  // namespace kv::lua
