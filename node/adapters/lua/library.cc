#include "node/adapters/lua/library.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string_view>
#include <vector>

#include "node/adapters/lua/json.h"
#include "node/adapters/lua/sandbox.h"
#include "node/adapters/lua/state.h"

namespace kv::lua {
namespace {

std::string_view check_text(lua_State* lua, int argument) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(lua, argument, &size);
  return {text, size};
}

// The function that stands in front of upvalue 1 has looked at its arguments: they are passed on.
int call_original(lua_State* lua) {
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_insert(lua, 1);
  lua_call(lua, lua_gettop(lua) - 1, LUA_MULTRET);
  return lua_gettop(lua);
}

// ---- pairs ----------------------------------------------------------------------------------------------------------

struct Key {
  int type;
  long double number;  // exact for integers of 64 bits and for doubles
  std::string_view text;

  bool operator<(const Key& other) const {
    if (type != other.type) return type < other.type;
    return type == LUA_TSTRING ? text < other.text : number < other.number;
  }
};

Key key_at_top(lua_State* lua) {
  const int type = lua_type(lua, -1);
  if (type == LUA_TSTRING) {
    std::size_t size = 0;
    const char* text = lua_tolstring(lua, -1, &size);
    return {type, 0, {text, size}};
  }
  if (type == LUA_TBOOLEAN) return {type, static_cast<long double>(lua_toboolean(lua, -1)), {}};
  if (type != LUA_TNUMBER)
    luaL_error(lua, "pairs: a key is a %s; only booleans, numbers and strings have an order",
               lua_typename(lua, type));
  if (lua_isinteger(lua, -1) != 0)
    return {type, static_cast<long double>(lua_tointeger(lua, -1)), {}};
  return {type, static_cast<long double>(lua_tonumber(lua, -1)), {}};
}

void push(lua_State* lua, const Key& key) {
  if (key.type == LUA_TSTRING)
    lua_pushlstring(lua, key.text.data(), key.text.size());
  else if (key.type == LUA_TBOOLEAN)
    lua_pushboolean(lua, key.number != 0 ? 1 : 0);
  else if (key.number == std::floor(key.number) && std::abs(key.number) < 0x1p63L)
    lua_pushinteger(lua, static_cast<lua_Integer>(key.number));
  else
    lua_pushnumber(lua, static_cast<lua_Number>(key.number));
}

// Upvalues: the keys in order, and how many have been visited.
int next_pair(lua_State* lua) {
  lua_Integer at = lua_tointeger(lua, lua_upvalueindex(2));
  for (;;) {
    lua_settop(lua, 1);
    const int type = lua_rawgeti(lua, lua_upvalueindex(1), ++at);
    lua_pushinteger(lua, at);
    lua_copy(lua, -1, lua_upvalueindex(2));
    lua_pop(lua, 1);
    if (type == LUA_TNIL) return 1;
    lua_pushvalue(lua, -1);
    if (lua_rawget(lua, 1) != LUA_TNIL) return 2;  // else it has been removed meanwhile
  }
}

int pairs(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_settop(lua, 1);
  std::vector<Key> keys;
  std::size_t bytes = 0;
  for (lua_pushnil(lua); lua_next(lua, 1) != 0;) {
    lua_pop(lua, 1);
    keys.push_back(key_at_top(lua));
    bytes += keys.back().text.size();
  }
  State::of(lua).charge(static_cast<std::int64_t>(keys.size() + bytes / 4));
  std::sort(keys.begin(), keys.end());
  lua_createtable(lua, static_cast<int>(keys.size()), 0);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    push(lua, keys[i]);
    lua_rawseti(lua, 2, static_cast<lua_Integer>(i) + 1);
  }
  lua_pushinteger(lua, 0);
  lua_pushcclosure(lua, next_pair, 2);
  lua_pushvalue(lua, 1);
  return 2;
}

// ---- Text -----------------------------------------------------------------------------------------------------------

// Not what an address would make different on every node.
int to_string(lua_State* lua) {
  luaL_checkany(lua, 1);
  const int type = lua_type(lua, 1);
  if (type == LUA_TNIL || type == LUA_TBOOLEAN || type == LUA_TNUMBER || type == LUA_TSTRING)
    luaL_tolstring(lua, 1, nullptr);
  else
    lua_pushstring(lua, lua_typename(lua, type));
  return 1;
}

int find(lua_State* lua) {
  const std::string_view text = check_text(lua, 1);
  const std::string_view wanted = check_text(lua, 2);
  const lua_Integer from = std::max<lua_Integer>(luaL_optinteger(lua, 3, 1), 1) - 1;
  State::of(lua).charge_bytes(text.size() + wanted.size());
  lua_pushnil(lua);
  if (static_cast<std::size_t>(from) > text.size()) return 1;
  const char* begin = text.data() + from;
  const void* at =
      memmem(begin, text.size() - static_cast<std::size_t>(from), wanted.data(), wanted.size());
  if (at == nullptr) return 1;
  const lua_Integer first = static_cast<const char*>(at) - text.data() + 1;
  lua_pushinteger(lua, first);
  lua_pushinteger(lua, first + static_cast<lua_Integer>(wanted.size()) - 1);
  return 2;
}

