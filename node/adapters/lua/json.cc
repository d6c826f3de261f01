#include "node/adapters/lua/json.h"

#include <cmath>

#include "node/adapters/lua/state.h"
#include "node/base/limits.h"

namespace kv::lua {
namespace {

using Json = nlohmann::json;

constexpr const char* kArray = "kv.array";  // the metatable that marks one

bool is_too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\')
      ++i;
    else if (c == '"')
      in_string = !in_string;
    else if (!in_string && (c == '[' || c == '{') && ++depth > kMaxJsonDepth)
      return true;
    else if (!in_string && (c == ']' || c == '}'))
      --depth;
  }
  return false;
}

// Whole numbers as such, where a double still tells them apart.
Json number(double value) {
  if (value == std::floor(value) && std::abs(value) < 0x1p53)
    return static_cast<std::int64_t>(value);
  return value;
}

void normalise(Json& json) {
  if (json.is_number_float()) json = number(json.get<double>());
  if (json.is_structured())
    for (Json& each : json) normalise(each);
}

// None if some text in it is no UTF-8.
std::optional<std::string> text_of(const Json& json) {
  try {
    return json.dump();
  } catch (const Json::type_error&) {
    return std::nullopt;
  }
}

// ---- From Lua -------------------------------------------------------------------------------------------------------

class Encoder {
 public:
  explicit Encoder(lua_State* lua) : lua_(lua) {}

  // Of the value at the top, which stays there.
  Json encode(int depth) {
    if (depth > kMaxJsonDepth) luaL_error(lua_, "json: nested deeper than %d", kMaxJsonDepth);
    count(1);
    switch (lua_type(lua_, -1)) {
      case LUA_TBOOLEAN:
        return lua_toboolean(lua_, -1) != 0;
      case LUA_TNUMBER:
        return encode_number();
      case LUA_TSTRING:
        return text();
      case LUA_TLIGHTUSERDATA:
        return nullptr;
      case LUA_TTABLE:
        return encode_table(depth);
      default:
        luaL_error(lua_, "json: a %s is no JSON", luaL_typename(lua_, -1));
        return nullptr;
    }
  }

 private:
  // Each takes at least a byte of the text: what is in the same table twice counts twice.
  void count(std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ > kMaxMergeValueBytes)
      luaL_error(lua_, "json: the text would have more than %d bytes", int{kMaxMergeValueBytes});
  }

  std::string text() {
    std::size_t size = 0;
    const char* bytes = lua_tolstring(lua_, -1, &size);
    count(size);
    return std::string(bytes, size);
  }

  Json encode_number() {
    if (lua_isinteger(lua_, -1) != 0) return static_cast<std::int64_t>(lua_tointeger(lua_, -1));
    const double value = lua_tonumber(lua_, -1);
    if (!std::isfinite(value)) luaL_error(lua_, "json: %f is no JSON", value);
    return number(value);
  }

  bool is_marked() {
    if (lua_getmetatable(lua_, -1) == 0) return false;
    lua_pop(lua_, 1);  // nothing else has one
    return true;
  }

  Json encode_table(int depth) {
    luaL_checkstack(lua_, 4, "json");
    const auto size = static_cast<lua_Integer>(lua_rawlen(lua_, -1));
    if (size > 0 || is_marked()) return encode_array(size, depth);
    Json object = Json::object();
    for (lua_pushnil(lua_); lua_next(lua_, -2) != 0; lua_pop(lua_, 1)) {
      if (lua_type(lua_, -2) != LUA_TSTRING)
        luaL_error(lua_, "json: a field's name is a %s; it must be a string",
                   luaL_typename(lua_, -2));
      Json value = encode(depth + 1);
      lua_pushvalue(lua_, -2);
      object[text()] = std::move(value);
      lua_pop(lua_, 1);
    }
    return object;
  }

  Json encode_array(lua_Integer size, int depth) {
    Json array = Json::array();
    lua_Integer keys = 0;
    for (lua_pushnil(lua_); lua_next(lua_, -2) != 0; lua_pop(lua_, 1)) ++keys;
    if (keys != size)
      luaL_error(lua_, "json: an array with holes, or with fields beside its items");
    for (lua_Integer i = 1; i <= size; ++i) {
      lua_rawgeti(lua_, -1, i);
      array.push_back(encode(depth + 1));
      lua_pop(lua_, 1);
    }
    return array;
  }

  lua_State* const lua_;
  std::size_t bytes_ = 0;
};

