// Whether a merge function may be trusted with a bucket: it is tried on samples, given ones and generated ones, before anything
// is stored by it. Nothing is proved; but what is lawless is shown to be with the values that show it.
//
// Deterministic: the same source and samples are tried on the same values everywhere. Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace kv::lua {

// Values to try, each once: the samples; others like them, put together from their parts; texts, numbers and JSON documents of
// all kinds, fixed and random ones.
struct Candidates {
  std::vector<std::string> given;
  std::vector<std::string> derived;
  std::vector<std::string> generated;
};
Candidates make_candidates(const std::vector<std::string>& samples);

// INVALID_ARGUMENT: the source is no merge function, breaks a law (with the counter-example), takes too long, or too few
// candidates are values of it for the laws to have been tried; the message says what to do.
absl::Status check_laws(std::string_view source, const std::vector<std::string>& samples);

}  // namespace kv::lua
