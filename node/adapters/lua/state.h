// The state of one call (sandbox.h), as the functions that it may use see it. Not thread-safe.
//
// Lua is linked as built for C++: its errors are exceptions, so that destructors run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <lua5.4/lua.hpp>

namespace kv::lua {

class State {
 public:
  State();
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  lua_State* lua() { return lua_; }
  std::int64_t steps() const { return steps_; }
  std::size_t peak_bytes() const { return peak_; }

  static State& of(lua_State* lua) { return **static_cast<State**>(lua_getextraspace(lua)); }

  // Takes `steps` from what the call may do; an error of the code when there are not as many left.
  void charge(std::int64_t steps);
  // For looking at so many bytes once.
  void charge_bytes(std::size_t bytes);

 private:
  static void* allocate(void* self, void* block, std::size_t old_bytes, std::size_t new_bytes);
  static void count(lua_State* lua, lua_Debug*);

  std::size_t used_ = 0;
  std::size_t peak_ = 0;
  std::int64_t steps_ = 0;
  std::int64_t started_us_;
  lua_State* lua_;
};

}  // namespace kv::lua
