// Runs a merge function of a user's, written in Lua 5.4, on two values.
//
// Each call has a Lua state of its own, made for it and thrown away: nothing that a call leaves behind can be seen by the next.
// What the code can reach is a list of functions (library.h), none of which knows of files, processes, the clock, randomness,
// or of other code to load. It is bounded in three ways, each an error of that call:
//   instructions   counted by Lua's own hook, every thousandth; what a function of the list does beside that is charged to it
//   memory         by an allocator that gives no more; and no one block (a string, a table's array) beyond a limit of its own
//   processor      a second of this thread's time, for what instructions do not tell, such as comparing long strings
//
// Deterministic: the same source and values give the same result on every node. What could differ is not there (addresses as
// text, the hash's order of a table: pairs() goes by keys) or unspecified by Lua's manual itself (# of a list with holes). Only
// where a call is at the very limit of memory, or of the processor's time, it may fail on one node and not on another; then
// siblings are shown, never another value.
//
// Stateless; thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace kv::lua {

constexpr std::int64_t kMaxSteps = 10'000'000;  // instructions of one call
constexpr std::size_t kMaxMemoryBytes = 32 * 1024 * 1024;
constexpr std::size_t kMaxBlockBytes = 4 * 1024 * 1024;
constexpr std::int64_t kMaxProcessorMs = 1000;

// What one call used.
struct Usage {
  std::int64_t steps = 0;
  std::size_t peak_bytes = 0;
};

// Whether it is Lua and defines a function merge. INVALID_ARGUMENT with the line.
absl::Status check_source(std::string_view source);

// merge(a, b) of that source. INVALID_ARGUMENT: it raised an error, went beyond a limit or returned no string, or one that is
// larger than a value may be (kMaxMergeValueBytes).
absl::StatusOr<std::string> run_merge(std::string_view source, std::string_view a,
                                      std::string_view b, Usage* usage = nullptr);

}  // namespace kv::lua