int encode(lua_State* lua) {
  luaL_checkany(lua, 1);
  lua_settop(lua, 1);
  const auto out = text_of(Encoder(lua).encode(1));
  if (!out.has_value()) return luaL_error(lua, "json: a text is no UTF-8");
  State::of(lua).charge_bytes(16 * out->size());
  lua_pushlstring(lua, out->data(), out->size());
  return 1;
}

// ---- To Lua ---------------------------------------------------------------------------------------------------------

void push(lua_State* lua, const Json& json) {
  luaL_checkstack(lua, 4, "json");
  if (json.is_null()) return lua_pushlightuserdata(lua, nullptr);
  if (json.is_boolean()) return lua_pushboolean(lua, json.get<bool>() ? 1 : 0);
  if (json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX)
    return lua_pushnumber(lua, static_cast<double>(json.get<std::uint64_t>()));
  if (json.is_number_integer()) return lua_pushinteger(lua, json.get<std::int64_t>());
  if (json.is_number()) return lua_pushnumber(lua, json.get<double>());
  if (json.is_string()) {
    const auto& text = json.get_ref<const std::string&>();
    lua_pushlstring(lua, text.data(), text.size());
    return;
  }
  if (json.is_array()) {
    lua_createtable(lua, static_cast<int>(json.size()), 0);
    lua_Integer at = 0;
    for (const Json& each : json) {
      push(lua, each);
      lua_rawseti(lua, -2, ++at);
    }
    luaL_setmetatable(lua, kArray);
    return;
  }
  lua_createtable(lua, 0, static_cast<int>(json.size()));
  for (const auto& [name, value] : json.items()) {
    lua_pushlstring(lua, name.data(), name.size());
    push(lua, value);
    lua_rawset(lua, -3);
  }
}

int decode(lua_State* lua) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(lua, 1, &size);
  if (size > kMaxMergeValueBytes)
    return luaL_error(lua, "json: a text of more than %d bytes", int{kMaxMergeValueBytes});
  State::of(lua).charge_bytes(16 * size);
  const auto json = parse_json({text, size});
  if (!json.has_value()) return luaL_error(lua, "no JSON, or nested deeper than %d", kMaxJsonDepth);
  const char* kind = luaL_optstring(lua, 2, json->type_name());
  if (std::string_view(kind) != json->type_name())
    return luaL_error(lua, "json: an %s was expected, this is of type %s", kind, json->type_name());
  push(lua, *json);
  return 1;
}

int mark_array(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_settop(lua, 1);
  luaL_setmetatable(lua, kArray);
  return 1;
}

}  // namespace

std::optional<nlohmann::json> parse_json(std::string_view text) {
  if (is_too_deep(text)) return std::nullopt;
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return std::nullopt;
  normalise(json);
  return json;
}

std::optional<std::string> canonical_json(std::string_view text) {
  const auto json = parse_json(text);
  return json.has_value() ? std::optional(json->dump()) : std::nullopt;
}

bool is_utf8(const std::string& text) { return text_of(Json(text)).has_value(); }

void push_json(lua_State* lua) {
  luaL_newmetatable(lua, kArray);
  lua_pop(lua, 1);
  lua_newtable(lua);
  lua_pushcfunction(lua, decode);
  lua_setfield(lua, -2, "decode");
  lua_pushcfunction(lua, encode);
  lua_setfield(lua, -2, "encode");
  lua_pushcfunction(lua, mark_array);
  lua_setfield(lua, -2, "array");
  lua_pushlightuserdata(lua, nullptr);
  lua_setfield(lua, -2, "null");
}

}  // namespace kv::lua
