#include "node/adapters/lua/sandbox.h"

#include "absl/strings/str_cat.h"
#include "node/adapters/lua/library.h"
#include "node/adapters/lua/state.h"
#include "node/base/limits.h"

namespace kv::lua {
namespace {

struct Call {
  std::string_view source;
  std::string_view a;
  std::string_view b;
  bool only_check = false;
};

// Leaves the result on the stack. Whatever may raise an error happens in here.
int run_call(lua_State* lua) {
  const Call& call = *static_cast<const Call*>(lua_touserdata(lua, 1));
  push_library(lua);
  const int globals = lua_gettop(lua);
  if (luaL_loadbufferx(lua, call.source.data(), call.source.size(), "=merge", "t") != LUA_OK)
    return lua_error(lua);
  lua_pushvalue(lua, globals);
  lua_setupvalue(lua, -2, 1);
  lua_call(lua, 0, 0);
  if (lua_getfield(lua, globals, "merge") != LUA_TFUNCTION)
    return luaL_error(lua, "it defines no function merge(a, b)");
  if (call.only_check) return 0;
  lua_pushlstring(lua, call.a.data(), call.a.size());
  lua_pushlstring(lua, call.b.data(), call.b.size());
  lua_call(lua, 2, 1);
  if (lua_type(lua, -1) != LUA_TSTRING)
    return luaL_error(lua, "merge returned a %s, not a string", luaL_typename(lua, -1));
  if (lua_rawlen(lua, -1) > kMaxMergeValueBytes)
    return luaL_error(lua, "merge returned more than %d bytes, the limit",
                      int{kMaxMergeValueBytes});
  return 1;
}

// What was raised may be of any type.
std::string error_at_top(lua_State* lua) {
  if (lua_type(lua, -1) != LUA_TSTRING) return absl::StrCat("an error, a ", luaL_typename(lua, -1));
  std::size_t size = 0;
  const char* text = lua_tolstring(lua, -1, &size);
  constexpr std::size_t kMost = 500;
  return std::string(text, std::min(size, kMost));
}

absl::StatusOr<std::string> run(const Call& call, Usage* usage) {
  State state;
  lua_State* lua = state.lua();
  lua_pushcfunction(lua, run_call);
  lua_pushlightuserdata(lua,
                        const_cast<Call*>(&call));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  const int code = lua_pcall(lua, 1, call.only_check ? 0 : 1, 0);
  if (usage != nullptr) *usage = {state.steps(), state.peak_bytes()};
  if (code == LUA_ERRMEM)
    return absl::InvalidArgumentError(
        absl::StrCat("it takes more than ", kMaxMemoryBytes >> 20,
                     " MiB of memory, or one text or list of more than ", kMaxBlockBytes >> 20,
                     " MiB, the limits"));
  if (code != LUA_OK) return absl::InvalidArgumentError(error_at_top(lua));
  if (call.only_check) return "";
  std::size_t size = 0;
  const char* text = lua_tolstring(lua, -1, &size);
  return std::string(text, size);
}

}  // namespace

absl::Status check_source(std::string_view source) {
  return run({source, "", "", true}, nullptr).status();
}

absl::StatusOr<std::string> run_merge(std::string_view source, std::string_view a,
                                      std::string_view b, Usage* usage) {
  return run({source, a, b}, usage);
}

}  // namespace kv::lua
