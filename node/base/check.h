// Assertions that stay on in release builds.
//
// A failed check means that this process no longer knows what is true. It prints where and why, and aborts: a crash is
// repaired by restart and anti-entropy, a wrong answer by nobody. Input from outside is never checked this way; it gets
// an absl::Status.
#pragma once

namespace kv {

[[noreturn, gnu::cold]] void check_failed(const char* file, int line, const char* condition,
                                          const char* why);

}  // namespace kv

#define KV_CHECK(condition, why)                               \
  do {                                                         \
    if (!(condition)) [[unlikely]]                             \
      ::kv::check_failed(__FILE__, __LINE__, #condition, why); \
  } while (false)
