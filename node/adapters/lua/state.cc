#include "node/adapters/lua/state.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "node/adapters/lua/sandbox.h"
#include "node/base/check.h"

namespace kv::lua {
namespace {

constexpr int kStepsPerHook = 1000;
constexpr std::size_t kBytesPerStep = 16;

std::int64_t processor_us() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1000;
}

}  // namespace

State::State() : started_us_(processor_us()), lua_(lua_newstate(allocate, this)) {
  KV_CHECK(lua_ != nullptr, "an empty state is far below the limit");
  *static_cast<State**>(lua_getextraspace(lua_)) = this;
  lua_sethook(lua_, count, LUA_MASKCOUNT, kStepsPerHook);
}

State::~State() { lua_close(lua_); }

void* State::allocate(void* self, void* block, std::size_t old_bytes, std::size_t new_bytes) {
  State& state = *static_cast<State*>(self);
  const std::size_t had = block == nullptr ? 0 : old_bytes;  // else it is a kind of object
  if (new_bytes == 0) {
    std::free(block);
    state.used_ -= had;
    return nullptr;
  }
  // Lua counts on it that a block can always be made smaller.
  const bool grows = new_bytes > had;
  if (grows && (new_bytes > kMaxBlockBytes || state.used_ - had + new_bytes > kMaxMemoryBytes))
    return nullptr;
  void* moved = std::realloc(block, new_bytes);
  KV_CHECK(moved != nullptr || grows, "a block can be made smaller");
  if (moved == nullptr) return nullptr;
  if (grows) state.steps_ += static_cast<std::int64_t>((new_bytes - had) / kBytesPerStep);
  state.used_ = state.used_ - had + new_bytes;
  state.peak_ = std::max(state.peak_, state.used_);
  return moved;
}

void State::charge(std::int64_t steps) {
  steps_ += std::min(steps, kMaxSteps + 1);
  if (steps_ > kMaxSteps)
    luaL_error(lua_, "it takes more than %d instructions, the limit", int{kMaxSteps});
}

void State::charge_bytes(std::size_t bytes) {
  charge(static_cast<std::int64_t>(bytes / kBytesPerStep));
}

void State::count(lua_State* lua, lua_Debug*) {
  State& state = of(lua);
  state.charge(kStepsPerHook);
  if (processor_us() - state.started_us_ > kMaxProcessorMs * 1000)
    luaL_error(lua, "it takes longer than %d ms, the limit", int{kMaxProcessorMs});
}

}  // namespace kv::lua
