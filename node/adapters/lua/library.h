// All that a merge function can call. No function here does more than linear work that is not charged, and none shows what
// differs between two nodes.
//
//   assert error ipairs select tonumber tostring type; pairs (ascending keys: booleans, numbers, strings)
//   string   byte char find (plain text: find(s, text [, from])) format len lower rep reverse sub upper
//   table    concat insert remove sort unpack
//   math     abs ceil floor fmod huge max maxinteger min mininteger pi sqrt tointeger type ult
//   json     decode encode array null (json.h)
#pragma once

#include <lua5.4/lua.hpp>

namespace kv::lua {

// Leaves on the stack a new table with all of it, to be the globals of the code. May raise an error: call it protected.
void push_library(lua_State* lua);

}  // namespace kv::lua
