#include "node/causality/token_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <tuple>
#include <vector>

#include "kv/v1/record.pb.h"
#include "node/base/limits.h"
#include "node/base/sealed.h"

namespace kv {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kBinding = 0x1234'5678'9abc'def0;

Token example_token() {
  return Token{Clock{{Actor{7}, 1}, {Actor{7}, 2}, {Actor{9}, 4}},
               Hlc{(1'700'000'000'000ULL << 16) + 3}};
}

std::string token_refusal(std::string_view bytes, std::uint64_t binding = kBinding) {
  const auto token = decode_token(bytes, binding);
  if (token.ok()) return "accepted";
  EXPECT_EQ(token.status().code(), absl::StatusCode::kInvalidArgument) << token.status();
  return std::string(token.status().message());
}

RC_GTEST_PROP(TokenCodec, RoundTrips, (std::uint64_t binding)) {
  const auto dots =
      *rc::gen::container<std::vector<std::pair<std::uint64_t, std::uint64_t>>>(rc::gen::pair(
          rc::gen::inRange<std::uint64_t>(1, 9), rc::gen::inRange<std::uint64_t>(1, 100)));
  Token token;
  for (const auto& [actor, counter] : dots) token.context.add({Actor{actor}, counter});
  token.hlc = Hlc{*rc::gen::inRange<std::uint64_t>(0, kMaxHlc.bits)};
  const auto back = decode_token(encode_token(token, binding), binding);
  RC_ASSERT(back.ok());
  RC_ASSERT(*back == token);
}

TEST(TokenCodec, TheTokenOfNothingReadIsAToken) {
  const auto back = decode_token(encode_token(Token{}, kBinding), kBinding);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, Token{});
}

TEST(TokenCodec, EveryFlippedBitIsRefused) {
  const std::string bytes = encode_token(example_token(), kBinding);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_THAT(token_refusal(damaged), HasSubstr("token: ")) << "bit " << bit;
  }
}

TEST(TokenCodec, EveryTruncationAndExtensionIsRefused) {
  const std::string bytes = encode_token(example_token(), kBinding);
  for (std::size_t n = 0; n < bytes.size(); ++n)
    EXPECT_NE(token_refusal(bytes.substr(0, n)), "accepted") << n;
  EXPECT_NE(token_refusal(bytes + "x"), "accepted");
}

TEST(TokenCodec, TheTokenOfAnotherKeyIsRefused) {
  EXPECT_THAT(token_refusal(encode_token(example_token(), kBinding), kBinding + 1),
              HasSubstr("another bucket or key"));
}

TEST(TokenCodec, AnotherFormatIsRefusedByItsNumber) {
  std::string bytes = encode_token(example_token(), kBinding);
  bytes[0] = 2;
  EXPECT_EQ(token_refusal(bytes), "token: format 2; this release knows format 1");
}

TEST(TokenCodec, ATokenThatIsTooLargeIsNamedWithItsSizeAndTheLimit) {
  EXPECT_EQ(token_refusal(std::string(kMaxTokenBytes + 1, 'x')),
            "token of 65537 bytes; the limit is 65536");
  EXPECT_THAT(token_refusal(std::string(kMaxTokenBytes, 'x')), HasSubstr("format 120"));
}

// A checksum is no signature: what is inside is checked as well.
TEST(TokenCodec, ForgedContentsAreRefused) {
  EXPECT_EQ(token_refusal(seal("\xff\xff")), "token: not a token");
  v1::TokenRecord record;
  record.set_binding(kBinding);
  EXPECT_EQ(token_refusal(seal(record.SerializeAsString())), "accepted");
  record.set_hlc(kMaxHlc.bits);
  EXPECT_EQ(token_refusal(seal(record.SerializeAsString())), "token: time out of range");
  record.set_hlc(0);
  // Actor 1 with neither a base nor runs.
  record.mutable_context()->set_dots(std::string("\x01\0\0\0\0\0\0\0\0\0", 10));
  EXPECT_EQ(token_refusal(seal(record.SerializeAsString())), "token: clock: empty entry");
}

}  // namespace
}  // namespace kv
