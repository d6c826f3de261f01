#include "node/feed/watch_token_codec.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

TEST(WatchTokenTest, ComesBackAsItWas) {
  const WatchToken token{7, 8, {9, 3}};
  const auto decoded = decode_watch_token(encode_watch_token(token), 8);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, token);
}

TEST(WatchTokenTest, AnythingElseIsRefused) {
  const std::string good = encode_watch_token({7, 8, {9, 3}});
  EXPECT_TRUE(absl::IsInvalidArgument(decode_watch_token(good, 9).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(decode_watch_token("", 8).status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(decode_watch_token(encode_watch_token({7, 8, {0, 3}}), 8).status()));
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string damaged = good;
    damaged[i] = static_cast<char>(damaged[i] ^ 4);
    EXPECT_TRUE(absl::IsInvalidArgument(decode_watch_token(damaged, 8).status())) << i;
    EXPECT_TRUE(absl::IsInvalidArgument(decode_watch_token(good.substr(0, i), 8).status())) << i;
  }
}

}  // namespace
}  // namespace kv
