#include "node/causality/session_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <tuple>
#include <vector>

#include "kv/v1/record.pb.h"
#include "node/base/limits.h"
#include "node/base/sealed.h"
#include "node/causality/token_codec.h"

namespace kv {
namespace {

using testing::HasSubstr;

Session example() {
  Session session;
  session.needs[Partition{3}] = Clock{{Actor{7}, 1}, {Actor{7}, 2}, {Actor{9}, 4}};
  session.needs[Partition{64}] = Clock{{Actor{1}, 1}};
  session.hlc = Hlc{(1'700'000'000'000ULL << 16) + 3};
  return session;
}

std::string refusal(std::string_view bytes) {
  const auto session = decode_session(bytes);
  if (session.ok()) return "accepted";
  EXPECT_EQ(session.status().code(), absl::StatusCode::kInvalidArgument) << session.status();
  return std::string(session.status().message());
}

RC_GTEST_PROP(SessionCodec, RoundTrips, ()) {
  const auto dots =
      *rc::gen::container<std::vector<std::tuple<std::uint16_t, std::uint64_t, std::uint64_t>>>(
          rc::gen::tuple(rc::gen::inRange<std::uint16_t>(0, 9),
                         rc::gen::inRange<std::uint64_t>(1, 9),
                         rc::gen::inRange<std::uint64_t>(1, 100)));
  Session session;
  for (const auto& [partition, actor, counter] : dots)
    session.needs[Partition{partition}].add({Actor{actor}, counter});
  session.hlc = Hlc{*rc::gen::inRange<std::uint64_t>(0, kMaxHlc.bits)};
  const auto back = decode_session(encode_session(session));
  RC_ASSERT(back.ok());
  RC_ASSERT(*back == session);
}

TEST(SessionCodec, NothingIsTheSessionThatHasSeenNothing) {
  EXPECT_EQ(decode_session("").value(), Session{});
  EXPECT_EQ(decode_session(encode_session(Session{})).value(), Session{});
}

TEST(SessionCodec, EveryFlippedBitIsRefused) {
  const std::string bytes = encode_session(example());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_THAT(refusal(damaged), HasSubstr("session: ")) << "bit " << bit;
  }
}

TEST(SessionCodec, EveryTruncationAndExtensionIsRefused) {
  const std::string bytes = encode_session(example());
  for (std::size_t n = 1; n < bytes.size(); ++n)
    EXPECT_NE(refusal(bytes.substr(0, n)), "accepted") << n;
  EXPECT_NE(refusal(bytes + "x"), "accepted");
}

TEST(SessionCodec, ATokenIsNoSessionAndASessionNoToken) {
  EXPECT_EQ(refusal(encode_token({Clock{{Actor{7}, 1}}, Hlc{5}}, 77)), "session: not a session");
  EXPECT_FALSE(decode_token(encode_session(example()), 77).ok());
}

TEST(SessionCodec, ASessionThatIsTooLargeIsNamedWithItsSizeAndTheLimit) {
  EXPECT_EQ(refusal(std::string(kMaxTokenBytes + 1, 'x')),
            "session of 65537 bytes; the limit is 65536");
}

// Three replicas of each of the 64 partitions of a common cluster.
TEST(SessionCodec, ASessionOfAWholeClusterIsSmall) {
  Session session;
  for (std::uint16_t partition = 0; partition < 64; ++partition)
    for (std::uint64_t replica = 1; replica <= 3; ++replica)
      session.needs[Partition{partition}].add_run(Actor{~(partition * 3 + replica)}, {1, 1 << 20});
  EXPECT_LT(encode_session(session).size(), 4096U);
}

// A checksum is no signature: what is inside is checked as well.
TEST(SessionCodec, ForgedContentsAreRefused) {
  EXPECT_EQ(refusal(seal("\xff\xff")), "session: not a session");
  v1::SessionRecord record;
  record.set_is_session(true);
  EXPECT_EQ(refusal(seal(record.SerializeAsString())), "accepted");
  record.set_hlc(kMaxHlc.bits);
  EXPECT_EQ(refusal(seal(record.SerializeAsString())), "session: time out of range");
  record.set_hlc(0);
  auto* part = record.add_parts();
  EXPECT_EQ(refusal(seal(record.SerializeAsString())), "session: partitions out of range or order");
  std::string clock =
      std::string("\x01\0\0\0\0\0\0\0\0\0", 10);  // actor 1 with no base and no runs
  part->mutable_needs()->set_dots(clock);
  EXPECT_EQ(refusal(seal(record.SerializeAsString())), "session: clock: empty entry");
  clock[8] = 4;  // its base
  part->mutable_needs()->set_dots(clock);
  EXPECT_EQ(refusal(seal(record.SerializeAsString())), "accepted");
  *record.add_parts() = *part;
  EXPECT_EQ(refusal(seal(record.SerializeAsString())), "session: partitions out of range or order");
}

}  // namespace
}  // namespace kv