int format(lua_State* lua) {
  const std::string_view text = check_text(lua, 1);
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at)) {
    at = std::min(text.find_first_not_of("-+ #0123456789.", at + 1), text.size());
    if (at < text.size() && text[at] == 'p')
      return luaL_error(lua, "format: there are no addresses");
    ++at;
  }
  for (int i = 2; i <= lua_gettop(lua); ++i) {
    const int type = lua_type(lua, i);
    if (type > LUA_TSTRING || type == LUA_TLIGHTUSERDATA)
      return luaL_error(lua, "format: a %s has no text", lua_typename(lua, type));
  }
  State::of(lua).charge_bytes(text.size());
  return call_original(lua);
}

int repeat(lua_State* lua) {
  const std::size_t size =
      check_text(lua, 1).size() + (lua_isnoneornil(lua, 3) ? 0 : check_text(lua, 3).size());
  const lua_Integer times = luaL_checkinteger(lua, 2);
  if (size == 0 || times <= 0) {
    lua_pushliteral(lua, "");
    return 1;
  }
  if (static_cast<std::size_t>(times) > kMaxBlockBytes / size)
    return luaL_error(lua, "rep: the text would be too long");
  return call_original(lua);
}

// ---- Tables ---------------------------------------------------------------------------------------------------------

// What insert, remove, concat and unpack do at most: go through the list once.
int charge_list(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  State::of(lua).charge(static_cast<std::int64_t>(lua_rawlen(lua, 1)));
  return call_original(lua);
}

int sort(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  const auto size = static_cast<lua_Integer>(lua_rawlen(lua, 1));
  std::size_t work = static_cast<std::size_t>(size);
  for (lua_Integer i = 1; i <= size; ++i) {
    if (lua_rawgeti(lua, 1, i) == LUA_TSTRING) work += lua_rawlen(lua, -1) / 4;
    lua_pop(lua, 1);
  }
  const auto rounds = static_cast<std::int64_t>(std::log2(static_cast<double>(size + 1))) + 1;
  State::of(lua).charge(static_cast<std::int64_t>(work) * rounds);
  return call_original(lua);
}

// ---- All of it ------------------------------------------------------------------------------------------------------

struct Guarded {
  const char* name;
  lua_CFunction guard;  // calls the original, its upvalue; null: the original as it is
};

// Adds functions of the table at the top to the one below it, and takes it off.
template <std::size_t count>
void add(lua_State* lua, const std::array<Guarded, count>& functions) {
  for (const Guarded& each : functions) {
    lua_getfield(lua, -1, each.name);
    if (each.guard != nullptr) lua_pushcclosure(lua, each.guard, 1);
    lua_setfield(lua, -3, each.name);
  }
  lua_pop(lua, 1);
}

constexpr std::array<Guarded, 6> kBase{{{"assert", nullptr},
                                        {"error", nullptr},
                                        {"ipairs", nullptr},
                                        {"select", nullptr},
                                        {"tonumber", nullptr},
                                        {"type", nullptr}}};
constexpr std::array<Guarded, 9> kString{{{"byte", nullptr},
                                          {"char", nullptr},
                                          {"format", format},
                                          {"len", nullptr},
                                          {"lower", nullptr},
                                          {"rep", repeat},
                                          {"reverse", nullptr},
                                          {"sub", nullptr},
                                          {"upper", nullptr}}};
constexpr std::array<Guarded, 5> kTable{{{"concat", charge_list},
                                         {"insert", charge_list},
                                         {"remove", charge_list},
                                         {"sort", sort},
                                         {"unpack", charge_list}}};
constexpr std::array<Guarded, 14> kMath{{{"abs", nullptr},
                                         {"ceil", nullptr},
                                         {"floor", nullptr},
                                         {"fmod", nullptr},
                                         {"huge", nullptr},
                                         {"max", nullptr},
                                         {"maxinteger", nullptr},
                                         {"min", nullptr},
                                         {"mininteger", nullptr},
                                         {"pi", nullptr},
                                         {"sqrt", nullptr},
                                         {"tointeger", nullptr},
                                         {"type", nullptr},
                                         {"ult", nullptr}}};

template <std::size_t count>
void add_library(lua_State* lua, const char* name, lua_CFunction open,
                 const std::array<Guarded, count>& functions) {
  lua_newtable(lua);
  luaL_requiref(lua, name, open, 0);
  add(lua, functions);
}

}  // namespace

void push_library(lua_State* lua) {
  luaL_checkstack(lua, 10, nullptr);
  add_library(lua, "_G", luaopen_base, kBase);
  lua_pushcfunction(lua, pairs);
  lua_setfield(lua, -2, "pairs");
  lua_pushcfunction(lua, to_string);
  lua_setfield(lua, -2, "tostring");
  add_library(lua, LUA_TABLIBNAME, luaopen_table, kTable);
  lua_setfield(lua, -2, "table");
  add_library(lua, LUA_MATHLIBNAME, luaopen_math, kMath);
  lua_setfield(lua, -2, "math");
  add_library(lua, LUA_STRLIBNAME, luaopen_string, kString);
  lua_pushcfunction(lua, find);
  lua_setfield(lua, -2, "find");
  // Of the metatable by which s:upper() finds its function, instead of the one that came with the library.
  lua_pushliteral(lua, "");
  lua_newtable(lua);
  lua_pushvalue(lua, -3);
  lua_setfield(lua, -2, "__index");
  lua_setmetatable(lua, -2);
  lua_pop(lua, 1);
  lua_setfield(lua, -2, "string");
  push_json(lua);
  lua_setfield(lua, -2, "json");
}

}  // namespace kv::lua
