// The header of every piece of bytes that outlives the process that wrote it: one byte of format number, four bytes of
// checksum over the rest. It finds damage and stale formats; it is no protection against forgery.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace kv {

constexpr std::size_t kSealBytes = 5;
constexpr char kSealFormat = 1;

std::string seal(std::string_view body);

// Without a copy: seals what `out` holds from `at` on, which begins with kSealBytes bytes of room for the header.
void seal_in_place(std::string& out, std::size_t at);

// The body, pointing into `bytes`. DATA_LOSS when too short, of an unknown format, or damaged.
absl::StatusOr<std::string_view> unseal(std::string_view bytes);

}  // namespace kv
