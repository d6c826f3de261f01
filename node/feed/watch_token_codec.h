// The token of a watcher: where it goes on, as opaque bytes that it hands back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace kv {

// In the log of changes (node/storage/changes.h): a commit, and how many of its events have been seen.
struct FeedPosition {
  std::uint64_t commit = 0;
  std::uint32_t event = 0;
  bool operator==(const FeedPosition&) const = default;
};

struct WatchToken {
  std::uint64_t feed = 0;     // whose positions these are (Feed::identity)
  std::uint64_t binding = 0;  // hash of what is watched
  FeedPosition next;
  bool operator==(const WatchToken&) const = default;
};

std::string encode_watch_token(const WatchToken& token);

// INVALID_ARGUMENT: no such token, or one of a watch of something else.
absl::StatusOr<WatchToken> decode_watch_token(std::string_view bytes, std::uint64_t binding);

}  // namespace kv
